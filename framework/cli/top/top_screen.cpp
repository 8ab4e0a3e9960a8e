// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_screen.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/comparison.hpp"
#include "cli/console.hpp"

namespace lithos {
namespace {

constexpr std::size_t kLeast = 60;    // columns: below that lines are cut
constexpr std::size_t kMapLabel = 9;  // "working  "
constexpr std::size_t kTenantName = 12;
const char* const kInks[] = {"36", "33", "35", "32", "34", "31", "96", "93"};  // by tenant, repeated

char letter_of(std::size_t index) { return static_cast<char>('a' + index % 26); }

std::string in_ink(std::string_view text, std::size_t index, bool colour) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", kInks[index % std::size(kInks)], text) : std::string(text);
}

// Cut to a width, with an ellipsis where something is missing; bytes of UTF-8 stay together.
std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::string out;
  std::size_t used = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
    if (begins && ++used >= width) break;
    out += c;
  }
  return out + "…";
}
std::string left(std::string_view text, std::size_t width) {
  std::string out = fit(text, width);
  return out + std::string(width - std::min(width, display_width(out)), ' ');
}
std::string right(std::string_view text, std::size_t width) {
  std::string out = fit(text, width);
  return std::string(width - std::min(width, display_width(out)), ' ') + out;
}

std::string last_part(const std::string& id) { return id.substr(id.rfind('.') == id.npos ? 0 : id.rfind('.') + 1); }

std::string short_class(const std::string& name) {
  return name == "latency_critical" ? "critical" : name == "best_effort" ? "best eff" : name;
}

std::string uptime(double seconds) {
  const auto s = static_cast<long>(seconds);
  return s < 60     ? fmt::format("{}s", s)
         : s < 3600 ? fmt::format("{}m{:02}s", s / 60, s % 60)
                    : fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

class Screen {
 public:
  Screen(const TopSample& sample, const TopView& view)
      : sample_(sample), view_(view), width_(std::max(view.columns, kLeast)) {}

  std::vector<std::string> render() {
    order();
    head();
    map();
    tenants();
    if (view_.kernels) kernels();
    foot();
    return std::move(lines_);
  }

 private:
  void line(const std::string& text) { lines_.push_back(text); }
  void title(const std::string& text) {
    line("");
    line(styled(left(text, width_), Tone::faint, view_.colour));
  }

  // Letters go by the daemon's order, so that a tenant keeps its letter whatever the sorting.
  void order() {
    for (std::size_t i = 0; i < sample_.tenants.size(); ++i) order_.push_back(i);
    const auto key = [this](std::size_t i) {
      const TopTenant& t = sample_.tenants[i];
      switch (view_.sort) {
        case TopSort::name: return 0.0;
        case TopSort::tpcs: return static_cast<double>(t.working.count());
        case TopSort::queue: return static_cast<double>(t.queued);
        case TopSort::rate: return t.requests_per_s;
        case TopSort::p99: return t.p99_ms;
      }
      return 0.0;
    };
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return key(a) != key(b) ? key(a) > key(b) : sample_.tenants[a].name < sample_.tenants[b].name;
    });
  }

  void head() {
    const std::string state = view_.paused ? "  paused" : "";
    line(styled("lithos top", Tone::strong, view_.colour) +
         fit(fmt::format("  {} ({}, {} TPCs)  set {}  up {}{}", sample_.gpu, sample_.device, sample_.tpcs, sample_.set,
                         uptime(sample_.uptime_s), state),
             width_ - 10));
    std::string policies;
    std::int64_t faults = 0, fallbacks = 0;
    for (const TopPolicy& policy : sample_.policies) {
      policies += (policies.empty() ? "" : ", ") + last_part(policy.id);
      faults += policy.faults;
      fallbacks += policy.fallbacks;
    }
    line(fit(fmt::format("policies  {}; generation {}{}", policies, sample_.generation,
                         sample_.in_probation ? ", in probation" : ""),
             width_));
    std::string rates = fmt::format("decisions {}/s  atoms {}/s", short_number(sample_.decisions_per_s),
                                    short_number(sample_.atoms_per_s));
    if (sample_.clock_mhz > 0) rates += fmt::format("  {:.0f} MHz", sample_.clock_mhz);
    if (sample_.power_w > 0) rates += fmt::format("  {:.0f} W", sample_.power_w);
    line(fit(rates, width_ - 27) +
         styled(fmt::format("  faults {}", faults), faults > 0 ? Tone::bad : Tone::plain, view_.colour) +
         styled(fmt::format("  fallbacks {}", fallbacks), fallbacks > 0 ? Tone::fair : Tone::plain, view_.colour));
  }

  // Two lines per stretch of TPCs: who owns each, who works on it.
  void map() {
    title("TPCs: a tenant's letter, as a capital where the TPC is borrowed, . nobody, + several");
    const std::size_t room = width_ - kMapLabel - 4;
    for (unsigned from = 0; from < sample_.tpcs; from += static_cast<unsigned>(room)) {
      const unsigned to = std::min(sample_.tpcs, from + static_cast<unsigned>(room));
      std::string owners, workers;
      for (unsigned tpc = from; tpc < to; ++tpc) {
        owners += cell(tpc, false);
        workers += cell(tpc, true);
      }
      line(left(fmt::format("own   {}", from), kMapLabel) + owners);
      line(left("work", kMapLabel) + workers);
    }
  }

  std::string cell(unsigned tpc, bool working) const {
    std::size_t found = sample_.tenants.size();
    for (std::size_t i = 0; i < sample_.tenants.size(); ++i) {
      const TopTenant& tenant = sample_.tenants[i];
      if (!(working ? tenant.working : tenant.own).has(tpc)) continue;
      if (found < sample_.tenants.size()) return "+";
      found = i;
    }
    if (found == sample_.tenants.size()) return ".";
    const bool borrowed = working && !sample_.tenants[found].own.has(tpc);
    const char letter = letter_of(found);
    return in_ink(std::string(1, borrowed ? static_cast<char>(letter - 'a' + 'A') : letter), found, view_.colour);
  }

  void tenants() {
    const std::size_t name = kTenantName + (width_ - 78 < width_ ? width_ - std::min<std::size_t>(width_, 80) : 0) / 2;
    title(fmt::format("  {} {}{}{}{}{}{}{}{}{}{}", left("tenant", name), left("class", 8), right("quota", 6),
                      right("work", 5), right("lease", 6), right("queue", 6), right("req/s", 7), right("p50 ms", 7),
                      right("p99 ms", 7), right("SLO", 6), right("met", 7)));
    if (sample_.tenants.empty()) line("  no tenant is attached");
    for (const std::size_t i : order_) {
      const TopTenant& t = sample_.tenants[i];
      const bool judged = t.slo_ms > 0 && t.slo_attainment >= 0, late = judged && t.slo_attainment < 0.99;
      const auto ms = [](double value) { return value > 0 ? short_number(value) : std::string("–"); };
      line(in_ink(std::string(1, letter_of(i)), i, view_.colour) + " " + left(t.name, name) + " " +
           left(short_class(t.tenant_class), 8) + right(fmt::format("{}", t.quota_tpcs), 6) +
           right(fmt::format("{}", t.working.count()), 5) + right(fmt::format("{}", t.leased.count()), 6) +
           right(t.queued < 0 ? "–" : short_count(static_cast<std::uint64_t>(t.queued)), 6) +
           right(short_number(t.requests_per_s), 7) + right(ms(t.p50_ms), 7) + right(ms(t.p99_ms), 7) +
           right(ms(t.slo_ms), 6) +
           styled(right(judged ? short_percent(t.slo_attainment) : "–", 7), late ? Tone::bad : Tone::plain,
                  view_.colour));
    }
  }

  void kernels() {
    const std::size_t name = width_ - 47;
    title(left("  kernel", name + 2) + right("TPC time", 9) + right("per s", 8) + right("mean µs", 9) +
          right("TPCs", 6) + right("wanted", 7) + right("", 6));
    for (const TopKernel& kernel : sample_.kernels) {
      if (lines_.size() + 2 > view_.rows) return;
      std::size_t owner = 0;
      while (owner < sample_.tenants.size() && sample_.tenants[owner].name != kernel.tenant) ++owner;
      line(in_ink(std::string(1, letter_of(owner)), owner, view_.colour) + " " +
           left(kernel.name.empty() ? "(no name)" : kernel.name, name) + right(short_percent(kernel.share), 9) +
           right(short_number(kernel.per_s), 8) + right(short_number(kernel.mean_us), 9) +
           right(short_number(kernel.mean_tpcs), 6) +
           right(kernel.wanted_tpcs == 0 ? "all" : fmt::format("{}", kernel.wanted_tpcs), 7));
    }
  }

  void foot() {
    const std::string keys =
        view_.help ? "q quit  s next sort  n t u r p: by name, TPCs, queue, rate, p99  k kernels  space pause"
                   : fmt::format("q quit  s sort ({})  k kernels  space pause  ? keys", name_of(view_.sort));
    while (lines_.size() + 1 < view_.rows && view_.rows < 1000) line("");
    if (lines_.size() >= view_.rows) lines_.resize(view_.rows > 0 ? view_.rows - 1 : 0);
    line(styled(fit(keys, width_), Tone::faint, view_.colour));
  }

  const TopSample& sample_;
  const TopView& view_;
  const std::size_t width_;
  std::vector<std::size_t> order_;
  std::vector<std::string> lines_;
};

}  // namespace

const char* name_of(TopSort sort) {
  switch (sort) {
    case TopSort::name: return "name";
    case TopSort::tpcs: return "TPCs";
    case TopSort::queue: return "queue";
    case TopSort::rate: return "rate";
    case TopSort::p99: return "p99";
  }
  return "?";
}

TopSort next_sort(TopSort sort) {
  return sort == TopSort::p99 ? TopSort::name : static_cast<TopSort>(static_cast<int>(sort) + 1);
}

std::vector<std::string> render_top(const TopSample& sample, const TopView& view) {
  return Screen(sample, view).render();
}

}  // namespace lithos
