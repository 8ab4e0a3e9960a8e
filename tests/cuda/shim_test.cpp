// SPDX-License-Identifier: Apache-2.0
// The shim under programs of every kind, with a stand-in for the driver: every way to the driver is ours or goes
// through, launches are confined and counted, and standing aside leaves the program as it is without us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "cuda/world.hpp"
#include "unit/cuda/descriptors.hpp"
#include "unit/engine/support.hpp"

namespace lithos::cuda {
namespace {

using testing::Environment;
using testing::Outcome;
using testing::SeenDescriptor;
using testing::World;

MaskBits bits_of(const TpcSet& tpcs) { return MaskGeometry(testing::h200()).bits_of(tpcs); }

void expect_confined(const Outcome& outcome, const TpcSet& tpcs, unsigned launches) {
  EXPECT_EQ(outcome.descriptors.size(), launches) << outcome.out << outcome.err;
  for (const SeenDescriptor& seen : outcome.descriptors) {
    EXPECT_TRUE(seen.masked);
    EXPECT_EQ(seen.on, bits_of(tpcs));
  }
}

// ---- ways to the driver ----------------------------------------------------------------------------------

TEST(Shim, ALinkedProgramIsConfinedAndCounted) {
  const World world;
  const Outcome outcome = world.run("client", {"launch", "20"}, {{"LITHOS_TPCS", "10-25"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.reports("\"standing\": \"active\"")) << outcome.out << outcome.err;
  expect_confined(outcome, TpcSet::range(10, 26), 20);
  EXPECT_EQ(outcome.count("launches"), 20);
  EXPECT_EQ(outcome.count("masked"), 20);
  EXPECT_EQ(outcome.count("timed"), 20);
  for (const SeenDescriptor& seen : outcome.descriptors) EXPECT_EQ(seen.timed, 1u);
}

TEST(Shim, AProgramThatFindsTheDriverByNameGetsOurs) {
  const World world;
  for (const char* mode : {"proc_address", "dlsym", "per_thread"}) {
    const Outcome outcome = world.run("client_alone", {mode, "7"}, {{"LITHOS_TPCS", "0-7"}});
    EXPECT_EQ(outcome.status, 0) << mode << outcome.err;
    EXPECT_EQ(outcome.value("init"), 0);
    EXPECT_EQ(outcome.value("unknown_function"), 1) << "a function that the shim has never heard of is the driver's";
    EXPECT_EQ(outcome.value("not_there"), 1);
    const bool per_thread = std::string(mode) == "per_thread";
    EXPECT_EQ(outcome.value("calls"), per_thread ? 0 : 7) << mode;
    EXPECT_EQ(outcome.value("per_thread_calls"), per_thread ? 7 : 0) << mode;
    EXPECT_EQ(outcome.count("masked"), 7) << mode << outcome.out;
  }
}

TEST(Shim, EveryKindOfLaunchIsCountedOnce) {
  const World world;
  const Outcome outcome = world.run("client", {"ways"}, {{"LITHOS_TPCS", "0-31"}});
  EXPECT_EQ(outcome.value("ex"), 0);
  EXPECT_EQ(outcome.value("cooperative"), 0);
  EXPECT_NE(outcome.value("bad"), 0);
  // The stand-in's cooperative launch comes back through our cuLaunchKernelEx: that is not one more of the program's.
  EXPECT_EQ(outcome.value("driver_ex_calls"), 2);
  EXPECT_EQ(outcome.count("launches"), 3);
  EXPECT_EQ(outcome.count("masked"), 2);
  EXPECT_EQ(outcome.count("failed"), 1);
  EXPECT_EQ(outcome.count("internal_masked"), 1);
  ASSERT_EQ(outcome.descriptors.size(), 3u);
  EXPECT_TRUE(outcome.descriptors[2].internal);
  EXPECT_EQ(outcome.descriptors[2].on, bits_of(TpcSet::first(32)))
      << "the driver's own kernels run on the tenant's TPCs";
  EXPECT_EQ(outcome.descriptors[2].timed, 0u);
}

TEST(Shim, ManyThreadsShareNothing) {
  const World world;
  const Outcome outcome = world.run("client", {"threads", "8"}, {{"LITHOS_TPCS", "0-15"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.count("launches"), 1600);
  EXPECT_EQ(outcome.count("masked"), 1600);
  EXPECT_EQ(outcome.count("timed") + outcome.count("untimed"), 1600);
}

TEST(Shim, AForkedChildStandsAside) {
  const World world;
  const Outcome after = world.run("client", {"fork"}, {{"LITHOS_TPCS", "0-15"}});
  EXPECT_EQ(after.status, 0) << after.err;
  EXPECT_EQ(after.value("child"), 0);
  EXPECT_EQ(after.count("launches"), 5) << "the parent's";
  const Outcome before = world.run("client", {"fork_first"}, {{"LITHOS_TPCS", "0-15"}});
  EXPECT_EQ(before.value("child"), 0);
  EXPECT_EQ(before.count("launches"), 5) << "a child of a parent without CUDA starts for itself";
}

// ---- safety ----------------------------------------------------------------------------------------------

// 40 blocks of 256 threads need 40/16 TPCs; 264 such blocks that must be resident together do not fit two.
TEST(Shim, WhatCouldHangRunsUnconfinedAndIsCounted) {
  const World world;
  const Outcome outcome = world.run("client", {"ways"}, {{"LITHOS_TPCS", "0"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.count("masked") + outcome.count("not_confined") + outcome.count("conflict_resident") +
                outcome.count("conflict_too_few"),
            2);
  EXPECT_GE(outcome.count("starved"), 1);
}

// cudart launches kernels of libraries (CUkernel), of which cuFuncGetName knows nothing: without the function behind it
// no rule would ever match, and what a rule calls independent would wait for TPCs as if its blocks waited for each other.
TEST(Shim, KernelsOfLibrariesHaveNamesAndRules) {
  const World world;
  const std::string rules = world.folder() + "/rules.txt";
  std::ofstream(rules) << "1 0 ^at::native::elementwise_kernel<\n";  // as c++filt would write it, without "void"
  for (const bool with_rules : {true, false}) {
    const std::string file = with_rules ? rules : "";
    const Outcome outcome =
        world.run("client", {"library", "3"}, {{"LITHOS_TPCS", "0"}, {"LITHOS_KERNEL_RULES", file}});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.count("launches"), 3);
    EXPECT_EQ(outcome.count("masked"), with_rules ? 3 : 0);
    EXPECT_EQ(outcome.count("starved"), with_rules ? 0 : 3);
  }
}

// ---- launches in parts -----------------------------------------------------------------------------------

// The stand-in runs the blocks that a GPU would run, by the descriptor, the prelude's kind and the slot, and ends the process where a
// descriptor leads to code that is not there.
TEST(Shim, LaunchesInPartsRunEveryBlockOnce) {
  const World world;
  const std::string rules = world.folder() + "/rules.txt";
  std::ofstream(rules) << "1 0 shaped_kernel\n";
  const Outcome whole = world.run("client", {"shapes", "6"}, {{"LITHOS_TPCS", "3-20"}, {"LITHOS_KERNEL_RULES", rules}});
  EXPECT_EQ(whole.count("cut"), 0);
  for (const char* parts : {"2", "3", "7", "64"}) {
    const Outcome outcome =
        world.run("client", {"shapes", "6"},
                  {{"LITHOS_TPCS", "3-20"}, {"LITHOS_KERNEL_RULES", rules}, {"LITHOS_FORCE_ATOMS", parts}});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.lines.find("blocks")->second, whole.lines.find("blocks")->second) << parts;
    EXPECT_EQ(outcome.lines.find("block_sum")->second, whole.lines.find("block_sum")->second) << parts;
    EXPECT_EQ(outcome.count("launches"), 24);
    EXPECT_EQ(outcome.count("masked"), 24);
    EXPECT_EQ(outcome.count("cut"), 16) << "the first two of each shape teach where the kernel begins";
    EXPECT_GE(outcome.count("atoms"), 16 * std::stoi(parts));
    EXPECT_EQ(outcome.count("cut_refused"), 0);
    expect_confined(outcome, TpcSet::range(3, 21), static_cast<unsigned>(8 + outcome.count("atoms")));
  }
}

// ---- graphs ----------------------------------------------------------------------------------------------

TEST(Shim, GraphsAreMaskedAtTheirFirstLaunchAndCapturesAreNotDisturbed) {
  const World world;
  const Outcome outcome = world.run("client", {"graph", "5"}, {{"LITHOS_TPCS", "20-40"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.value("capture"), 0);
  EXPECT_EQ(outcome.value("descriptors_in_capture"), 0);
  expect_confined(outcome, TpcSet::range(20, 41), 3);
  EXPECT_EQ(outcome.count("captured"), 3);
  EXPECT_EQ(outcome.count("graph_launches"), 5);
  EXPECT_EQ(outcome.count("graph_kernels"), 15);
  EXPECT_EQ(outcome.count("graph_nodes"), 3);
  EXPECT_EQ(outcome.count("graph_nodes_masked"), 3);
  unsigned timed = 0;
  for (const SeenDescriptor& seen : outcome.descriptors) timed += seen.timed;
  EXPECT_EQ(timed, 1u) << "the leaf";
}

// Else the tenant would look busy for ever, and nothing of it would be lent again (what the counters of an H100 looked like: a launch that returned when its replay was over).
TEST(Shim, EveryReplayIsSeenToEndThoughItsLaunchReturnsLaterAndThoughTwoEndAtOnce) {
  const World world;
  const Outcome outcome =
      world.run("client", {"graph_ends", "0"}, {{"LITHOS_TPCS", "20-40"}, {"LITHOS_TIMES", world.folder() + "/times"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const auto [first, last] = outcome.lines.equal_range("each");
  EXPECT_EQ(std::distance(first, last), 3);
  for (auto at = first; at != last; ++at) EXPECT_EQ(at->second, "1");
  EXPECT_EQ(outcome.value("after_a_wait"), 1);
  EXPECT_EQ(outcome.value("after_a_while"), 1);
}

// ---- what the program is told ----------------------------------------------------------------------------

TEST(Shim, AdvertisesFewerSmsWhereverTheyShow) {
  const World world;
  const Outcome all = world.run("client", {"facts"}, {{"LITHOS_TPCS", "0-15"}});
  EXPECT_EQ(all.value("sms"), 132);
  const Outcome few = world.run("client", {"facts"}, {{"LITHOS_TPCS", "0-15"}, {"LITHOS_ADVERTISED_TPCS", "16"}});
  EXPECT_EQ(few.value("sms"), 32);
  EXPECT_EQ(few.value("major"), 9);
  EXPECT_EQ(few.value("potential_grid"), 64);
  EXPECT_EQ(few.value("clusters"), 16);
  const Outcome more = world.run("client", {"facts"}, {{"LITHOS_TPCS", "0-15"}, {"LITHOS_ADVERTISED_TPCS", "200"}});
  EXPECT_EQ(more.value("sms"), 132) << "never more than there are";
}

TEST(Shim, TheMemoryLimitHoldsOnEveryWayToAllocate) {
  const World world;
  const Outcome outcome =
      world.run("client", {"memory"}, {{"LITHOS_TPCS", "0-15"}, {"LITHOS_MEMORY_LIMIT", "1073741824"}});
  const long long gib = 1ll << 30;
  EXPECT_EQ(outcome.value("total"), gib);
  EXPECT_EQ(outcome.value("device_total"), gib);
  EXPECT_EQ(outcome.value("malloc"), 0);
  for (const char* refused : {"too_much", "async_too_much", "managed_too_much", "create_too_much", "array_too_much"})
    EXPECT_EQ(outcome.value(refused), 2) << refused;
  EXPECT_EQ(outcome.value("now_it_fits"), 0);
  EXPECT_EQ(outcome.count("memory_refused"), 5);
  EXPECT_EQ(outcome.count("memory_used_bytes"), 0);
  std::vector<std::string> free_bytes;
  for (auto [at, end] = outcome.lines.equal_range("free"); at != end; ++at) free_bytes.push_back(at->second);
  EXPECT_THAT(free_bytes, ::testing::ElementsAre(std::to_string(gib), std::to_string(gib / 2), std::to_string(gib / 4),
                                                 std::to_string(gib), std::to_string(gib)));
}

// ---- standing aside --------------------------------------------------------------------------------------

struct Aside {
  const char* name;
  Environment environment;
  const char* reason;
};
class StandsAside : public ::testing::TestWithParam<Aside> {};

TEST_P(StandsAside, AndTheProgramRunsAsWithoutUs) {
  const World world;
  const Outcome outcome = world.run("client", {"launch", "5"}, GetParam().environment);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.reports(GetParam().reason)) << outcome.out;
  EXPECT_EQ(outcome.descriptors.size(), 5u);
  for (const SeenDescriptor& seen : outcome.descriptors) {
    EXPECT_FALSE(seen.masked);
    EXPECT_EQ(seen.timed, 0u);
  }
  std::size_t said = 0;
  for (std::size_t at = 0; (at = outcome.err.find("standing aside", at)) != std::string::npos; ++at) ++said;
  EXPECT_EQ(said, GetParam().environment.contains("LITHOS_TENANT") ? 0u : 1u) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    Shim, StandsAside,
    ::testing::Values(
        Aside{"no_tenant", {{"LITHOS_TENANT", ""}, {"LITHOS_TPCS", "0-7"}}, "no tenant"},
        Aside{"no_hook", {{"LITHOS_HOOK", "0"}, {"LITHOS_TPCS", "0-7"}}, "switched off"},
        Aside{"profiler_first", {{"STAND_IN_PROFILER", "1"}, {"LITHOS_TPCS", "0-7"}}, "a profiler has"},
        Aside{"profiler_comes", {{"CUDA_INJECTION64_PATH", "/x.so"}, {"LITHOS_TPCS", "0-7"}}, "a profiler comes"},
        Aside{"no_tools", {{"STAND_IN_NO_TOOLS", "1"}, {"LITHOS_TPCS", "0-7"}}, "no tools table"},
        Aside{
            "callback_refused", {{"STAND_IN_REFUSES_CALLBACK", "1"}, {"LITHOS_TPCS", "0-7"}}, "refused the descriptor"},
        Aside{"other_gpu", {{"STAND_IN_CAPABILITY", "100"}, {"LITHOS_TPCS", "0-7"}}, "nobody has tried"},
        Aside{"unknown_gpu", {{"STAND_IN_CAPABILITY", "75"}, {"LITHOS_TPCS", "0-7"}}, "not known"},
        Aside{"no_map", {{"LITHOS_TPC_MAP", "/nowhere"}, {"LITHOS_TPCS", "0-7"}}, "neither a daemon nor a map"},
        Aside{"no_daemon", {{"LITHOS_SOCKET", "/nowhere/tenants.sock"}}, "no daemon"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(Shim, ATenantThatMayNotRunUnmanagedDoesNot) {
  const World world;
  const Outcome outcome =
      world.run("client", {"launch", "5"}, {{"LITHOS_SOCKET", "/nowhere"}, {"LITHOS_UNMANAGED", "refuse"}});
  EXPECT_NE(outcome.status, 0);
  EXPECT_NE(outcome.value("init"), 0);
  EXPECT_NE(outcome.err.find("may not run unmanaged"), std::string::npos) << outcome.err;
}

TEST(Shim, ATenantThatMustBeLimitedRunsUnmanagedOnlyWhereMpsLimitsIt) {
  const World world;
  const std::map<std::string, std::string> limited{
      {"LITHOS_SOCKET", "/nowhere"}, {"LITHOS_UNMANAGED", "limit"}, {"STAND_IN_MPS", "1"}, {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "25"}};
  const auto with = [&](const char* variable, const char* value) {
    auto changed = limited;
    changed[variable] = value;
    return world.run("client", {"launch", "5"}, changed);
  };
  const Outcome ran = world.run("client", {"launch", "5"}, limited);
  EXPECT_EQ(ran.value("init"), 0);
  EXPECT_NE(ran.err.find("25 % of the SMs"), std::string::npos) << ran.err;
  for (const auto& [outcome, why] : {std::pair{with("STAND_IN_MPS", ""), "there is no MPS"},
                                     {with("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", ""), "is not set below 100"},
                                     {with("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "100"), "is not set below 100"}}) {
    EXPECT_NE(outcome.value("init"), 0);
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
  }
}

TEST(Shim, AProgramWithoutADeviceSeesTheDriversError) {
  const World world;
  EXPECT_EQ(world.run("client", {"launch", "5"}, {{"STAND_IN_NO_DEVICE", "1"}}).value("init"), 100);
}

TEST(Shim, AKernelThatDoesNotEndIsNamed) {
  const World world;
  const Outcome outcome = world.run("client", {"hang"}, {{"LITHOS_TPCS", "0-7"}, {"LITHOS_HANG_LIMIT_S", "1"}});
  EXPECT_NE(outcome.err.find("hanging_kernel"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("on 8 TPCs"), std::string::npos) << outcome.err;
}

// The map that comes out is the one that the stand-in has, which is the H200's.
TEST(Calibrate, FindsTheTpcsOfTheGpu) {
  const World world;
  const std::string driver = world.folder() + "/liblithos_real_cuda.so.1";
  const Outcome outcome = world.run("calibrate_client", {driver}, {{"LITHOS_TENANT", ""}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"), std::string::npos) << outcome.out;
  const GpuShape gpu = testing::h200();
  auto [at, end] = outcome.lines.equal_range("tpc");
  EXPECT_EQ(std::distance(at, end), gpu.tpcs);
  for (unsigned tpc = 0; at != end; ++at, ++tpc) {
    const std::string gpc = gpu.gpc_of_tpc[tpc] == kNoGpc ? "-" : std::to_string(gpu.gpc_of_tpc[tpc]);
    EXPECT_EQ(at->second, std::to_string(gpu.mask_bit_of_tpc[tpc]) + " " + gpc + " " + std::to_string(2 * tpc) + " " +
                              std::to_string(2 * tpc + 1));
  }
  for (const auto& [variable, says] :
       {std::pair{"STAND_IN_PROFILER", "profiler"}, std::pair{"STAND_IN_NO_DEVICE", "cuInit"}}) {
    const Outcome refused = world.run("calibrate_client", {driver}, {{"LITHOS_TENANT", ""}, {variable, "1"}});
    EXPECT_NE(refused.status, 0);
    EXPECT_NE(refused.err.find(says), std::string::npos) << refused.err;
  }
}

// ---- with a daemon ---------------------------------------------------------------------------------------

bool has_completed(const std::vector<Record>& records, unsigned n) {
  unsigned seen = 0;
  for (const Record& record : records) seen += record.kind == RecordKind::completed;
  return seen >= n;
}

TEST(ShimWithDaemon, LaunchesFollowTheLeaseAndAreTold) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  daemon.accept(testing::lease_of(1, TpcSet::first(8)));
  testing::Talk client(world, "client", {"steady"}, {{"LITHOS_SOCKET", socket}});
  expect_confined(client.ask("6"), TpcSet::first(8), 6);
  daemon.wait_attached();
  EXPECT_EQ(daemon.tenant_name(), "test");
  daemon.publish(testing::lease_of(2, TpcSet::range(30, 50)));
  expect_confined(client.ask("4"), TpcSet::range(30, 50), 4);
  const std::vector<Record> records = daemon.records([](const auto& all) { return has_completed(all, 10); });
  unsigned submitted = 0, completed = 0;
  std::uint64_t sequence = 0;
  for (const Record& record : records) {
    EXPECT_GT(record.sequence, sequence);
    sequence = record.sequence;
    submitted += record.kind == RecordKind::submitted;
    if (record.kind != RecordKind::completed) continue;
    ++completed;
    EXPECT_LE(record.started, record.at);
    EXPECT_EQ(record.tpcs, completed <= 6 ? TpcSet::first(8) : TpcSet::range(30, 50));
  }
  EXPECT_EQ(submitted, 10u);
  EXPECT_EQ(completed, 10u);
  EXPECT_THAT(daemon.kernels(), ::testing::Contains("steady"));
}

// Who is idle is asked for its rights, too, and whoever waits for them should not have to wait until its silence is taken for an answer.
TEST(ShimWithDaemon, AnIdleTenantSaysThatItHasSeenTheLeaseThatTakesItsRights) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  Lease lease = testing::lease_of(1, TpcSet::first(8));
  lease.co_resident = TpcSet::first(8);
  daemon.accept(lease);
  testing::Talk client(world, "client", {"steady"}, {{"LITHOS_SOCKET", socket}});
  client.ask("3");
  (void)daemon.records([](const auto& all) { return has_completed(all, 3) && all.back().pressure == Pressure::idle; });
  for (std::uint64_t generation = 2; generation < 5; ++generation) {
    lease = testing::lease_of(generation, TpcSet::first(8));
    lease.co_resident = TpcSet::first(static_cast<unsigned>(8 - generation));
    daemon.publish(lease);
    const std::vector<Record> records = daemon.records([&](const auto& all) { return all.back().lease_generation >= generation; });
    EXPECT_EQ(records.back().lease_generation, generation);
    EXPECT_EQ(records.back().pressure, Pressure::idle);
  }
}

// A launch like the last one is not thought through again, and is still as the latest word has it.
TEST(ShimWithDaemon, WhatIsDecidedAboutAnOperatorCountsFromTheNextLaunch) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  daemon.accept(testing::lease_of(1, TpcSet::first(40)));
  std::ofstream(world.folder() + "/rules.txt") << "1 0 steady\n";  // its blocks do not wait for each other
  testing::Talk client(world, "client", {"steady"}, {{"LITHOS_SOCKET", socket}, {"LITHOS_KERNEL_RULES", world.folder() + "/rules.txt"}});
  const Outcome before = client.ask("5");
  ASSERT_FALSE(before.descriptors.empty()) << before.out;
  const auto on = [](const Outcome& outcome) { return outcome.descriptors.back().on.count(); };
  EXPECT_GT(on(before), 7u);
  const std::vector<Record> records = daemon.records([](const auto& all) { return has_completed(all, 5); });
  OperatorDecision decision;
  decision.span_tpcs = testing::h200().tpcs;
  for (const unsigned tpcs : {7u, 5u}) {
    decision.tpcs = tpcs;
    for (const Record& record : records)
      if (record.kind == RecordKind::completed) daemon.peer().publish_operator(record.op, decision);
    EXPECT_EQ(on(client.ask("3")), tpcs);
  }
  daemon.publish(testing::lease_of(2, TpcSet::range(30, 33)));
  EXPECT_EQ(on(client.ask("1")), 3u);
}

// One function and grid in turns after two others, which takes three times as long after the second: the engine learns it from the shim's
// records, and the shim's launches go by it.
TEST(ShimWithDaemon, LaunchesOfOneOperatorGoAsTheirKindShould) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  daemon.accept(testing::lease_of(1, TpcSet::first(40)));
  std::ofstream(world.folder() + "/rules.txt") << "1 0 steady\n";
  testing::Talk client(world, "client", {"in_turns"}, {{"LITHOS_SOCKET", socket}, {"LITHOS_KERNEL_RULES", world.folder() + "/rules.txt"}});
  constexpr unsigned kRounds = 40;
  client.ask(std::to_string(kRounds));
  const std::vector<Record> records = daemon.records([](const auto& all) { return has_completed(all, 4 * kRounds); });

  test::EngineUnderTest t;
  const TenantId tenant = t.join(test::spec("test", TenantClass::latency_critical, 40));
  std::map<std::uint32_t, KernelInfo> kernels;  // by their grids
  for (const Record& record : records) {
    if (record.kind != RecordKind::submitted || kernels.contains(record.block_count)) continue;
    KernelInfo& kernel = kernels.emplace(record.block_count, t.kernel("free", record.block_count)).first->second;
    kernel.id = record.op;
    t.engine->register_kernel(tenant, kernel, t.now);
  }
  ASSERT_EQ(kernels.size(), 3u);
  const OperatorId op = kernels.at(6000).id;
  const LaunchContext first = context_of(kernels.at(4000).id), second = context_of(kernels.at(4001).id);
  std::map<std::uint64_t, std::uint64_t> took;  // by operator
  test::script.observe = [&](const lithos_observation* seen) { took[seen->op.op_id] = seen->duration_ns; };
  test::script.choose = [&](const lithos_size_query* query, lithos_size* out) {
    *out = {took[query->op.op_id] == 60'000 ? 9u : 5u, 0, 1};
    return LITHOS_OK;
  };
  for (Record record : records) {
    record.tenant = tenant;
    const Nanoseconds took_now{record.op == op && record.context == second ? 60'000 : 20'000};
    if (record.kind == RecordKind::completed) t.now += took_now, record.started = t.now - took_now;
    record.at = t.now;
    t.engine->on_record(record, t.now);
  }
  ASSERT_TRUE(t.out.decisions[op].mixed);
  for (const auto& [which, decision] : t.out.decisions) daemon.peer().publish_operator(which, decision);

  const auto launched = [&](unsigned blocks, const Outcome& outcome) {
    std::vector<unsigned> tpcs;
    for (const SeenDescriptor& seen : outcome.descriptors)
      if (seen.grid == blocks) tpcs.push_back(seen.on.count());
    return tpcs;
  };
  const std::vector<unsigned> turns{5, 9, 5, 9};
  EXPECT_EQ(launched(6000, client.ask("2")), turns);
  EXPECT_EQ(launched(6000, client.ask("2")), turns) << "what was thought through once as well";
  // The latest word about one of them, and about all.
  OperatorDecision word = t.out.decisions[kind_of(op, first)];
  word.tpcs = 6;
  daemon.peer().publish_operator(kind_of(op, first), word);
  EXPECT_EQ(launched(6000, client.ask("1")), (std::vector<unsigned>{6, 9}));
  word = t.out.decisions[op];
  word.tpcs = 7, word.mixed = false;
  daemon.peer().publish_operator(op, word);
  EXPECT_EQ(launched(6000, client.ask("1")), (std::vector<unsigned>{7, 7}));
}

// The program runs ahead of the GPU, and what is in flight on lent TPCs is all that may be. The next launch of the stream could begin no sooner
// at home, and would be ten times slower there.
TEST(ShimWithDaemon, AnOwnerThatBorrowsWaitsForItsOwnWorkThere) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  const TpcSet home = TpcSet::first(6), lent = TpcSet::range(10, 66);
  Lease lease = testing::lease_of(1, home);
  lease.starvation_limit = Nanoseconds{20'000'000'000};
  daemon.accept(lease);
  std::ofstream(world.folder() + "/rules.txt") << "1 0 steady\n";
  testing::Talk client(world, "client", {"held"}, {{"LITHOS_SOCKET", socket}, {"LITHOS_KERNEL_RULES", world.folder() + "/rules.txt"}});
  const auto is = [](RecordKind kind) { return [kind](const Record& record) { return record.kind == kind; }; };
  Outcome outcome;
  std::thread asking([&] { outcome = client.ask("2"); });
  std::set<OperatorId> operators;
  for (const Record& record : daemon.records([&](const auto& all) { return std::count_if(all.begin(), all.end(), is(RecordKind::submitted)) >= 2; }))
    if (record.kind == RecordKind::submitted) operators.insert(record.op);
  ::kill(client.pid(), SIGUSR1);
  asking.join();
  ASSERT_EQ(operators.size(), 2u);
  expect_confined(outcome, home, 2);

  OperatorDecision known;
  known.span_tpcs = 66;
  for (unsigned point = 0; point < OperatorDecision::kPoints; ++point)
    known.predicted_at[point] = Nanoseconds{1'000'000'000} * 66 / OperatorDecision::point_tpcs(66, point);
  for (const OperatorId op : operators) daemon.peer().publish_operator(op, known);
  lease.generation = 2;
  lease.lenders = 1;
  lease.lender[0] = {TenantId{9}, lent, lease.starvation_limit};
  for (TpcSet& level : lease.borrowed) level = lent;
  lease.outstanding_limit = Nanoseconds{1'000}, lease.uncuttable_limit = lease.starvation_limit;
  daemon.publish(lease);
  std::thread again([&] { outcome = client.ask("2"); });
  daemon.records([&](const auto& all) { return std::any_of(all.begin(), all.end(), is(RecordKind::waiting)); });
  ::kill(client.pid(), SIGUSR1);
  again.join();
  ASSERT_EQ(outcome.descriptors.size(), 2u);
  for (const SeenDescriptor& seen : outcome.descriptors) EXPECT_GT(seen.on.count(), home.count());
}

// Nobody lends to a tenant that is idle: a launch that waits for a lease must say that its tenant works, or it waits out the limit.
TEST(ShimWithDaemon, WhoWaitsForALeaseIsNotIdle) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  Lease nothing = testing::lease_of(1, {});
  nothing.starvation_limit = Nanoseconds{20'000'000'000};
  daemon.accept(nothing);
  testing::Talk client(world, "client", {"steady"}, {{"LITHOS_SOCKET", socket}});
  Outcome outcome;
  std::thread asking([&] { outcome = client.ask("1"); });
  const auto waits = [](const Record& record) { return record.kind == RecordKind::waiting; };
  // The engine forgets who waits and does not say it again.
  daemon.records([&](const auto& all) { return std::count_if(all.begin(), all.end(), waits) >= 5; });
  // Nor does it give anybody rights that a lease took away from who has not read it.
  nothing.generation = 2;
  daemon.publish(nothing);
  const auto has_read_it = [&](const Record& record) { return waits(record) && record.lease_generation == 2; };
  const std::vector<Record> meanwhile = daemon.records([&](const auto& all) { return std::any_of(all.begin(), all.end(), has_read_it); });
  EXPECT_TRUE(std::any_of(meanwhile.begin(), meanwhile.end(), has_read_it));
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  asking.join();
  expect_confined(outcome, TpcSet::first(8), 1);
  const std::vector<Record> records = daemon.records([](const auto& all) { return has_completed(all, 1); });
  // From the first word of waiting until it goes, at no time idle.
  auto record = std::find_if(records.begin(), records.end(), waits);
  ASSERT_NE(record, records.end());
  const Record first = *record;
  unsigned said = 0;
  for (; record != records.end() && record->kind != RecordKind::submitted; ++record) {
    EXPECT_NE(record->pressure, Pressure::idle) << "record " << record->sequence;
    if (!waits(*record)) continue;
    ++said;
    EXPECT_EQ(record->launch, first.launch);
  }
  EXPECT_GE(said, 5u);
  ASSERT_NE(record, records.end());
  EXPECT_LE(said, (record->at - first.at) / Nanoseconds{1'000'000} + 20) << "once a millisecond is enough";
  EXPECT_NE(first.launch, LaunchId{}) << "a word of no launch is not believed";
  EXPECT_EQ(record->launch, first.launch);
}

TEST(ShimWithDaemon, ADaemonThatGoesLeavesTheLeaseInForce) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  auto daemon = std::make_unique<testing::SmallDaemon>(socket, testing::h200());
  daemon->accept(testing::lease_of(1, TpcSet::range(5, 15)));
  testing::Talk client(world, "client", {"steady"}, {{"LITHOS_SOCKET", socket}});
  expect_confined(client.ask("3"), TpcSet::range(5, 15), 3);
  daemon->wait_attached();
  daemon.reset();
  expect_confined(client.ask("3"), TpcSet::range(5, 15), 3);
  // Another one comes, with another lease.
  testing::SmallDaemon next(socket, testing::h200());
  next.accept(testing::lease_of(1, TpcSet::range(40, 44)));
  next.wait_attached();
  for (unsigned turn = 0; turn < 200; ++turn)
    if (const Outcome now = client.ask("1");
        now.descriptors.size() == 1 && now.descriptors[0].on == bits_of(TpcSet::range(40, 44)))
      break;
  expect_confined(client.ask("2"), TpcSet::range(40, 44), 2);
  EXPECT_EQ(client.finish().status, 0);
}

TEST(ShimWithDaemon, WithoutMasksNothingIsConfined) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  Lease lease = testing::lease_of(1, testing::h200().all());
  lease.masked = false;
  daemon.accept(lease);
  const Outcome outcome = world.run("client", {"launch", "5"}, {{"LITHOS_SOCKET", socket}});
  EXPECT_EQ(outcome.count("not_confined"), 5) << outcome.out;
  EXPECT_EQ(outcome.count("timed"), 5);
  for (const SeenDescriptor& seen : outcome.descriptors) EXPECT_FALSE(seen.masked);
}

TEST(ShimWithDaemon, TheMemoryLimitComesFromTheDaemon) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200(), {.memory_limit_bytes = 1u << 30});
  daemon.accept(testing::lease_of(1, TpcSet::first(8)));
  EXPECT_EQ(world.run("client", {"memory"}, {{"LITHOS_SOCKET", socket}}).value("device_total"), 1ll << 30);
}

TEST(ShimWithDaemon, WhatIsAdvertisedComesFromTheDaemon) {
  const World world;
  const std::string socket = world.folder() + "/tenants.sock";
  const auto sms = [&](const Environment& extra) {
    testing::SmallDaemon daemon(socket, testing::h200(), {.advertised_tpcs = 16});
    daemon.accept(testing::lease_of(1, TpcSet::first(8)));
    Environment all = extra;
    all["LITHOS_SOCKET"] = socket;
    return world.run("client", {"facts"}, all).value("sms");
  };
  EXPECT_EQ(sms({}), 32);
  EXPECT_EQ(sms({{"LITHOS_ADVERTISED_TPCS", "12"}}), 24) << "what `lithos run` was asked for comes first";
}

}  // namespace
}  // namespace lithos::cuda
