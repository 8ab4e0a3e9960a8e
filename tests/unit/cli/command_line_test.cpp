// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "lithos");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

int exit_code_of(std::vector<const char*> words) { return std::get<ParserOutput>(parse(std::move(words))).exit_code; }

TEST(CommandLineParsing, Sim) {
  const auto sim = std::get<SimArguments>(
      parse({"sim", "--config", "x.toml", "--case", "c", "--set", "a", "--set", "b", "--seed", "7", "--duration", "10s", "--json", "-",
             "--jobs", "2", "--policy-path", "/tmp", "--quiet"}));
  EXPECT_EQ(sim.config, "x.toml");
  EXPECT_EQ(sim.case_name, "c");
  EXPECT_EQ(sim.sets, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(sim.seed, 7u);
  EXPECT_EQ(sim.duration, Nanoseconds{10'000'000'000});
  EXPECT_EQ(sim.json, "-");
  EXPECT_EQ(sim.jobs, 2u);
  EXPECT_EQ(sim.policy_path, std::vector<std::string>{"/tmp"});
  EXPECT_TRUE(sim.quiet);
}

TEST(CommandLineParsing, SimDefaults) {
  const auto sim = std::get<SimArguments>(parse({"sim", "-c", "x.toml"}));
  EXPECT_FALSE(sim.seed.has_value());
  EXPECT_FALSE(sim.duration.has_value());
  EXPECT_TRUE(sim.sets.empty());
  EXPECT_TRUE(sim.json.empty());
  EXPECT_EQ(sim.jobs, 0u);
  EXPECT_FALSE(sim.quiet);
}

TEST(CommandLineParsing, RunKeepsTheProgramsOwnOptions) {
  const auto run =
      std::get<RunArguments>(parse({"run", "--tenant", "hp", "--tpcs", "0-3", "--no-hook", "--queued", "--advertised-tpcs", "8",
                                    "--", "python", "-c", "x", "--tenant", "not_ours"}));
  EXPECT_EQ(run.tenant, "hp");
  EXPECT_EQ(run.tpcs, "0-3");
  EXPECT_TRUE(run.no_hook);
  EXPECT_TRUE(run.queued);
  EXPECT_EQ(run.advertised_tpcs, 8u);
  EXPECT_EQ(run.program, (std::vector<std::string>{"python", "-c", "x", "--tenant", "not_ours"}));
  EXPECT_EQ(exit_code_of({"run", "--", "python"}), 2);
  EXPECT_EQ(exit_code_of({"run", "--tenant", "hp"}), 2);
  EXPECT_EQ(exit_code_of({"run", "--tenant", "hp", "--unmanaged", "sometimes", "--", "x"}), 2);
  EXPECT_TRUE(std::get<DoctorArguments>(parse({"doctor", "--json"})).json);
  EXPECT_EQ(std::get<CalibrateArguments>(parse({"calibrate", "--timeout", "5"})).timeout_s, 5u);
}

TEST(CommandLineParsing, UpAndDown) {
  const auto up = std::get<UpArguments>(parse({"up", "--config", "x.toml", "--set", "a", "--run-dir", "/r", "--device", "virtual", "--no-mps"}));
  EXPECT_EQ(up.config, "x.toml");
  EXPECT_EQ(up.set, "a");
  EXPECT_EQ(up.run_folder, "/r");
  EXPECT_EQ(up.device, "virtual");
  EXPECT_TRUE(up.no_mps);
  EXPECT_EQ(exit_code_of({"up"}), 2);
  EXPECT_TRUE(std::get<DownArguments>(parse({"down", "--force"})).force);
}

TEST(CommandLineParsing, BenchColocateTakesListsWithCommas) {
  const auto bench = std::get<ColocateArguments>(parse({"bench", "colocate", "--config", "x.toml", "--out", "r.json", "--ways", "mps,slack", "--rates", "300,100.5",
                                                        "--seconds", "2.5", "--be", "gpt2", "--swaps", "100", "--within", "480"}));
  EXPECT_EQ(bench.ways, (std::vector<std::string>{"mps", "slack"}));
  EXPECT_EQ(bench.rates, (std::vector<double>{300, 100.5}));
  EXPECT_EQ(bench.duration, Nanoseconds{2'500'000'000});
  EXPECT_EQ(bench.best_effort, "gpt2");
  EXPECT_EQ(bench.swaps, 100u);
  EXPECT_EQ(bench.within, Nanoseconds{480'000'000'000});
  EXPECT_EQ(exit_code_of({"bench", "colocate", "--config", "x.toml"}), 2);
  EXPECT_EQ(exit_code_of({"bench", "colocate", "--config", "x.toml", "--out", "r.json", "--rates", "-1"}), 2);
}

TEST(CommandLineParsing, ApplyTakesASet) {
  const auto apply = std::get<DaemonArguments>(parse({"config", "apply", "x.toml", "--set", "slack"}));
  EXPECT_EQ(apply.request, "config.apply");
  EXPECT_EQ(apply.set, "slack");
}

TEST(CommandLineParsing, ConfigCheckTakesSeveralFiles) {
  const auto check = std::get<ConfigCheckArguments>(parse({"config", "check", "a.toml", "b.toml"}));
  EXPECT_EQ(check.files, (std::vector<std::string>{"a.toml", "b.toml"}));
}

TEST(CommandLineParsing, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(exit_code_of({"--help"}), 0);
  EXPECT_EQ(exit_code_of({"--version"}), 0);
  EXPECT_EQ(exit_code_of({"sim", "--help"}), 0);
}

TEST(CommandLineParsing, MistakesAreUsage) {
  EXPECT_EQ(exit_code_of({}), 2);
  EXPECT_EQ(exit_code_of({"sim"}), 2);
  EXPECT_EQ(exit_code_of({"sim", "--config", "x.toml", "--duration", "ten"}), 2);
  EXPECT_EQ(exit_code_of({"sim", "--config", "x.toml", "--duration", "-1s"}), 2);
  EXPECT_EQ(exit_code_of({"sim", "--config", "x.toml", "--policy-path", "/nowhere"}), 2);
  EXPECT_EQ(exit_code_of({"config"}), 2);
  EXPECT_EQ(exit_code_of({"config", "check"}), 2);
}

}  // namespace
}  // namespace lithos
