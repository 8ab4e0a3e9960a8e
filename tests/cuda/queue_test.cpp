// SPDX-License-Identifier: Apache-2.0
// The queued path under whole programs, with the stand-in for the driver and a daemon that the test steers: what waits, what submits it,
// and that no program can tell (docs/design/atoms.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "cuda/queue/driver_calls.hpp"
#include "cuda/world.hpp"
#include "unit/cuda/descriptors.hpp"

namespace lithos::cuda {
namespace {

using testing::Environment;
using testing::Outcome;
using testing::World;

constexpr const char* kQueued = "libcuda_queued.so.1";
constexpr int kNotReady = 600;

// ---- a program that is held ------------------------------------------------------------------------------

Lease held(std::uint64_t generation) {
  Lease lease = testing::lease_of(generation, TpcSet::first(8));
  lease.hold = true;
  lease.starvation_limit = Nanoseconds{1'000'000'000'000};
  return lease;
}

struct QueuedShim : ::testing::Test {
  QueuedShim() {
    std::ofstream(file) << std::string(4096, '\0');
    daemon.accept(testing::lease_of(1, TpcSet::first(8)));
    client = std::make_unique<testing::Talk>(world, "queue_client", std::vector<std::string>{"talk", file},
                                             Environment{{"LITHOS_SOCKET", socket}});
    ask("launch 2");  // its first goes through at once
    ask("wait_stream");
    daemon.wait_attached();
    daemon.publish(held(2));
  }
  Outcome ask(const std::string& line) { return client->ask(line); }
  long long launched() { return ask("look").value("launched"); }
  std::uint64_t value() const {
    std::uint64_t first = 0;
    std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&first), sizeof first);
    return first;
  }
  void write(unsigned word, std::uint64_t what) const {
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out).seekp(8 * word).write(reinterpret_cast<const char*>(&what), sizeof what);
  }
  static std::uint64_t folded(std::uint64_t value, unsigned n) {
    for (unsigned i = 0; i < n; ++i) value = value * 6364136223846793005u + i + 1;
    return value;
  }

  const World world{kQueued};
  const std::string socket = world.folder() + "/tenants.sock", file = world.folder() + "/words";
  testing::SmallDaemon daemon{socket, testing::h200()};
  std::unique_ptr<testing::Talk> client;
};

TEST_F(QueuedShim, LaunchesWaitWhileTheProgramGoesOn) {
  const Outcome outcome = ask("launch 5");
  EXPECT_EQ(outcome.value("launched"), 2);
  for (auto [at, end] = outcome.lines.equal_range("result"); at != end; ++at) EXPECT_EQ(at->second, "0");
  EXPECT_EQ(ask("query_stream").value("result"), kNotReady);
  EXPECT_EQ(ask("record").value("result"), 0);
  EXPECT_EQ(ask("query_event").value("result"), kNotReady);
  EXPECT_EQ(launched(), 2);
  const auto told = [](const Record& record) { return record.kind == RecordKind::waiting; };
  const auto records = daemon.records([&](const auto& all) { return std::any_of(all.begin(), all.end(), told); });
  EXPECT_TRUE(std::any_of(records.begin(), records.end(), told)) << "the engine knows that somebody waits";
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("wait_stream").value("launched"), 7);
  EXPECT_EQ(ask("query_event").value("result"), 0);
  EXPECT_EQ(value(), folded(folded(0, 2), 5)) << "with the arguments as they were";
  EXPECT_EQ(ask("report").count("queued"), 7);
}

TEST_F(QueuedShim, AWaitForAnEventWaitsForItsRecord) {
  ask("launch 3");
  ask("record");
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("wait_event").value("launched"), 5);
}

TEST_F(QueuedShim, WhatMayNotWaitSubmitsAtOnceThoughItIsHeld) {
  for (const char* call : {"free", "end_stream"}) {
    ask("launch 3");
    const long long before = launched();
    EXPECT_EQ(ask(call).value("launched"), before + 3) << call;
  }
  ask("launch 3");
  ask("record");
  ask("launch 2");
  EXPECT_EQ(ask("end_event").value("launched"), 11) << "up to its record";
  EXPECT_GE(ask("report").count("hurried"), 9);
}

TEST_F(QueuedShim, WhatIsCapturedDoesNotWait) {
  EXPECT_EQ(ask("capture 3").value("nodes"), 4);
  ask("launch 2");
  EXPECT_EQ(launched(), 5) << "the captured ones; afterwards launches wait again";
}

TEST_F(QueuedShim, NothingIsAskedOfAStreamThatOnlyCaptures) {
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  ask("fail"), ask("wait_stream");
  ask("fail");  // to be told: calls are looked at one by one, as where something waits
  const Outcome captured = ask("capture_elsewhere 3");
  EXPECT_EQ(captured.value("result"), 0) << "asking for its flags would have ended the capture";
  EXPECT_EQ(captured.value("nodes"), 4);
}

TEST_F(QueuedShim, AProgramThatEndsHasLaunchedEverything) {
  ask("launch 5");
  EXPECT_EQ(value(), folded(0, 2));
  EXPECT_EQ(client->finish().status, 0);
  EXPECT_EQ(value(), folded(folded(0, 2), 5));
}

TEST_F(QueuedShim, AFailureIsToldByTheNextCallOfTheStream) {
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("fail").value("result"), 0);  // its first
  EXPECT_EQ(ask("wait_stream").value("result"), 0);
  daemon.publish(held(4));
  EXPECT_EQ(ask("fail").value("result"), 0);
  EXPECT_EQ(ask("query_stream").value("result"), kNotReady);
  daemon.publish(testing::lease_of(5, TpcSet::first(8)));
  EXPECT_EQ(ask("wait_stream").value("result"), 701);
  EXPECT_EQ(ask("wait_stream").value("result"), 0);
}

// ---- graphs ----------------------------------------------------------------------------------------------

TEST_F(QueuedShim, AGraphWaitsNodeByNode) {
  ask("make_graph 4");
  EXPECT_EQ(ask("launch_graph").value("result"), 0);
  const Outcome outcome = ask("launch 1");
  EXPECT_EQ(outcome.value("launched"), 2);
  EXPECT_EQ(ask("query_stream").value("result"), kNotReady);
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("wait_stream").value("launched"), 7) << "as launches";
  EXPECT_EQ(ask("look").value("graphs"), 0);
  EXPECT_EQ(value(), folded(folded(folded(0, 2), 4), 1)) << "in the order of their dependencies, between what came before and after";
  const Outcome report = ask("report");
  EXPECT_EQ(report.count("graph_unrolled"), 1);
  EXPECT_EQ(report.count("launches"), 7);
  EXPECT_EQ(report.count("masked"), 7);
}

TEST_F(QueuedShim, AGraphIsHeldInItsMiddle) {
  const long long before = ask("make_waiting_graph").value("launched");  // capturing is a launch too
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("launch_graph").value("result"), 0);
  EXPECT_EQ(ask("in_host_function").value("launched"), before + 1) << "its first node has gone";
  daemon.publish(held(4));
  write(1, 1);
  ask("launch 1");
  EXPECT_EQ(ask("query_stream").value("result"), kNotReady);
  EXPECT_EQ(launched(), before + 1) << "its last one may not";
  daemon.publish(testing::lease_of(5, TpcSet::first(8)));
  EXPECT_EQ(ask("wait_stream").value("launched"), before + 3);
  EXPECT_EQ(value(), folded(folded(folded(0, 2), 2), 1));
}

TEST_F(QueuedShim, AGraphWithANodeThatNoStreamHasRunsWhole) {
  ask("make_whole_graph 3");
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("launch_graph").value("graphs"), 1);
  EXPECT_EQ(value(), folded(folded(0, 2), 3));
  ask("make_together_graph");
  EXPECT_EQ(ask("launch_graph").value("graphs"), 2);
  ask("make_owning_graph 2");
  EXPECT_EQ(ask("launch_graph").value("graphs"), 3);
  const Outcome report = ask("report");
  EXPECT_TRUE(report.reports("\"graphs_whole\": {\"a node of another kind\": 1, \"a kernel's attribute\": 1, \"graphs own objects\": 1}"))
      << report.out;
  EXPECT_EQ(report.count("graph_unrolled"), 0);
}

TEST_F(QueuedShim, AGraphThatIsChangedRunsWholeFromThenOn) {
  ask("make_graph 2");
  ask("launch_graph");
  EXPECT_EQ(launched(), 2);
  EXPECT_EQ(ask("change_graph 7").value("launched"), 4) << "what waits of it goes first, with its parameters as they were";
  const std::uint64_t before = folded(folded(0, 2), 2);
  EXPECT_EQ(value(), before);
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("launch_graph").value("graphs"), 1);
  EXPECT_EQ(value(), (before * 6364136223846793005u + 8) * 6364136223846793005u + 2);
  EXPECT_TRUE(ask("report").reports("\"graphs_whole\": {\"changed since\": 1}"));
}

TEST_F(QueuedShim, AGraphThatEndsHasBeenLaunched) {
  ask("make_graph 3");
  ask("launch_graph");
  EXPECT_EQ(ask("end_graph").value("launched"), 5);
  EXPECT_EQ(value(), folded(folded(0, 2), 3));
}

TEST_F(QueuedShim, AGraphsClustersAreItsNodes) {
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  ask("make_cluster_graph");
  const Outcome outcome = ask("launch_graph");  // its first: at once
  EXPECT_EQ(outcome.value("graphs"), 0);
  EXPECT_EQ(outcome.value("in_pairs"), 1);
  EXPECT_EQ(value(), folded(folded(0, 2), 1)) << "with its arguments behind its attributes";
}

// Without an event of the program's: launches of one exec are ordered with each other.
TEST_F(QueuedShim, AGraphOnAnotherStreamWaitsForItsLastLaunch) {
  ask("make_graph 3");
  ask("launch 1");
  ask("launch_graph");
  ask("launch_graph_elsewhere");
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  EXPECT_EQ(ask("free").value("launched"), 9);
  EXPECT_EQ(value(), folded(folded(folded(folded(0, 2), 1), 3), 3));
}

TEST_F(QueuedShim, AWholeGraphOnAnotherStreamWaitsForItsNodes) {
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  ask("make_graph 2");
  ask("launch_graph");
  EXPECT_EQ(ask("change_graph 7").value("waits"), 0);
  EXPECT_EQ(ask("launch_graph_elsewhere").value("waits"), 1) << "of which the driver knows nothing";
  EXPECT_EQ(ask("launch_graph").value("waits"), 1) << "now it does";
  EXPECT_EQ(ask("look").value("graphs"), 2);
}

TEST_F(QueuedShim, NodesOfAGraphOnAnotherStreamWaitForItWhole) {
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  ask("make_graph 2");
  ask("begin_capture");
  EXPECT_EQ(ask("launch_graph_elsewhere").value("graphs"), 1) << "nothing waits while something is captured";
  ask("end_capture");
  ask("launch_graph");
  const Outcome after = ask("free");
  EXPECT_EQ(after.value("graphs"), 1);
  EXPECT_EQ(after.value("waits"), 1);
}

TEST_F(QueuedShim, AGraphRunsWholeOnceAContextHasEnded) {
  daemon.publish(testing::lease_of(3, TpcSet::first(8)));
  ask("make_graph 2");
  EXPECT_EQ(ask("launch_graph").value("graphs"), 0);
  ask("end_context");
  EXPECT_EQ(ask("launch_graph").value("graphs"), 1);
  EXPECT_EQ(ask("end_graph").value("result"), 0);
}

TEST(QueuedPrograms, KernelsOfGraphsInPartsRunEveryBlockOnce) {
  const World world(kQueued);
  const Outcome whole = world.run("queue_client", {"shapes", "4"}, {{"LITHOS_TENANT", ""}});
  const Outcome parts = world.run("queue_client", {"shapes", "4"}, {{"LITHOS_TPCS", "0-7"}, {"LITHOS_FORCE_ATOMS", "5"}});
  EXPECT_EQ(parts.status, 0) << parts.err;
  EXPECT_GT(parts.count("cut"), 0) << parts.out;
  EXPECT_EQ(parts.count("graph_unrolled"), 1);
  EXPECT_GT(whole.value("blocks"), 0);
  EXPECT_EQ(parts.value("blocks"), whole.value("blocks"));
  EXPECT_EQ(parts.value("block_sum"), whole.value("block_sum"));
}

// ---- whole programs --------------------------------------------------------------------------------------

std::vector<std::string> sums(const Outcome& outcome) {
  std::vector<std::string> all;
  for (auto [at, end] = outcome.lines.equal_range("sum"); at != end; ++at) all.push_back(at->second);
  return all;
}

TEST(QueuedPrograms, ComputeWhatTheyComputeWithoutUs) {
  const World world(kQueued);
  const Outcome bare = world.run("queue_client", {"order", "150"}, {{"LITHOS_TENANT", ""}});
  ASSERT_EQ(sums(bare).size(), 150u) << bare.err;
  const Outcome queued = world.run("queue_client", {"order", "150"}, {{"LITHOS_TPCS", "0-7"}});
  EXPECT_EQ(queued.status, 0) << queued.err;
  EXPECT_EQ(sums(queued), sums(bare));
  EXPECT_GT(queued.count("queued"), 1000);
  EXPECT_GT(queued.count("queued_calls"), 100);
  EXPECT_GT(queued.count("graph_unrolled"), 1000);
}

TEST(QueuedPrograms, ComputeTheSameWhileTheyAreHeldAgainAndAgain) {
  const World world(kQueued);
  const Outcome bare = world.run("queue_client", {"order", "4"}, {{"LITHOS_TENANT", ""}});
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  Lease lease = held(1);
  lease.starvation_limit = Nanoseconds{100'000};
  daemon.accept(lease);
  const Outcome queued = world.run("queue_client", {"order", "4"}, {{"LITHOS_SOCKET", socket}});
  EXPECT_EQ(sums(queued), sums(bare));
  EXPECT_GT(queued.count("waited"), 0) << queued.out;
}

// What a launch follows is what stood before it in its stream, whichever thread submits either.
TEST(QueuedPrograms, LaunchesOfOneOperatorGoAsTheirKindShould) {
  const World world(kQueued);
  const std::string socket = world.folder() + "/tenants.sock";
  testing::SmallDaemon daemon(socket, testing::h200());
  daemon.accept(testing::lease_of(1, TpcSet::first(40)));
  std::ofstream(world.folder() + "/rules.txt") << "1 0 steady\n";
  testing::Talk client(world, "client", {"in_turns"}, {{"LITHOS_SOCKET", socket}, {"LITHOS_KERNEL_RULES", world.folder() + "/rules.txt"}});
  client.ask("3");
  const auto completed = [](const auto& all) {
    return std::count_if(all.begin(), all.end(), [](const Record& r) { return r.kind == RecordKind::completed; }) >= 12;
  };
  std::map<std::uint32_t, OperatorId> ops;  // by their grids
  const std::vector<Record> records = daemon.records(completed);
  for (const Record& record : records)
    if (record.kind == RecordKind::submitted) ops[record.block_count] = record.op;
  ASSERT_EQ(ops.size(), 3u);
  unsigned turn = 0;
  for (const Record& record : records) {
    if (record.kind != RecordKind::submitted || record.block_count != 6000) continue;
    EXPECT_EQ(record.context, context_of(ops[4000 + turn++ % 2]));
  }
  EXPECT_EQ(turn, 6u);

  OperatorDecision word;
  word.span_tpcs = testing::h200().tpcs;
  const auto say = [&](OperatorId op, std::uint32_t tpcs, bool mixed) {
    word.tpcs = tpcs, word.mixed = mixed;
    daemon.peer().publish_operator(op, word);
  };
  say(kind_of(ops[6000], context_of(ops[4000])), 5, false);
  say(ops[6000], 7, true);
  const auto tpcs = [](const Outcome& outcome) {
    std::vector<unsigned> all;
    for (const testing::SeenDescriptor& seen : outcome.descriptors)
      if (seen.grid == 6000) all.push_back(seen.on.count());
    return all;
  };
  EXPECT_EQ(tpcs(client.ask("2")), (std::vector<unsigned>{5, 7, 5, 7})) << "of the second kind nothing is known";
  say(kind_of(ops[6000], context_of(ops[4001])), 9, false);
  EXPECT_EQ(tpcs(client.ask("2")), (std::vector<unsigned>{5, 9, 5, 9}));
}

TEST(QueuedPrograms, AFunctionNobodyHasReviewedEndsQueueing) {
  const World world(kQueued);
  const Outcome outcome = world.run("queue_client", {"stranger"}, {{"LITHOS_TPCS", "0-7"}});
  EXPECT_NE(outcome.err.find("cuStandInCalls is a driver function that nobody has reviewed"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.count("queued"), 1);
  EXPECT_TRUE(outcome.reports("\"queueing\": \"is a driver function that nobody has reviewed\"")) << outcome.out;
  EXPECT_EQ(outcome.count("launches"), 3);
}

TEST(QueuedPrograms, AFunctionThatThisDriverLacksIsNotThere) {
  const World world(kQueued);
  for (const char* tenant : {"", "test"}) {
    const Outcome outcome = world.run("queue_client", {"lacking"}, {{"LITHOS_TENANT", tenant}});
    EXPECT_NE(outcome.value("asked"), 0);
    EXPECT_EQ(outcome.value("found"), 0);
    EXPECT_EQ(outcome.value("linked"), 500);
    EXPECT_EQ(outcome.value("same_either_way"), 1);
  }
}

// The programs of shim_test, which know nothing of queues.
TEST(QueuedPrograms, OfEveryKindAreConfinedAndCounted) {
  const World world(kQueued);
  const Environment environment{{"LITHOS_TPCS", "10-25"}};
  const Outcome launches = world.run("client", {"launch", "20"}, environment);
  EXPECT_EQ(launches.count("masked"), 20) << launches.out << launches.err;
  const Outcome threads = world.run("client", {"threads", "6"}, environment);
  EXPECT_EQ(threads.count("launches"), 1200);
  EXPECT_EQ(threads.count("masked"), 1200) << threads.out;
  const Outcome graph = world.run("client", {"graph", "3"}, environment);
  EXPECT_EQ(graph.count("captured"), 3) << graph.out;
  EXPECT_EQ(graph.count("graph_launches"), 3);
  const Outcome fork = world.run("client", {"fork"}, environment);
  EXPECT_EQ(fork.value("child"), 0) << fork.err;
  for (const char* mode : {"proc_address", "dlsym", "per_thread"})
    EXPECT_EQ(world.run("client_alone", {mode, "7"}, environment).count("masked"), 7) << mode;
}

TEST(QueuedPrograms, LaunchesInPartsRunEveryBlockOnce) {
  const World world(kQueued);
  const Outcome whole = world.run("client", {"shapes", "4"}, {{"LITHOS_TENANT", ""}});
  const Outcome parts = world.run("client", {"shapes", "4"}, {{"LITHOS_TPCS", "0-7"}, {"LITHOS_FORCE_ATOMS", "5"}});
  EXPECT_EQ(parts.status, 0) << parts.err;
  EXPECT_GT(parts.count("cut"), 0) << parts.out;
  EXPECT_EQ(parts.value("blocks"), whole.value("blocks"));
  EXPECT_EQ(parts.value("block_sum"), whole.value("block_sum"));
}

}  // namespace
}  // namespace lithos::cuda
