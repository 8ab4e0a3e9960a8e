// SPDX-License-Identifier: Apache-2.0
// What a right file becomes. What a wrong one is told: diagnostics_test.cpp.
#include "config/config.hpp"

#include <gtest/gtest.h>

#include "unit/config/support.hpp"

namespace lithos {
namespace {

using testing::TemporaryFolder;

constexpr const char* kFull = R"(
gpu = "h200"
kernel_rules = "kernels.toml"
policy_path = ["policies"]
baseline = "alone"

[run]
duration = "20s"
warmup = "1s"
seed = 7
max_requests = 1000

[transport]
delay = "600ns"
jitter = "100ns"
reclaim_delay = "200ns"
completion_delay = "3us"
decision_delay = "4us"
loss = 0.01
reorder = 0.02
clock_offset = "-3us"

[[tenant]]
name = "hp"
class = "latency_critical"
quota = 42
slo = "10ms"
tolerates = "250us"
memory_limit = "40GiB"
trace = "a.csv"
mode = "graph"
arrivals = { kind = "poisson", rate = "300/s", seed = 5 }
pipeline_depth = 2
host_gap = "5us"
launch_gap = "3us"

[[tenant]]
name = "be"
class = "best_effort"
trace = "a.csv"
arrivals = { kind = "bursts", rate = "50/s", on = "100ms", off = "1s" }

[[tenant]]
name = "replay"
class = "throughput"
trace = "a.csv"
arrivals = { kind = "file", path = "arrivals.txt" }

[[set]]
name = "alone"
scheduler = "shared"
only = ["hp"]

[[set]]
name = "lithos"
sharing = "time_slicing"
predictor = { policy = "org.example.guess", params = { window = 8 } }
slip = 1.2
starvation_limit = "50ms"
submit_ahead = "35us"
quotas = { hp = 40, be = 26 }
tolerates = { hp = "5ms" }
[set.scheduler]
policy = "tpc_borrowing"
path = "policies/mine.so"
[set.scheduler.params]
slice = "250us"
share = 0.5
lend = true
levels = 3
)";

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    for (const char* name : {"kernels.toml", "a.csv", "arrivals.txt", "policies/mine.so"}) folder_.write(name, "");
  }
  Config parse(const std::string& text) {
    ParsedConfig parsed = parse_config_text(text, folder_.at("x.toml"));
    EXPECT_EQ(testing::as_text(parsed.diagnostics, folder_.at("")), "");
    return parsed.config.value_or(Config{});
  }
  TemporaryFolder folder_;
};

TEST_F(ConfigTest, ReadsTheTopLevel) {
  const Config config = parse(kFull);
  EXPECT_EQ(config.file, folder_.at("x.toml"));
  EXPECT_EQ(config.gpu, "h200");
  EXPECT_EQ(config.kernel_rules, folder_.at("kernels.toml"));
  EXPECT_EQ(config.policy_path, std::vector{folder_.at("policies")});
  EXPECT_EQ(config.baseline, "alone");
  EXPECT_EQ(config.run.duration.count(), 20'000'000'000);
  EXPECT_EQ(config.run.warmup.count(), 1'000'000'000);
  EXPECT_EQ(config.run.seed, 7u);
  EXPECT_EQ(config.run.max_requests, 1000u);
}

TEST_F(ConfigTest, ReadsTheTransport) {
  const TransportConfig transport = parse(kFull).transport;
  EXPECT_EQ(transport.delay.count(), 600);
  EXPECT_EQ(transport.jitter.count(), 100);
  EXPECT_EQ(transport.reclaim_delay.count(), 200);
  EXPECT_EQ(transport.completion_delay.count(), 3'000);
  EXPECT_EQ(transport.decision_delay.count(), 4'000);
  EXPECT_EQ(transport.loss, 0.01);
  EXPECT_EQ(transport.reorder, 0.02);
  EXPECT_EQ(transport.clock_offset.count(), -3'000);
}

TEST_F(ConfigTest, ReadsTenants) {
  const Config config = parse(kFull);
  ASSERT_EQ(config.tenants.size(), 3u);
  const TenantConfig& hp = config.tenants[0];
  EXPECT_EQ(hp.name, "hp");
  EXPECT_EQ(hp.tenant_class, TenantClass::latency_critical);
  EXPECT_EQ(hp.quota_tpcs, 42u);
  EXPECT_EQ(hp.slo.count(), 10'000'000);
  EXPECT_EQ(hp.tolerates.count(), 250'000);
  EXPECT_EQ(hp.memory_limit_bytes, std::uint64_t{40} << 30);
  EXPECT_EQ(hp.trace, folder_.at("a.csv"));
  EXPECT_EQ(hp.mode, LaunchMode::graph);
  EXPECT_EQ(hp.arrivals.kind, ArrivalKind::poisson);
  EXPECT_EQ(hp.arrivals.rate_per_s, 300);
  EXPECT_EQ(hp.arrivals.seed, 5u);
  EXPECT_EQ(hp.pipeline_depth, 2u);
  EXPECT_EQ(hp.host_gap.count(), 5'000);
  EXPECT_EQ(hp.launch_gap.count(), 3'000);
  EXPECT_EQ(hp.where.line, 23);

  const TenantConfig& be = config.tenants[1];
  EXPECT_EQ(be.mode, LaunchMode::eager);
  EXPECT_EQ(be.arrivals.kind, ArrivalKind::bursts);
  EXPECT_EQ(be.arrivals.burst_length.count(), 100'000'000);
  EXPECT_EQ(be.arrivals.burst_gap.count(), 1'000'000'000);
  EXPECT_EQ(config.tenants[2].arrivals.kind, ArrivalKind::file);
  EXPECT_EQ(config.tenants[2].arrivals.path, folder_.at("arrivals.txt"));
}

TEST_F(ConfigTest, ReadsSets) {
  const Config config = parse(kFull);
  ASSERT_EQ(config.sets.size(), 2u);
  EXPECT_EQ(config.sets[0].scheduler.id, "shared");
  EXPECT_EQ(config.sets[0].only, std::vector<std::string>{"hp"});
  EXPECT_TRUE(config.sets[0].masks);
  const PolicySetConfig& set = config.sets[1];
  EXPECT_EQ(set.sharing, Sharing::time_slicing);
  EXPECT_EQ(set.slip, 1.2);
  EXPECT_EQ(set.starvation_limit.count(), 50'000'000);
  EXPECT_EQ(set.submit_ahead.count(), 35'000);
  EXPECT_EQ(set.quotas, (std::map<std::string, std::uint32_t>{{"hp", 40}, {"be", 26}}));
  EXPECT_EQ(set.tolerates.at("hp").count(), 5'000'000);
}

TEST_F(ConfigTest, PoliciesAreWrittenAsTextInlineOrAsASubtable) {
  const Config config = parse(kFull);
  const PolicySetConfig& set = config.sets[1];
  EXPECT_EQ(set.scheduler.id, "tpc_borrowing");
  EXPECT_EQ(set.scheduler.path, folder_.at("policies/mine.so"));
  ASSERT_EQ(set.scheduler.params.size(), 4u);
  EXPECT_EQ(std::get<std::string>(set.scheduler.params.at("slice").value), "250us");
  EXPECT_EQ(std::get<double>(set.scheduler.params.at("share").value), 0.5);
  EXPECT_EQ(std::get<bool>(set.scheduler.params.at("lend").value), true);
  EXPECT_EQ(std::get<std::int64_t>(set.scheduler.params.at("levels").value), 3);
  EXPECT_EQ(set.scheduler.params.at("slice").where.line, 67);
  EXPECT_EQ(set.predictor.id, "org.example.guess");
  EXPECT_EQ(std::get<std::int64_t>(set.predictor.params.at("window").value), 8);
}

TEST_F(ConfigTest, RolesThatAreLeftOutGetTheDefaults) {
  const Config config = parse(kFull);
  EXPECT_EQ(config.sets[0].predictor.id, "operator_median");
  EXPECT_EQ(config.sets[0].right_sizer.id, "none");
  EXPECT_EQ(config.sets[0].dvfs.id, "fixed");
}

TEST_F(ConfigTest, ATenantWithoutArrivalsIsAClosedLoop) {
  const Config config =
      parse("[[tenant]]\nname='a'\nclass='best_effort'\ntrace='a.csv'\n[[set]]\nname='s'\nscheduler='x'\n");
  EXPECT_EQ(config.tenants.at(0).arrivals.kind, ArrivalKind::closed_loop);
}

TEST_F(ConfigTest, ASetsOwnEntryGoesBeforeTheTenants) {
  const Config config = parse(kFull);
  const TenantConfig &hp = config.tenants[0], &be = config.tenants[1];
  EXPECT_EQ(quota_of(config.sets[0], hp), 42u);
  EXPECT_EQ(quota_of(config.sets[1], hp), 40u);
  EXPECT_EQ(tolerates_of(config.sets[0], hp).count(), 250'000);
  EXPECT_EQ(tolerates_of(config.sets[1], hp).count(), 5'000'000);
  EXPECT_TRUE(takes_part(config.sets[0], hp));
  EXPECT_FALSE(takes_part(config.sets[0], be));
  EXPECT_TRUE(takes_part(config.sets[1], be));
}

TEST_F(ConfigTest, WithoutMasksNobodyOwnsTpcs) {
  const Config config = parse(std::string(kFull) + "[[set]]\nname = \"mps\"\nscheduler = \"shared\"\nmasks = false\n");
  ASSERT_EQ(config.sets.size(), 3u);
  EXPECT_FALSE(config.sets[2].masks);
  EXPECT_EQ(quota_of(config.sets[2], config.tenants[0]), 0u);
}

TEST_F(ConfigTest, QuotasAreCheckedAgainstTheDevice) {
  const Config config = parse(kFull);
  EXPECT_TRUE(check_against_device(config, 66).empty());
  EXPECT_EQ(testing::as_text(check_against_device(config, 60), folder_.at("")),
            "x.toml:54:1: set.lithos: quotas add up to 66 TPCs (hp 40, be 26), and this GPU has 60\n");
  EXPECT_EQ(check_against_device(config, 41).size(), 2u) << "alone: hp's own 42";
}

TEST_F(ConfigTest, ReadsFromAFile) {
  const std::string path = folder_.write("ok.toml", kFull);
  const ParsedConfig parsed = parse_config_file(path);
  ASSERT_TRUE(parsed.config.has_value());
  EXPECT_EQ(parsed.config->file, path);
}

TEST_F(ConfigTest, PluginsKeepTheirOrderAndTheirParameters) {
  const Config config = parse(std::string(kFull) +
                              "\n[[plugin]]\nexporter = \"jsonl\"\nset = \"alone\"\nparams = { path = \"x\", atoms = false }\n"
                              "[[plugin]]\npower = \"none\"\n");
  ASSERT_EQ(config.plugins.size(), 2u);
  EXPECT_EQ(config.plugins[0].kind, PluginKind::exporter);
  EXPECT_EQ(config.plugins[0].choice.id, "jsonl");
  EXPECT_EQ(config.plugins[0].set, "alone");
  EXPECT_EQ(std::get<std::string>(config.plugins[0].choice.params.at("path").value), "x");
  EXPECT_EQ(config.plugins[1].kind, PluginKind::power);
  for (const auto& [lines, said] : std::map<std::string, std::string>{
           {"params = {}", "plugin[0]: expected one of exporter = \"jsonl\" and power = \"none\""},
           {"exporter = \"a\"\npower = \"b\"", "plugin[0]: expected one of exporter = \"jsonl\" and power = \"none\", not both"},
           {"exporter = \"a\"\nset = \"alon\"", "plugin.set: there is no set \"alon\"; did you mean \"alone\"?"}}) {
    const ParsedConfig wrong = parse_config_text(std::string(kFull) + "\n[[plugin]]\n" + lines + "\n", folder_.at("x.toml"));
    ASSERT_EQ(wrong.diagnostics.size(), 1u) << lines;
    EXPECT_EQ(wrong.diagnostics[0].message, said);
  }
}

TEST(Config, ManyTenantsShareTheGpusWorkQueues) {
  Config config;
  config.tenants.resize(2);
  EXPECT_EQ(connections_of(config, config.tenants[0]), 8u);
  config.tenants.resize(16);
  EXPECT_EQ(connections_of(config, config.tenants[0]), 4u);
  config.tenants.resize(60);
  EXPECT_EQ(connections_of(config, config.tenants[0]), 2u);
  config.tenants[0].connections = 5;
  EXPECT_EQ(connections_of(config, config.tenants[0]), 5u);
}

}  // namespace
}  // namespace lithos
