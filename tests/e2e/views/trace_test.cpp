// SPDX-License-Identifier: Apache-2.0
// A timeline of a running daemon and of a simulation, read back by an independent reader, and run again.
#include <gmock/gmock.h>

#include "cli/trace/perfetto_reader.hpp"
#include "e2e/views/protoc_check.hpp"
#include "fault/support.hpp"

namespace lithos::testing {
namespace {

using ::testing::HasSubstr;
using Kind = PerfettoEvent::Kind;

class Trace : public LithosdTest {
 protected:
  int lithos(const std::string& arguments) {
    const std::string line = "cd '" + folder.path() + "' && LITHOS_RUN_DIR='" + folder.path() +
                             "' " LITHOS_BINARY_DIR "/bin/lithos " + arguments + " > out 2>&1";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  PerfettoTrace read(const std::string& name) {
    const Result<std::string> bytes = read_text_file(folder.at(name), std::size_t{1} << 30);
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    Result<PerfettoTrace> trace = read_perfetto(bytes.ok() ? bytes.value() : "");
    EXPECT_TRUE(trace.ok()) << trace.status().message();
    return trace.ok() ? std::move(trace).value() : PerfettoTrace{};
  }
  // How many slices the group has on tracks of this name.
  static std::size_t slices(const PerfettoTrace& trace, const std::string& group, const std::string& track) {
    std::size_t found = 0;
    for (const PerfettoEvent& one : trace.events)
      found += one.kind == Kind::slice && trace.group_of(one.track) == group &&
               trace.tracks.at(one.track).name.starts_with(track);
    return found;
  }
  // Every arrow that arrives has left somewhere before, and most atoms have one.
  static void expect_flows(const PerfettoTrace& trace) {
    std::map<std::uint64_t, std::uint64_t> left_at;
    std::size_t arrived = 0, early = 0;
    for (const PerfettoEvent& one : trace.events)
      if (one.flow != 0) left_at[one.flow] = one.from_ns;
    for (const PerfettoEvent& one : trace.events) {
      if (one.flow_end == 0) continue;
      ++arrived;
      ASSERT_TRUE(left_at.contains(one.flow_end)) << one.name;
      early += left_at[one.flow_end] > one.to_ns;
    }
    EXPECT_GT(arrived, 0u);
    EXPECT_EQ(early, 0u);
  }
  std::string demo() {
    return folder.write(
        "sim.toml",
        "kernel_rules = \"" LITHOS_SOURCE_DIR
        "/configs/kernels.toml\"\n[run]\nduration = \"100ms\"\nwarmup = \"5ms\"\n"
        "[[tenant]]\nname = \"hp\"\nclass = \"latency_critical\"\nslo = \"10ms\"\nquota = 40\nmode = \"graph\"\n"
        "trace = \"" LITHOS_SOURCE_DIR
        "/configs/traces/resnet50_infer_b16.csv\"\n"
        "arrivals = { kind = \"poisson\", rate = \"300/s\" }\n"
        "[[tenant]]\nname = \"be\"\nclass = \"best_effort\"\n"
        "trace = \"" LITHOS_SOURCE_DIR
        "/configs/traces/dlrm_infer_b2048.csv\"\n"
        "[[set]]\nname = \"lithos\"\nscheduler = \"tpc_borrowing\"\nright_sizer = \"none\"\ndvfs = \"fixed\"\n"
        "[[set]]\nname = \"shared\"\nscheduler = \"shared\"\nmasks = false\nright_sizer = \"none\"\ndvfs = "
        "\"fixed\"\n");
  }
};

TEST_F(Trace, OfARunningDaemon) {
  start();
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  ASSERT_EQ(lithos("trace --seconds 0.5 -o live.perfetto-trace"), 0) << folder.read("out");
  EXPECT_THAT(folder.read("out"), HasSubstr("ui.perfetto.dev"));
  const PerfettoTrace trace = read("live.perfetto-trace");
  for (const char* name : {"tenant a", "tenant b"}) {
    EXPECT_GT(slices(trace, name, "queue 1: running") + slices(trace, name, "queue 0: running"), 5u) << name;
    EXPECT_GT(slices(trace, "GPU 0 (virtual)", "GPC 0"), 0u);
  }
  expect_flows(trace);
  std::size_t events = 0;
  if (has_protoc()) {  // else protoc_test says why not
    EXPECT_THAT(wrong_with_trace(folder.at("live.perfetto-trace"), events), ::testing::IsEmpty());
  }
  // Latecomers are told what there is: the policies in force and what operators are called.
  bool policy = false, named = false;
  for (const PerfettoEvent& one : trace.events) {
    policy |= one.name.find("tpc_borrowing") != one.name.npos;
    named |=
        one.kind == Kind::slice && one.name.find("gemm") != one.name.npos;  // some of the trace's kernels have no name
  }
  EXPECT_TRUE(policy);
  EXPECT_TRUE(named);
  const Result<Json> plugins = ask("plugin.list");
  ASSERT_TRUE(plugins.ok());
  EXPECT_TRUE(plugins.value().items()->empty()) << "the exporter ends with its trace";
}

TEST_F(Trace, WhereNothingCanBeWrittenTheDaemonSaysSoAndGoesOn) {
  start();
  EXPECT_EQ(lithos("trace --seconds 0.1 -o /no/such/folder/x"), 5);
  EXPECT_THAT(folder.read("out"), HasSubstr("/no/such/folder/x"));
  EXPECT_TRUE(answers());
}

TEST_F(Trace, OfASimulationByOptionOneFilePerSet) {
  demo();
  ASSERT_EQ(lithos("sim --config sim.toml --perfetto x.perfetto-trace -q"), 0) << folder.read("out");
  const PerfettoTrace masked = read("x-lithos.perfetto-trace"), shared = read("x-shared.perfetto-trace");
  for (const PerfettoTrace* trace : {&masked, &shared}) {
    EXPECT_GT(slices(*trace, "tenant hp", "requests"), 3u);
    EXPECT_GT(slices(*trace, "tenant hp", "queue 1: running"), 300u) << "the kernels of its graph";
    EXPECT_GT(slices(*trace, "tenant be", "queue 1: running"), 20u);
    for (const char* gpc : {"GPC 0", "GPC 7"}) EXPECT_GT(slices(*trace, "GPU 0 (virtual)", gpc), 0u);
    expect_flows(*trace);
  }
  EXPECT_GT(slices(masked, "decisions", "scheduler asked"), 3u);
  // Time is the simulation's: nothing before its beginning or after its end.
  for (const PerfettoEvent& one : masked.events) EXPECT_LE(one.to_ns, 100'000'000u);
  // The same run twice gives the same bytes.
  ASSERT_EQ(lithos("sim --config sim.toml --set lithos --perfetto y.perfetto-trace -q"), 0);
  EXPECT_EQ(read_text_file(folder.at("y.perfetto-trace"), 1u << 30).value(),
            read_text_file(folder.at("x-lithos.perfetto-trace"), 1u << 30).value());
}

TEST_F(Trace, RunsAgainAsAWorkload) {
  demo();
  ASSERT_EQ(lithos("sim --config sim.toml --set lithos --perfetto x.perfetto-trace -q"), 0) << folder.read("out");
  ASSERT_EQ(lithos("trace convert x.perfetto-trace -o again"), 0) << folder.read("out");
  const std::string said = folder.read("out");
  EXPECT_THAT(said, HasSubstr("hp: 284 kernels a request as a graph"));
  EXPECT_THAT(said, HasSubstr("be: 31 kernels a request, "));
  ASSERT_EQ(lithos("config check again/workload.toml"), 0) << folder.read("out");
  ASSERT_EQ(lithos("sim --config again/workload.toml --duration 150ms --json again.json -q"), 0) << folder.read("out");
  const Result<Json> result = Json::parse(folder.read("again.json"));
  ASSERT_TRUE(result.ok());
  for (const Json& set : *result.value()["sets"].items())
    for (const Json& tenant : *set["tenants"].items())
      EXPECT_GT(tenant.integer_of("requests"), 0) << tenant.text_of("name");
  EXPECT_EQ(lithos("trace convert sim.toml -o nothing"), 3);
}

}  // namespace
}  // namespace lithos::testing
