// SPDX-License-Identifier: Apache-2.0
// lithos bench colocate: real tenants on this machine's GPU, alone and under each way of sharing it.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/colocate/result.hpp"
#include "cli/colocate/swaps.hpp"
#include "cli/commands.hpp"
#include "cli/output_file.hpp"
#include "cli/tpc_map.hpp"
#include "cli/up/lithosd_process.hpp"
#include "daemon/clock.hpp"
#include "daemon/daemon_config.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr Nanoseconds kMapLimit{60'000'000'000}, kFactsLimit{20'000'000'000};
constexpr Nanoseconds kShortestSolo{3'000'000'000};
// A closed loop that waits for its CPU has no steady speed. It is measured until its two fastest runs are so close, and no more often.
constexpr double kSoloAgrees = 0.03;
constexpr std::size_t kMostSoloRuns = 5;

std::string own_command_line() {
  std::ifstream file("/proc/self/cmdline");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!text.empty()) text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

void add_gpu_facts(ColocateResult& result) {
  const Result<std::string> said =
      output_of({.command = {"nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"}}, "", kFactsLimit);
  const std::string line = said.ok() ? said.value().substr(0, said.value().find('\n')) : "not known, not known";
  const std::size_t comma = line.find(", ");
  result.gpu = line.substr(0, comma);
  result.driver = comma == std::string::npos ? "" : line.substr(comma + 2);
}

class Bench {
 public:
  Bench(const ColocateArguments& arguments, Console& console) : arguments_(arguments), console_(console) {}

  ExitCode run() {
    if (Status ready = get_ready(); !ready.ok()) {
      console_.err << "lithos bench colocate: " << ready.message() << "\n";
      return ready.code() == StatusCode::unavailable ? ExitCode::failed : ExitCode::bad_input;
    }
    // Tenants end cleanly, lithosd and MPS too: an interrupted wait is a way that failed, and the last.
    struct sigaction action {};
    action.sa_handler = [](int) { interrupt_wait(); };
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
    Stage stage(stage_options_);
    for (const Way& way : ways_)
      if (!interrupted_) measure_way(stage, way);
    if (arguments_.swaps > 0 && !interrupted_) measure_the_swaps(stage);
    stage.give_up();
    result_.counters = stage.counters();
    save();
    console_.out << render(result_, console_.colour);
    const bool any_failed = std::any_of(result_.rows.begin(), result_.rows.end(), [](const Row& row) { return !row.failed.empty(); });
    return any_failed || (arguments_.swaps > 0 && !result_.swaps) ? ExitCode::failed : ExitCode::ok;
  }

 private:
  Status get_ready() {
    const std::string path = fs::absolute(arguments_.config).string();
    ParsedConfig parsed = parse_config_file(path);
    if (!parsed.config) return invalid_argument(join_lines(parsed.diagnostics));
    if (Status chosen = choose_case(parsed); !chosen.ok()) return Status(chosen.code(), path + ": " + chosen.message());
    if (leader_of(config_) == nullptr) return invalid_argument(path + ": no tenant has arrivals of its own: whose latency should count?");
    for (const TenantConfig& tenant : config_.tenants)
      if (tenant.command.empty())
        return invalid_argument(fmt::format("{}:{}: tenant.{} has no command, for example command = [\"python3\", \"tenant.py\", \"{{model}}\"]",
                                            path, tenant.where.line, tenant.name));
    Result<std::vector<Way>> ways = ways_named(arguments_.ways, config_);
    if (!ways.ok()) return ways.status();
    ways_ = std::move(ways).value();
    if (Status writable = check_writable(arguments_.out, "--out"); !writable.ok()) return writable;
    return describe();
  }

  Status choose_case(ParsedConfig& parsed) {
    if (arguments_.case_name.empty() && parsed.points.front().case_name.empty()) {
      config_ = std::move(*parsed.config);
      return {};
    }
    if (arguments_.case_name.empty()) return invalid_argument("has cases: say which with --case, for example --case " + parsed.points.front().case_name);
    Result<Config> config = config_of_case(parsed.points, arguments_.case_name);
    if (config.ok()) config_ = std::move(config).value();
    return config.status();
  }

  Status describe() {
    std::string device = arguments_.device;
    if (device.empty()) {
      const Result<TpcMapFile> map = find_or_measure_map(0, kMapLimit);
      if (!map.ok()) return unavailable("map: " + map.status().message() + "; lithos doctor says what is missing");
      device = map.value().path;
    }
    if (device != kVirtualDevice) device = fs::absolute(device).string();
    stage_options_ = {config_, device, fs::absolute(arguments_.tenants_folder).string(), fs::absolute(arguments_.out + ".log").string()};
    stage_options_.case_name = arguments_.case_name;
    for (const std::string& folder : arguments_.policy_path) stage_options_.policy_path.push_back(fs::absolute(folder).string());
    const TenantConfig& leader = *leader_of(config_);
    for (const TenantConfig& tenant : config_.tenants) {
      result_.models[tenant.name] = fs::path(tenant.trace).stem().string();
      if (!arguments_.best_effort.empty() && tenant.tenant_class == TenantClass::best_effort) result_.models[tenant.name] = arguments_.best_effort;
    }
    stage_options_.models = result_.models;
    stage_options_.no_mps = arguments_.no_mps;
    std::error_code ignored;
    fs::remove(stage_options_.log, ignored);
    result_.command = own_command_line();
    result_.date = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
    result_.config = config_.file;
    result_.case_name = arguments_.case_name;
    result_.device = device;
    result_.duration = arguments_.duration;
    result_.seed = config_.run.seed;
    result_.leader = leader.name;
    result_.slo = leader.slo;
    add_gpu_facts(result_);
    rates_ = arguments_.rates.empty() ? std::vector<double>{0} : arguments_.rates;
    return {};
  }

  void measure_way(Stage& stage, const Way& way) {
    if (out_of_time()) return note({.way = way.name, .failed = "not begun: --within is over"});
    if (Status ready = stage.prepare(way); !ready.ok()) return fail(stage, way, ready);
    for (const double rate : rates_) {
      Result<Row> row = measure(stage, config_, way, way.tenants, {rate, arguments_.duration});
      if (!row.ok()) return fail(stage, way, row.status());
      note(std::move(row).value());
    }
    if (way.name == "alone") measure_solos(stage, way);
  }

  // Closed loops by themselves: what their rates are compared with.
  void measure_solos(Stage& stage, const Way& way) {
    for (const TenantConfig& tenant : config_.tenants) {
      if (tenant.arrivals.kind != ArrivalKind::closed_loop) continue;
      Way alone = way;
      alone.name = tenant.name + "_alone";
      if (Status ready = stage.bring(tenant.name, alone); !ready.ok()) return fail(stage, alone, ready);
      std::vector<double> rates;
      while (rates.size() < kMostSoloRuns && !two_agree(rates)) {
        Result<Row> row = measure(stage, config_, alone, {tenant.name}, {0, std::max(arguments_.duration / 2, std::min(kShortestSolo, arguments_.duration))});
        if (!row.ok()) return fail(stage, alone, row.status());
        rates.push_back(row.value().of(tenant.name)->per_s());
        note(std::move(row).value());
      }
    }
  }

  static bool two_agree(std::vector<double> rates) {
    if (rates.size() < 2) return false;
    std::sort(rates.begin(), rates.end(), std::greater<>());
    return rates[0] - rates[1] <= kSoloAgrees * rates[0];
  }

  void measure_the_swaps(Stage& stage) {
    const Result<std::vector<Way>> ways = ways_named({arguments_.swap_set}, config_);
    if (!ways.ok() || ways.value().back().kind != WayKind::lithosd) {
      return note({.way = "swaps", .failed = ways.ok() ? arguments_.swap_set + " is not a set of policies" : ways.status().message()});
    }
    Way way = ways.value().back();
    Status ready = stage.prepare(way);
    Result<SwapResult> swaps = ready.ok() ? measure_swaps(stage, config_, way, {rates_.front(), arguments_.duration}, arguments_.swaps) : ready;
    way.name = "swaps";
    if (!swaps.ok()) return fail(stage, way, swaps.status());
    result_.swaps = std::move(swaps).value();
    save();
  }

  void fail(Stage& stage, const Way& way, const Status& why) {
    interrupted_ = interrupted_ || was_interrupted();
    stage.give_up();
    note({.way = way.name, .failed = why.message()});
  }

  void note(Row row) {
    const TenantRow* leader = row.of(result_.leader);
    std::string text = row.failed.empty() ? "" : "failed: " + row.failed;
    if (leader != nullptr)
      text += fmt::format("{:g}/s: {} p50 {:.2f} p99 {:.2f} ms ", row.rate, leader->name, percentile_ms(leader->latency_ns, 0.5), percentile_ms(leader->latency_ns, 0.99));
    for (const TenantRow& tenant : row.tenants)
      if (!tenant.open_loop) text += fmt::format("{} {:.2f}/s ", tenant.name, tenant.per_s());
    console_.err << fmt::format("{:<16} {}{}\n", row.way, text, row.how.empty() ? "" : "(set " + row.how + ")") << std::flush;
    result_.rows.push_back(std::move(row));
    save();
  }

  void save() {
    if (const Status written = write_output(arguments_.out, to_json(result_), "--out", console_); !written.ok())
      console_.err << "lithos bench colocate: " << written.message() << "\n";
  }

  bool out_of_time() const { return arguments_.within.count() > 0 && monotonic_now() - begun_ > arguments_.within; }

  const ColocateArguments& arguments_;
  Console& console_;
  const Nanoseconds begun_ = monotonic_now();
  Config config_;
  std::vector<Way> ways_;
  std::vector<double> rates_;
  StageOptions stage_options_;
  ColocateResult result_;
  bool interrupted_ = false;
};

}  // namespace

ExitCode run_bench_colocate(const ColocateArguments& arguments, Console& console) { return Bench(arguments, console).run(); }

}  // namespace lithos
