// SPDX-License-Identifier: Apache-2.0
// lithos bench colocate with small tenants on the stand-in for the driver, and one for MPS: what it starts, keeps, measures and records.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/colocate/swaps.hpp"
#include "cli/colocate/ways.hpp"
#include "cuda/world.hpp"
#include "daemon/json.hpp"
#include "test_paths.hpp"

namespace lithos::cuda {
namespace {

namespace fs = std::filesystem;
using testing::Environment;
using testing::Outcome;
using testing::World;

std::string config_text(const std::string& be_command = R"(["{bin}/serving_tenant", "be", "works", "{model}"])") {
  std::string text = R"(
kernel_rules = "SOURCE/configs/kernels.toml"
[[tenant]]
name = "hp"
class = "latency_critical"
quota = 66
tolerates = "10ms"
mode = "graph"
trace = "SOURCE/configs/traces/resnet50_infer_b16.csv"
arrivals = { kind = "poisson", rate = "200/s" }
command = ["{bin}/serving_tenant", "hp"]
[[tenant]]
name = "be"
class = "best_effort"
trace = "SOURCE/configs/traces/dlrm_infer_b2048.csv"
command = COMMAND
[[set]]
name = "static_42_24"
scheduler = "static_partition"
quotas = { hp = 42, be = 24 }
[[set]]
name = "tpc_borrowing"
scheduler = "tpc_borrowing"
[[set]]
name = "slack"
scheduler = "slack"
)";
  for (const auto& [word, by] : {std::pair<std::string, std::string>{"COMMAND", be_command}, {"SOURCE", LITHOS_SOURCE_DIR}, {"{bin}", LITHOS_BINARY_DIR "/tests/bin"}})
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += by.size()) text.replace(at, word.size(), by);
  return text;
}

class Colocate : public ::testing::Test {
 protected:
  Environment shell(const Environment& extra = {}) const {
    Environment all = world.shell({{"PATH", std::string(LITHOS_SOURCE_DIR "/tests/cuda/fake_mps:") + std::getenv("PATH")}});
    for (const auto& [key, value] : extra) all[key] = value;
    return all;
  }
  std::vector<std::string> line_of(std::vector<std::string> more, const std::string& text) const {
    std::ofstream(world.folder() + "/config.toml") << text;
    std::vector<std::string> line{"bench", "colocate", "--config", world.folder() + "/config.toml", "--out", out, "--seconds", "0.25"};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }
  Outcome bench(std::vector<std::string> more, const std::string& text = config_text(), const Environment& extra = {}) {
    Outcome outcome = world.run("../../bin/lithos", line_of(std::move(more), text), shell(extra));
    read_result();
    return outcome;
  }
  void read_result() {
    std::ifstream file(out);
    const Result<Json> json = Json::parse({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
    if (json.ok()) result = json.value();
  }
  std::string log() const {
    std::ifstream file(out + ".log");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  Json row(const std::string& way, double rate = 0) const {
    for (const Json& one : result["rows"].items_or_none())
      if (one.text_of("way") == way && (rate == 0 || one.number_of("rate") == rate)) return one;
    return Json();
  }

  const World world;
  const std::string out = world.folder() + "/r.json";
  Json result;
};

TEST_F(Colocate, MeasuresEveryWayWithTheSameArrivals) {
  const Outcome done = bench({"--rates", "100,200", "--ways", "time_slicing,mps,mps_priority,mps_threads_50,static_42_24,tpc_borrowing,slack"});
  ASSERT_EQ(done.status, 0) << done.err << done.out << log();
  std::int64_t arrivals[2] = {row("alone", 100)["hp"].integer_of("arrivals"), row("alone", 200)["hp"].integer_of("arrivals")};
  EXPECT_GT(arrivals[0], 10);
  EXPECT_GT(arrivals[1], arrivals[0]);
  for (const char* way : {"alone", "time_slicing", "mps", "mps_priority", "mps_threads_50", "static_42_24", "tpc_borrowing", "slack"})
    for (const std::size_t which : {0u, 1u}) {
      const Json one = row(way, which == 0 ? 100 : 200), hp = one["hp"];
      EXPECT_EQ(hp.integer_of("arrivals"), arrivals[which]) << way << done.err;
      EXPECT_EQ(hp.integer_of("done"), arrivals[which]) << way;
      EXPECT_GE(hp["latency_ms"].number_of("p99"), hp["latency_ms"].number_of("p50"));
      EXPECT_GT(hp.number_of("p99_of_alone"), 0) << way;
      EXPECT_GT(hp.number_of("slo_ms"), 0) << way;
      EXPECT_EQ(one["be"].is_object(), std::string(way) != "alone") << way;
      if (one["be"].is_object()) {
        EXPECT_GT(one["be"].number_of("of_solo"), 0) << way;
      }
    }
  EXPECT_GT(row("be_alone")["be"].number_of("per_s"), 0);
  EXPECT_NE(done.out.find("tpc_borrowing"), std::string::npos) << done.out;
  for (const char* fact : {"command", "date", "gpu", "config", "leader"}) EXPECT_NE(result.text_of(fact), "") << fact;
  EXPECT_EQ(result["anchor"]["alone"].items_or_none().size(), 2u);
}

// One pair of tenants serves all sets of the same quotas, policies being exchanged beneath them; others get a fresh pair.
TEST_F(Colocate, TenantsStayFromSetToSet) {
  const Outcome done = bench({"--ways", "static_42_24,tpc_borrowing,slack"});
  ASSERT_EQ(done.status, 0) << done.err << log();
  EXPECT_EQ(row("static_42_24").text_of("set_was"), "started");
  EXPECT_EQ(row("tpc_borrowing").text_of("set_was"), "started");  // other quotas
  EXPECT_EQ(row("slack").text_of("set_was"), "exchanged live");
  const auto own = [&](const char* way, const char* tenant) { return row(way)["lithosd"][tenant].integer_of("own_tpcs"); };
  EXPECT_EQ(own("static_42_24", "hp"), 42);
  EXPECT_EQ(own("static_42_24", "be"), 24);
  EXPECT_EQ(own("tpc_borrowing", "hp"), 66);
  EXPECT_EQ(own("slack", "hp"), 66);
  ASSERT_EQ(result["counters"].items_or_none().size(), 4u) << result.dump();
  for (const Json& one : result["counters"].items_or_none()) {
    const std::string* first = one["ways"].items_or_none().at(0).text();
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(one["ways"].items_or_none().size(), *first == "static_42_24" ? 1u : 2u) << one.dump();
    EXPECT_GT(one["stats"]["counts"].integer_of("masked"), 0) << one.dump();
  }
}

TEST_F(Colocate, AWayThatFailsIsRecordedAndTheOthersGoOn) {
  const Outcome done = bench({"--ways", "mps,tpc_borrowing"}, config_text(R"(["{bin}/serving_tenant", "be", "dies"])"));
  EXPECT_EQ(WEXITSTATUS(done.status), 1);
  for (const char* way : {"be_alone", "mps", "tpc_borrowing"})
    EXPECT_NE(row(way).text_of("error").find("tenant be did not answer: it ended with 3"), std::string::npos) << result.dump();
  EXPECT_GT(row("alone")["hp"].integer_of("done"), 0);
  const Outcome no_mps = bench({"--ways", "mps,time_slicing"}, config_text(), {{"FAKE_MPS", "fails"}});
  EXPECT_EQ(WEXITSTATUS(no_mps.status), 1);
  EXPECT_NE(row("mps").text_of("error").find("nvidia-cuda-mps-control -d ended with 1"), std::string::npos) << result.dump();
  EXPECT_TRUE(row("time_slicing")["be"].is_object());
}

TEST_F(Colocate, SchedulersAreExchangedWhileServing) {
  const Outcome done = bench({"--ways", "tpc_borrowing", "--swaps", "7"});
  ASSERT_EQ(done.status, 0) << done.err << log();
  const Json& swaps = result["swaps"];
  EXPECT_EQ(swaps.integer_of("done"), 7) << result.dump();
  EXPECT_EQ(swaps.integer_of("lost_with"), 0);
  EXPECT_EQ(swaps.integer_of("lost_without"), 0);
  EXPECT_TRUE(*swaps["same_processes"].boolean());
  EXPECT_TRUE(*swaps["checksums_equal"]["hp"].boolean());
  EXPECT_TRUE(swaps["p99_difference_95_ms"].is_null()) << "some fifty requests are too few";
  EXPECT_NE(done.out.find("7 exchanges of tpc_borrowing's scheduler"), std::string::npos) << done.out;
}

// A launch whose blocks wait for each other needs 59 TPCs, and 53 are lent. lithosd hears that it waits and lends what it needs, on both
// paths. When it did not, each such launch waited for twice the starvation limit and then ran unconfined: one in 400 ms.
TEST_F(Colocate, ALaunchThatNeedsMoreTpcsThanAreLentIsLentThem) {
  for (const std::string queued : {"", "queued = true\n"}) {
    std::string text = config_text(R"(["{bin}/serving_tenant", "be", "together"])");
    text.insert(text.find("class = \"best_effort\""), queued);
    const std::string lends = "scheduler = \"tpc_borrowing\"";
    text.replace(text.find(lends), lends.size(), R"(scheduler = { policy = "tpc_borrowing", params = { lend_idle = 0.8 } })");
    const Outcome done = bench({"--ways", "tpc_borrowing"}, text);
    ASSERT_EQ(done.status, 0) << done.err << log();
    const Json be = row("tpc_borrowing");
    EXPECT_GT(be["be"].integer_of("iterations"), 10) << result.dump();
    EXPECT_EQ(be["lithosd"]["be"].integer_of("unmasked"), 0) << be.dump();
    EXPECT_GT(be["lithosd"]["be"].integer_of("whole_co_resident"), 10) << be.dump();
    for (const Json& one : result["counters"].items_or_none()) {
      EXPECT_EQ(one["stats"]["counts"].integer_of("starved"), 0) << one.dump();
    }
  }
}

// What differs in a case reaches the tenants and lithosd.
TEST_F(Colocate, OneCaseOfAFileIsMeasured) {
  const std::string text = config_text() + R"([[case]]
name = "slow"
tenant.hp = { arrivals = { kind = "poisson", rate = "60/s" } }
[[case]]
name = "narrow"
tenant.hp = { arrivals = { kind = "poisson", rate = "120/s" } }
set.tpc_borrowing = { quotas = { hp = 50 } }
)";
  const Outcome which = bench({"--ways", "tpc_borrowing"}, text);
  EXPECT_EQ(WEXITSTATUS(which.status), 3);
  EXPECT_NE(which.err.find("has cases: say which with --case, for example --case slow"), std::string::npos) << which.err;
  const Outcome typed = bench({"--case", "narow", "--ways", "tpc_borrowing"}, text);
  EXPECT_EQ(WEXITSTATUS(typed.status), 3);
  EXPECT_NE(typed.err.find("no case is called \"narow\"; did you mean \"narrow\"?"), std::string::npos) << typed.err;
  const Outcome done = bench({"--case", "narrow", "--ways", "tpc_borrowing,slack"}, text);
  ASSERT_EQ(done.status, 0) << done.err << log();
  EXPECT_EQ(result.text_of("case"), "narrow");
  EXPECT_EQ(row("alone").number_of("rate"), 120);
  EXPECT_EQ(row("tpc_borrowing")["lithosd"]["hp"].integer_of("own_tpcs"), 50);
  EXPECT_EQ(row("slack")["lithosd"]["hp"].integer_of("own_tpcs"), 66);
  EXPECT_GT(row("slack").number_of("together"), row("slack")["be"].number_of("of_solo"));
}

TEST_F(Colocate, MistakesAreFoundBeforeAnythingStarts) {
  const Outcome no_way = bench({"--ways", "tpc_borowing"});
  EXPECT_EQ(WEXITSTATUS(no_way.status), 3);
  EXPECT_NE(no_way.err.find("did you mean \"tpc_borrowing\"?"), std::string::npos) << no_way.err;
  std::string text = config_text();
  text.erase(text.find("command = ["), text.find('\n', text.find("command = [")) - text.find("command = ["));
  const Outcome no_command = bench({}, text);
  EXPECT_EQ(WEXITSTATUS(no_command.status), 3);
  EXPECT_NE(no_command.err.find("tenant.hp has no command"), std::string::npos) << no_command.err;
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(Colocate, InterruptedItEndsWhatItStarted) {
  std::vector<std::string> line = line_of({"--ways", "tpc_borrowing"}, config_text());
  *std::find(line.begin(), line.end(), "0.25") = "30";  // seconds: longer than this test has patience
  line.insert(line.begin(), world.path("../../bin/lithos"));
  Environment environment = shell({{"TMPDIR", world.folder()}});
  Result<ChildProcess> started = ChildProcess::start({.command = line, .environment = environment, .log = world.folder() + "/said"});
  ASSERT_TRUE(started.ok()) << started.status().message();
  // Its own log appears when the first tenant is started.
  for (unsigned turn = 0; turn < 3000 && !fs::exists(out + ".log"); ++turn) started->wait(Nanoseconds{5'000'000});
  started->signal(SIGINT);
  EXPECT_EQ(started->wait(Nanoseconds{60'000'000'000}), 1) << log();
  read_result();
  EXPECT_NE(row("alone").text_of("error").find("interrupted"), std::string::npos) << result.dump();
  EXPECT_TRUE(row("tpc_borrowing").is_null());
  for (const auto& entry : fs::directory_iterator(world.folder())) EXPECT_EQ(entry.path().string().find("lithos-bench-"), std::string::npos) << entry.path();
}

// Machines without MPS, or without a GPU: tenants that are no CUDA programs serve beside the virtual one.
TEST_F(Colocate, WithoutMpsThereAreTheOtherWays) {
  const Outcome done = bench({"--no-mps", "--ways", "mps,tpc_borrowing"}, config_text(), {{"FAKE_MPS", "fails"}});
  EXPECT_EQ(WEXITSTATUS(done.status), 1);
  EXPECT_EQ(row("mps").text_of("error"), "this way is MPS, and --no-mps was given");
  EXPECT_TRUE(row("tpc_borrowing")["be"].is_object()) << done.err << log();
}

// ---- parts -------------------------------------------------------------------------------------------------

TEST(Ways, AloneIsAlwaysThereAndFirst) {
  const ParsedConfig parsed = parse_config_text(config_text(), "x.toml");
  ASSERT_TRUE(parsed.config) << to_string(parsed.diagnostics.front());
  const auto names = [&](const std::vector<std::string>& words) {
    std::vector<std::string> found;
    const Result<std::vector<Way>> ways = ways_named(words, *parsed.config);
    if (ways.ok())
      for (const Way& way : ways.value()) found.push_back(way.name);
    return found;
  };
  EXPECT_EQ(names({"slack", "static", "alone"}), (std::vector<std::string>{"alone", "slack", "static_42_24"}));
  EXPECT_EQ(names({}), (std::vector<std::string>{"alone", "time_slicing", "mps", "mps_priority", "mps_threads_25", "mps_threads_50", "mps_threads_75",
                                                 "static_42_24", "tpc_borrowing", "slack"}));
  EXPECT_FALSE(ways_named({"mps_threads_0"}, *parsed.config).ok());
}

TEST(Swaps, TheDifferenceOfEqualRunsIsZeroAndOfSlowerOnesIsNot) {
  std::vector<std::int64_t> a, b;
  for (std::int64_t i = 0; i < 2000; ++i) {
    a.push_back(1'000'000 + i % 97 * 1000);
    b.push_back(a.back() + 500'000);
  }
  const Difference none = p99_difference(a, a, 1), slower = p99_difference(a, b, 1);
  EXPECT_EQ(none.mean, 0);
  EXPECT_LE(none.low, 0);
  EXPECT_GE(none.high, 0);
  EXPECT_NEAR(slower.mean, 0.5, 1e-9);
  EXPECT_GT(slower.low, 0.4);
  EXPECT_FALSE(p99_difference({1, 2, 3}, {1, 2, 3}, 1).has_interval);
}

}  // namespace
}  // namespace lithos::cuda
