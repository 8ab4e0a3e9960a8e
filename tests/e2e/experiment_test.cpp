// SPDX-License-Identifier: Apache-2.0
// Many runs of one file: seeds, cases, sweeps, the benchmark of all policies; and that every shipped policy does its work in the simulator.
#include <algorithm>

#include "e2e/program.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;

class Experiment : public testing::ProgramTest {};

TEST_F(Experiment, TheSameBytesWhateverTheNumberOfThreads) {
  write("x.toml", small_config() + "[[set]]\nname = \"lent\"\nscheduler = \"tpc_borrowing\"\nquotas = { hp = 66 }\n");
  ASSERT_EQ(lithos("sim --config x.toml --seeds 4 --jobs 1 --json a.json -q").exit_code, 0);
  const std::string table = read("stdout.txt");
  ASSERT_EQ(lithos("sim --config x.toml --seeds 4 --jobs 4 --json b.json -q").exit_code, 0);
  EXPECT_EQ(read("a.json"), read("b.json"));
  EXPECT_EQ(table, read("stdout.txt"));
  for (const char* part : {"4 seeds from 3", " ± ", "Jain", "goodput"}) EXPECT_NE(table.find(part), std::string::npos) << part << table;
  for (const char* part : {"\"summary\"", "\"ci95\"", "\"seed\": 6", "\"jain\""}) EXPECT_NE(read("a.json").find(part), std::string::npos) << part;
}

TEST_F(Experiment, CasesAndSweepsEachGetTheirRows) {
  write("x.toml", small_config() +
                      "[[set]]\nname = \"lent\"\nlike = \"only\"\nscheduler = \"tpc_borrowing\"\nquotas = { hp = 66 }\n"
                      "[[case]]\nname = \"few\"\ntenant.hp = { arrivals = { kind = \"poisson\", rate = \"100/s\" } }\n"
                      "[[case]]\nname = \"many\"\n"
                      "[[sweep]]\nkey = \"set.lent.scheduler.params.atom\"\nvalues = [\"100us\", \"400us\"]\n");
  const ProgramResult result = lithos("sim --config x.toml -q");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"few:", "many:", "lent atom=100us", "lent atom=400us"}) EXPECT_NE(result.out.find(part), std::string::npos) << part;
}

TEST_F(Experiment, OperatorsShowWhatRan) {
  write("x.toml", small_config());
  const ProgramResult result = lithos("sim --config x.toml --operators -q");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"only, hp", "only, be", "of TPC time", "compute", "memory"}) EXPECT_NE(result.out.find(part), std::string::npos) << part;
}

TEST_F(Experiment, BenchPoliciesComparesWithTheSubject) {
  write("x.toml", small_config() + "[[set]]\nname = \"lent\"\nscheduler = \"tpc_borrowing\"\nquotas = { hp = 66 }\n");
  const ProgramResult result = lithos("bench policies x.toml --subject lent --seeds 2 -q --json r.json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"x: lent", "against the best of", "(bound)"}) EXPECT_NE(result.out.find(part), std::string::npos) << part << result.out;
  EXPECT_NE(read("r.json").find("lithos-bench-policies-1"), std::string::npos);
  EXPECT_NE(lithos("bench policies nowhere.toml").exit_code, 0);
}

// Nothing that a shipped policy answers has to be corrected, and somebody gets work done under each.
TEST_F(Experiment, EveryShippedPolicyWorksUncorrected) {
  std::string sets;
  const auto add = [&](const std::string& role, const std::string& policy, const std::string& quotas) {
    const std::string scheduler = role == "scheduler" ? "" : "scheduler = \"tpc_borrowing\"\n";
    sets += "[[set]]\nname = \"" + policy + "." + (quotas.empty() ? "none" : "hp") + "\"\n" + scheduler + role + " = \"" + policy + "\"\n" + quotas;
  };
  for (const char* policy : {"time_slice", "fair_share"}) add("scheduler", policy, "");  // they divide what nobody owns
  for (const char* policy : {"priority", "edf", "orion", "tgs", "reef", "slack", "tpc_borrowing"})
    for (const char* quotas : {"", "quotas = { hp = 66 }\ntolerates = { hp = \"1s\" }\n"}) add("scheduler", policy, quotas);
  for (const char* policy : {"last_value", "ewma"}) add("predictor", policy, "");
  for (const char* policy : {"fixed_fraction", "amdahl"}) add("right_sizer", policy, "");
  for (const char* policy : {"race_to_idle", "sensitivity"}) add("dvfs", policy, "");
  for (const std::string policy : {"priority", "orion", "reef"})
    sets += "[[set]]\nname = \"" + policy + ".published\"\nmasks = false\nscheduler = { policy = \"" + policy +
            "\", params = { mechanisms = \"published\" } }\n";
  write("x.toml", small_config() + sets);
  const ProgramResult result = lithos("sim --config x.toml --duration 400ms");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err.find("was corrected"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("completed nothing"), std::string::npos) << result.err;
}

TEST_F(Experiment, ThePapersExperimentsAreRight) {
  for (const char* file : {"stacking", "hybrid", "ablation", "static_stacking", "static_hybrid", "right_sizing", "dvfs"})
    EXPECT_EQ(lithos(std::string("config check " LITHOS_SOURCE_DIR "/configs/paper/") + file + ".toml").exit_code, 0) << file << read("stderr.txt");
}

}  // namespace
}  // namespace lithos
