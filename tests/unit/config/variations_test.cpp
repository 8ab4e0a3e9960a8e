// SPDX-License-Identifier: Apache-2.0
// Sets that inherit, cases and sweeps: what they come to, and where each mistake in them is reported.
#include <gtest/gtest.h>

#include <algorithm>

#include "test_paths.hpp"
#include "unit/config/support.hpp"

namespace lithos {
namespace {

const std::string kBase = R"(
[run]
seeds = 3
[[tenant]]
name = "hp"
class = "latency_critical"
trace = "traces/resnet50_infer_b1.csv"
[[set]]
name = "a"
scheduler = { policy = "tpc_borrowing", params = { atom = "1ms", lend_idle = 0.5 } }
quotas = { hp = 40 }
)";

ParsedConfig parse(const std::string& more) { return parse_config_text(kBase + more, LITHOS_SOURCE_DIR "/configs/x.toml"); }

std::string messages(const ParsedConfig& parsed) {
  std::string text;
  for (const Diagnostic& diagnostic : parsed.diagnostics) text += to_string(diagnostic) + "\n";
  return text;
}

const PolicySetConfig& set_named(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.sets.begin(), config.sets.end(), [&](const auto& set) { return set.name == name; });
  EXPECT_NE(found, config.sets.end()) << name;
  return *found;
}

TEST(Like, InheritsAndOverrides) {
  const ParsedConfig parsed = parse(R"(
[[set]]
name = "b"
like = "a"
slip = 1.5
[set.scheduler.params]
atom = "2ms"
[[set]]
name = "c"
like = "b"
scheduler = "shared"
)");
  ASSERT_TRUE(parsed.config) << messages(parsed);
  const PolicySetConfig& b = set_named(*parsed.config, "b");
  EXPECT_EQ(b.scheduler.id, "tpc_borrowing");
  EXPECT_EQ(std::get<std::string>(b.scheduler.params.at("atom").value), "2ms");
  EXPECT_EQ(std::get<double>(b.scheduler.params.at("lend_idle").value), 0.5);
  EXPECT_EQ(b.quotas.at("hp"), 40u);
  const PolicySetConfig& c = set_named(*parsed.config, "c");
  EXPECT_EQ(c.scheduler.id, "shared");
  EXPECT_TRUE(c.scheduler.params.empty()) << "another policy inherits no parameters";
  EXPECT_EQ(c.slip, 1.5);
  EXPECT_EQ(parsed.config->run.seeds, 3u);
  EXPECT_EQ(parsed.points.size(), 1u);
}

TEST(Like, NamesASetAbove) {
  const ParsedConfig parsed = parse("[[set]]\nname = \"bb\"\nlike = \"aa\"\n");
  ASSERT_EQ(parsed.diagnostics.size(), 1u) << messages(parsed);
  EXPECT_NE(messages(parsed).find("x.toml:14:8: set.bb.like = \"aa\": expected the name of a set above"), std::string::npos) << messages(parsed);
}

TEST(Like, AnInheritedMistakeIsReportedOnce) {
  const ParsedConfig parsed = parse_config_text(kBase + "slip = 99\n[[set]]\nname = \"b\"\nlike = \"a\"\n", LITHOS_SOURCE_DIR "/configs/x.toml");
  EXPECT_EQ(parsed.diagnostics.size(), 1u) << messages(parsed);
}

TEST(Sweep, MakesAGridAndRunsEachSetOnlyWhereItDiffers) {
  const ParsedConfig parsed = parse(R"(
[[set]]
name = "other"
scheduler = "shared"
[[sweep]]
key = "set.a.scheduler.params.atom"
values = ["1ms", "2ms", "3ms"]
[[sweep]]
key = "tenant.hp.slo"
values = ["5ms", "10ms"]
)");
  ASSERT_TRUE(parsed.config) << messages(parsed);
  ASSERT_EQ(parsed.points.size(), 6u);
  int other = 0;
  for (const ConfigPoint& point : parsed.points)
    for (const PolicySetConfig& set : point.config.sets) other += set.name == "other";
  EXPECT_EQ(other, 2) << "once per SLO, not per atom";
  const ConfigPoint& last = parsed.points.back();
  EXPECT_EQ(std::get<std::string>(set_named(last.config, "a").scheduler.params.at("atom").value), "3ms");
  EXPECT_EQ(last.config.tenants[0].slo, Nanoseconds{10'000'000});
  EXPECT_EQ(last.settings[0].label, "atom");
  EXPECT_EQ(last.settings[0].sets, std::vector<std::string>{"a"});
}

TEST(Sweep, MistakesStandWhereTheyAre) {
  const ParsedConfig key = parse("[[sweep]]\nkey = \"set.aa.slip\"\nvalues = [1.2]\n");
  EXPECT_NE(messages(key).find(":13:7: sweep[0].key = \"set.aa.slip\": there is no set \"aa\"; did you mean \"a\"?"), std::string::npos) << messages(key);
  const ParsedConfig value = parse("[[sweep]]\nkey = \"set.a.slip\"\nvalues = [1.2, 99]\n");
  EXPECT_NE(messages(value).find(":14:16: set.a.slip = 99"), std::string::npos) << messages(value);
  const ParsedConfig unknown = parse("[[sweep]]\nkey = \"set.a.slop\"\nvalues = [1.2]\n");
  EXPECT_NE(messages(unknown).find("unknown key \"slop\"; did you mean \"slip\"?"), std::string::npos) << messages(unknown);
  const ParsedConfig empty = parse("[[sweep]]\nkey = \"set.a.slip\"\nvalues = []\n");
  EXPECT_NE(messages(empty).find("expected a list"), std::string::npos) << messages(empty);
  const ParsedConfig whole = parse("[[sweep]]\nkey = \"set.a\"\nvalues = [1]\n");
  EXPECT_NE(messages(whole).find("names a whole set"), std::string::npos) << messages(whole);
}

TEST(Sweep, TooManyPointsAreRefused) {
  std::string values = "values = [1.1";
  for (int i = 0; i < 99; ++i) values += ", 1.1";
  const std::string sweep = "[[sweep]]\nkey = \"set.a.slip\"\n" + values + "]\n";
  EXPECT_NE(messages(parse(sweep + sweep)).find("more than 2000 combinations"), std::string::npos);
}

TEST(Case, SetsWhatItNames) {
  const ParsedConfig parsed = parse(R"(
[[case]]
name = "slow"
tenant.hp = { arrivals = { kind = "poisson", rate = "20/s" }, slo = "90ms" }
[[case]]
name = "short"
[case.run]
duration = "2s"
[case.set.a]
slip = 1.3
)");
  ASSERT_TRUE(parsed.config) << messages(parsed);
  ASSERT_EQ(parsed.points.size(), 2u);
  EXPECT_EQ(parsed.points[0].case_name, "slow");
  EXPECT_EQ(parsed.points[0].config.tenants[0].arrivals.rate_per_s, 20);
  EXPECT_EQ(parsed.points[1].config.run.duration, Nanoseconds{2'000'000'000});
  EXPECT_EQ(parsed.points[1].config.sets[0].slip, 1.3);
  EXPECT_EQ(parsed.points[1].config.tenants[0].slo, Nanoseconds{0});
}

TEST(Case, MistakesStandWhereTheyAre) {
  const ParsedConfig parsed = parse("[[case]]\nname = \"x\"\ntenant.hq = { slo = \"1ms\" }\n[[case]]\nname = \"x\"\n");
  EXPECT_NE(messages(parsed).find("case.x: there is no tenant \"hq\"; did you mean \"hp\"?"), std::string::npos) << messages(parsed);
  EXPECT_NE(messages(parsed).find("case \"x\" is declared twice"), std::string::npos) << messages(parsed);
}

}  // namespace
}  // namespace lithos
