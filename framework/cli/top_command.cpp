// SPDX-License-Identifier: Apache-2.0
// lithos top: asks lithosd once per interval and shows the answer, on a terminal, as plain text or as lines of JSON.
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "cli/top/top_sample.hpp"
#include "cli/top/top_screen.hpp"
#include "cli/top/top_terminal.hpp"
#include "daemon/admin_client.hpp"

namespace lithos {
namespace {

using Clock = std::chrono::steady_clock;

// The daemon's answers, one kept for the rates of the next.
class Source {
 public:
  explicit Source(AdminClient client) : client_(std::move(client)) {}

  Result<TopSample> next() {
    Json arguments = Json::object();
    arguments.set("operators", kOperators);
    Result<Json> answer = client_.ask("status", arguments, kAnswerWithin);
    if (!answer.ok()) return answer.status();
    const Json before = std::exchange(last_, std::move(answer).value());
    return sample_of(last_, before);
  }

 private:
  static constexpr int kOperators = 64;
  static constexpr Nanoseconds kAnswerWithin{5'000'000'000};
  AdminClient client_;
  Json last_;
};

// One key. False: to end.
bool obey(int key, TopView& view) {
  switch (key) {
    case -1:
    case 'q':
    case 3: return false;
    case 's': view.sort = next_sort(view.sort); break;
    case 'n': view.sort = TopSort::name; break;
    case 't': view.sort = TopSort::tpcs; break;
    case 'u': view.sort = TopSort::queue; break;
    case 'r': view.sort = TopSort::rate; break;
    case 'p': view.sort = TopSort::p99; break;
    case 'k': view.kernels = !view.kernels; break;
    case ' ': view.paused = !view.paused; break;
    case '?':
    case 'h': view.help = !view.help; break;
    default: break;
  }
  return true;
}

Status on_terminal(Source& source, const TopArguments& arguments, TopView view) {
  TopTerminal terminal;
  Result<TopSample> sample = source.next();
  for (std::uint64_t shown = 0; sample.ok();) {
    const Clock::time_point until = Clock::now() + arguments.interval;
    for (Nanoseconds left = arguments.interval; left.count() > 0; left = until - Clock::now()) {
      const TopTerminal::Size size = terminal.size();
      view.columns = size.columns;
      view.rows = size.rows;
      terminal.draw(render_top(sample.value(), view));
      if (!obey(terminal.key(left), view)) return {};
    }
    if (view.paused) continue;
    if (arguments.samples > 0 && ++shown >= arguments.samples) return {};
    sample = source.next();
  }
  return sample.status();
}

Status as_text(Source& source, const TopArguments& arguments, TopView view, Console& console) {
  view.rows = 1000;  // no foot to reach
  for (std::uint64_t shown = 0; arguments.samples == 0 || shown < arguments.samples; ++shown) {
    if (shown > 0) std::this_thread::sleep_for(arguments.interval);
    const Result<TopSample> sample = source.next();
    if (!sample.ok()) return sample.status();
    if (arguments.json) console.out << to_json(sample.value()).dump() << "\n";
    else
      for (const std::string& line : render_top(sample.value(), view)) console.out << line << "\n";
    console.out << std::flush;
    if (!console.out) return {};  // nobody reads any more
  }
  return {};
}

}  // namespace

ExitCode run_top(const TopArguments& arguments, Console& console) {
  Result<AdminClient> client = AdminClient::connect(run_folder(arguments.run_folder) + "/admin.sock");
  if (!client.ok()) {
    console.err << "lithos: " << client.status().message() << "\n";
    return ExitCode::unreachable;
  }
  Source source(std::move(client).value());
  TopView view;
  view.colour = console.colour;
  const bool terminal = !arguments.json && TopTerminal::possible();
  const Status done = terminal ? on_terminal(source, arguments, view) : as_text(source, arguments, view, console);
  if (done.ok()) return ExitCode::ok;
  console.err << "lithos: " << done.message() << "\n";
  return done.code() == StatusCode::unavailable ? ExitCode::unreachable : ExitCode::refused;
}

}  // namespace lithos
