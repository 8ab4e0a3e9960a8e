// SPDX-License-Identifier: Apache-2.0
// Engine thread and tenants in one process, so that the sanitizers see both ends of the shared memory at work.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "daemon/clock.hpp"
#include "daemon/daemon_config.hpp"
#include "daemon/engine_thread.hpp"
#include "daemon/replay.hpp"
#include "engine/gpu_info.hpp"
#include "ipc/tenant_link.hpp"
#include "test_paths.hpp"
#include "unit/daemon/support.hpp"

namespace lithos {
namespace {

const char* const kConfig = R"(
kernel_rules = ")" LITHOS_SOURCE_DIR R"(/configs/kernels.toml"
[[tenant]]
name = "a"
class = "latency_critical"
quota = 40
mode = "graph"
trace = ")" LITHOS_SOURCE_DIR R"(/configs/traces/dlrm_infer_b2048.csv"
arrivals = { kind = "closed" }
[[tenant]]
name = "b"
class = "best_effort"
mode = "eager"
trace = ")" LITHOS_SOURCE_DIR R"(/configs/traces/dlrm_infer_b2048.csv"
arrivals = { kind = "closed" }
[[set]]
name = "only"
scheduler = "builtin.scheduler"
)";

class EngineThreadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LoadedDaemonConfig loaded = parse_daemon_config(kConfig, "test.toml", "");
    ASSERT_NE(loaded.config, nullptr) << join_lines(loaded.diagnostics);
    config = std::move(loaded.config);
    thread = std::make_unique<EngineThread>(EngineThreadOptions{.socket = socket, .at_start = {}},
                                            engine_room_config(*config), fresh_set());
    const Status started = thread->start();
    ASSERT_TRUE(started.ok()) << started.message();
  }
  std::shared_ptr<PolicySet> fresh_set() {
    Result<std::unique_ptr<PolicySet>> set = PolicySet::from_tables({}, gpu_info(config->gpu, 1));
    EXPECT_TRUE(set.ok());
    return std::shared_ptr<PolicySet>(std::move(set).value());
  }
  Result<ReplayReport> run(const std::string& name, std::uint64_t requests) {
    ReplayOptions options;
    options.socket = socket;
    options.name = name;
    options.requests_max = requests;
    options.duration = Nanoseconds{60'000'000'000};
    options.kernels_max = 20;
    return replay(config->config, options);
  }
  std::size_t sessions() {
    std::size_t count = 99;
    (void)thread->mailbox().ask<std::size_t>([this] { return thread->room().sessions().size(); }, count,
                                             std::chrono::seconds(10));
    return count;
  }
  KernelInfo hundred_blocks(const std::string& name) const {
    KernelShape shape;
    shape.name = name;
    shape.grid = {100, 1, 1};
    shape.block = {128, 1, 1};
    return make_kernel_info(shape, config->gpu, config->gpu.tpcs, config->rules);
  }
  // One launch of it in queue 1, given to the device and not mentioned to the engine.
  bool submits(ipc::TenantLink& link, const KernelInfo& kernel, std::span<const ipc::CurvePoint> curve) const {
    AtomSubmission atom;
    atom.queue = QueueId{1};
    atom.launch = LaunchId{1};
    atom.kernel = &kernel;
    atom.block_count = kernel.blocks;
    atom.tpcs = config->gpu.all();
    return link.add_queue(QueueId{1}).ok() && link.add_kernel(kernel, curve).ok() && link.checkpoint().ok() && link.submit(atom).ok();
  }
  Record submitted(TenantId tenant, const KernelInfo& kernel) const {
    Record record;
    record.kind = RecordKind::submitted;
    record.tenant = tenant;
    record.queue = QueueId{1};
    record.op = kernel.id;
    record.launch = LaunchId{1};
    record.block_count = kernel.blocks;
    record.tpcs = config->gpu.all();
    record.sequence = 1;
    record.pressure = Pressure::active;
    return record;
  }
  static void expect_exact(const Result<ReplayReport>& report) {
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_TRUE(report.value().finished);
    EXPECT_GT(report.value().blocks_launched, 0u);
    EXPECT_EQ(report.value().blocks_launched, report.value().blocks_completed);
    EXPECT_EQ(report.value().launches, report.value().launches_ended);
    EXPECT_EQ(report.value().refused_by_device, 0u);
  }

  testing::StateFolder folder;
  std::string socket = folder.at("tenants.sock");
  std::unique_ptr<DaemonConfig> config;
  std::unique_ptr<EngineThread> thread;
};

TEST_F(EngineThreadTest, TwoTenantsCompleteEveryBlock) {
  Result<ReplayReport> a = internal_error("not run");
  std::thread other([&] { a = run("a", 20); });
  const Result<ReplayReport> b = run("b", 5);
  other.join();
  expect_exact(a);
  expect_exact(b);
}

TEST_F(EngineThreadTest, SetsAreExchangedWhileTenantsWork) {
  std::atomic<bool> done = false;
  std::thread other([&] {
    expect_exact(run("a", 30));
    done = true;
  });
  int exchanges = 0;
  while (!done || exchanges < 3) {
    std::shared_ptr<PolicySet> before;
    const auto exchange = [room = &thread->room(), next = fresh_set()] {
      return room->exchange_policies(next, monotonic_now());
    };
    ASSERT_TRUE(thread->mailbox().ask<std::shared_ptr<PolicySet>>(exchange, before, std::chrono::seconds(10)));
    ++exchanges;
  }
  other.join();
}

TEST_F(EngineThreadTest, TheSlotIsFreeWhenTheTenantHasGone) {
  expect_exact(run("b", 1));
  expect_exact(run("b", 1));
  for (int i = 0; i < 1000 && sessions() != 0; ++i) std::this_thread::yield();
  EXPECT_EQ(sessions(), 0u);
}

TEST_F(EngineThreadTest, ANameInUseIsRefused) {
  Result<std::unique_ptr<ipc::TenantLink>> first = ipc::TenantLink::connect({.socket = socket, .name = "a"});
  ASSERT_TRUE(first.ok()) << first.status().message();
  const Result<std::unique_ptr<ipc::TenantLink>> second = ipc::TenantLink::connect({.socket = socket, .name = "a"});
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("attached already"), std::string::npos) << second.status().message();
}

TEST_F(EngineThreadTest, AStrangerIsBestEffortWithoutAQuota) {
  Result<std::unique_ptr<ipc::TenantLink>> link = ipc::TenantLink::connect({.socket = socket, .name = "stranger"});
  ASSERT_TRUE(link.ok()) << link.status().message();
  std::vector<SessionReport> reports;
  ASSERT_TRUE(thread->mailbox().ask<std::vector<SessionReport>>([this] { return thread->room().sessions(); }, reports,
                                                                std::chrono::seconds(10)));
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].tenant_class, TenantClass::best_effort);
  EXPECT_EQ(reports[0].quota_tpcs, 0u);
}

TEST_F(EngineThreadTest, AKernelThatLiesAboutItsIdIsRefused) {
  Result<std::unique_ptr<ipc::TenantLink>> link = ipc::TenantLink::connect({.socket = socket, .name = "stranger"});
  ASSERT_TRUE(link.ok());
  KernelInfo kernel = hundred_blocks("k");
  ASSERT_TRUE(link.value()->add_kernel(kernel).ok());
  EXPECT_TRUE(link.value()->checkpoint().ok());
  kernel.id = OperatorId{12345};
  ASSERT_TRUE(link.value()->add_kernel(kernel).ok());
  const Status told = link.value()->checkpoint();
  EXPECT_NE(told.message().find("its id is not"), std::string::npos) << told.message();
}

// It dies between giving work to the device and saying so: when that ends, nobody has said anything wrong, neither it nor who has its
// slot by then.
TEST_F(EngineThreadTest, WhatADeadTenantHadNotMentionedIsNobodysBadRecord) {
  const KernelInfo kernel = hundred_blocks("long");
  const ipc::CurvePoint curve[] = {{1, 50e6}, {static_cast<double>(config->gpu.tpcs), 50e6}};
  for (const bool somebody_follows : {false, true}) {
    Result<std::unique_ptr<ipc::TenantLink>> link = ipc::TenantLink::connect({.socket = socket, .name = "stranger"});
    ASSERT_TRUE(link.ok()) << link.status().message();
    ASSERT_TRUE(submits(*link.value(), kernel, curve));
    link.value().reset();
    while (sessions() != 0) std::this_thread::yield();
    if (somebody_follows) link = ipc::TenantLink::connect({.socket = socket, .name = "another"});
    const std::uint64_t wanted = somebody_follows ? 2 : 1;
    const auto look = [room = &thread->room()] { return std::pair(room->device_completions(), room->engine_counters().bad_records); };
    std::pair<std::uint64_t, std::uint64_t> seen;
    while (seen.first < wanted) {
      ASSERT_TRUE((thread->mailbox().ask<std::pair<std::uint64_t, std::uint64_t>>(look, seen, std::chrono::seconds(10))));
    }
    EXPECT_EQ(seen.second, 0u);
  }
}

// Tenants that are killed before they could say that their work has ended: it is known to have, so their slots (64) are free for others.
TEST_F(EngineThreadTest, TheDeadHoldNoSlotForWhatHasEnded) {
  const KernelInfo kernel = hundred_blocks("short");
  const ipc::CurvePoint curve[] = {{1, 2e3}, {static_cast<double>(config->gpu.tpcs), 2e3}};
  for (std::uint64_t i = 1; i <= 2 * ipc::kTenantsMax; ++i) {
    Result<std::unique_ptr<ipc::TenantLink>> link = ipc::TenantLink::connect({.socket = socket, .name = "stranger"});
    ASSERT_TRUE(link.ok()) << i << ": " << link.status().message();
    ASSERT_TRUE(submits(*link.value(), kernel, curve));
    Record record = submitted(link.value()->slot(), kernel);
    record.spinning = record.tpcs;
    link.value()->push(record);
    std::uint64_t completed = 0;
    while (completed < i) ASSERT_TRUE(thread->mailbox().ask<std::uint64_t>([this] { return thread->room().device_completions(); }, completed, std::chrono::seconds(10)));
  }
}

// Registrations come by the socket and records by the ring: while the engine is busy it reads the second first.
TEST_F(EngineThreadTest, ARecordThatOvertakesItsKernelsRegistrationCounts) {
  Result<std::unique_ptr<ipc::TenantLink>> link = ipc::TenantLink::connect({.socket = socket, .name = "stranger"});
  ASSERT_TRUE(link.ok() && link.value()->checkpoint().ok());
  const KernelInfo kernel = hundred_blocks("fresh");
  std::promise<void> waits, sent;
  std::thread engine_waits([&] {  // in its mailbox, which it empties before the rings of the same step
    bool done = false;
    const auto wait = [&] { return waits.set_value(), sent.get_future().wait(), true; };
    EXPECT_TRUE(thread->mailbox().ask<bool>(wait, done, std::chrono::seconds(10)));
  });
  waits.get_future().wait();
  EXPECT_TRUE(link.value()->add_queue(QueueId{1}).ok() && link.value()->add_kernel(kernel).ok());
  link.value()->push(submitted(link.value()->slot(), kernel));
  sent.set_value();
  engine_waits.join();
  using Seen = std::pair<std::uint64_t, std::uint64_t>;
  const auto look = [room = &thread->room()] { return Seen(room->sessions().at(0).counters.atoms_submitted, room->engine_counters().bad_records); };
  Seen seen;
  while (seen.first + seen.second == 0) ASSERT_TRUE(thread->mailbox().ask<Seen>(look, seen, std::chrono::seconds(10)));
  EXPECT_EQ(seen, Seen(1, 0));
}

// Nothing to do: no step, no wake, no CPU.
TEST_F(EngineThreadTest, AnIdleDaemonStandsStill) {
  expect_exact(run("b", 1));
  std::uint64_t before = 0, steps = 1;
  for (int i = 0; i < 200 && steps > 3; ++i) {  // its clockwork runs for a tenth of a second after the last word
    before = thread->steps();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    steps = thread->steps() - before;
    if (steps <= 3) break;
    steps = 4;
  }
  EXPECT_LE(steps, 3u);
}

}  // namespace
}  // namespace lithos
