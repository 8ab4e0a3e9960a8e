// SPDX-License-Identifier: Apache-2.0
#include "cli/colocate/swaps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "sim/arrivals.hpp"

namespace lithos {
namespace {

constexpr std::size_t kBlock = 50;       // requests
constexpr std::size_t kLeastBlocks = 10;  // for an interval
constexpr unsigned kResamples = 1000;
constexpr double kP99 = 0.99;

std::string written(const RawValue& value) {
  return std::visit([](const auto& one) { return fmt::format("{}", one); }, value.value);
}

DaemonArguments swap_request(const PolicySetConfig& set) {
  DaemonArguments request;
  request.request = "policy.swap";
  const PolicyChoice& scheduler = set.scheduler;
  request.words = {"scheduler=" + (scheduler.path.empty() ? scheduler.id : scheduler.path)};
  for (const auto& [key, value] : scheduler.params) request.params.push_back(fmt::format("scheduler.{}={}", key, written(value)));
  return request;
}

std::vector<pid_t> processes_of(Stage& stage, const Way& way) {
  std::vector<pid_t> all;
  for (const std::string& name : way.tenants) all.push_back(stage.tenant(name).pid());
  return all;
}

void swap_again_and_again(const Stage& stage, const DaemonArguments& request, double start_at, Nanoseconds duration, unsigned swaps, SwapResult& result) {
  using WallClock = std::chrono::system_clock;
  const WallClock::time_point start{std::chrono::duration_cast<WallClock::duration>(std::chrono::duration<double>(start_at))};
  for (unsigned i = 0; i < swaps; ++i) {
    // Evenly over the run: this is the experiment's timetable, nobody is waited for.
    std::this_thread::sleep_until(start + duration * (2 * i + 1) / (2 * swaps));
    const auto begin = std::chrono::steady_clock::now();
    const Result<Json> done = stage.ask_lithosd(request);
    if (!done.ok()) {
      result.failures.push_back(done.status().message());
      continue;
    }
    ++result.done;
    result.whole_ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    result.pause_us.push_back(done.value().number_of("pause_us"));
  }
}

}  // namespace

Difference p99_difference(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b, std::uint64_t seed) {
  const std::size_t pairs = std::min(a.size(), b.size()), blocks = pairs / kBlock;
  Difference difference;
  difference.mean = percentile_ms(b, kP99) - percentile_ms(a, kP99);
  if (blocks < kLeastBlocks) return difference;
  Random random(seed);
  std::vector<double> seen;
  std::vector<std::int64_t> some_a, some_b;
  for (unsigned turn = 0; turn < kResamples; ++turn) {
    some_a.clear();
    some_b.clear();
    for (std::size_t i = 0; i < blocks; ++i) {
      const auto from = static_cast<std::ptrdiff_t>(random.bits() % (pairs - kBlock + 1));
      some_a.insert(some_a.end(), a.begin() + from, a.begin() + from + static_cast<std::ptrdiff_t>(kBlock));
      some_b.insert(some_b.end(), b.begin() + from, b.begin() + from + static_cast<std::ptrdiff_t>(kBlock));
    }
    seen.push_back(percentile_ms(some_b, kP99) - percentile_ms(some_a, kP99));
  }
  std::sort(seen.begin(), seen.end());
  difference.low = seen[kResamples * 25 / 1000];
  difference.high = seen[kResamples * 975 / 1000 - 1];
  difference.has_interval = true;
  return difference;
}

Result<SwapResult> measure_swaps(Stage& stage, const Config& config, const Way& way, const Demand& demand, unsigned swaps) {
  SwapResult result;
  result.set = way.set;
  const PolicySetConfig& set = stage.set_named(way.set);
  const std::vector<pid_t> before = processes_of(stage, way);
  Result<Row> without = measure(stage, config, way, way.tenants, demand);
  if (!without.ok()) return without.status();
  Demand swapping = demand;
  swapping.meanwhile = [&](double start_at) { swap_again_and_again(stage, swap_request(set), start_at, demand.duration, swaps, result); };
  Result<Row> with = measure(stage, config, way, way.tenants, swapping);
  if (!with.ok()) return with.status();
  result.without = std::move(without).value();
  result.with = std::move(with).value();
  result.rate = result.with.rate;
  result.same_processes = processes_of(stage, way) == before;
  const std::string leader = leader_of(config)->name;
  const TenantRow *a = result.without.of(leader), *b = result.with.of(leader);
  if (a == nullptr || b == nullptr) return invalid_argument(fmt::format("set {}: {} takes no part in it", way.set, leader));
  result.p99 = p99_difference(a->latency_ns, b->latency_ns, config.run.seed);
  return result;
}

}  // namespace lithos
