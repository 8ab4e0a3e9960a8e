// SPDX-License-Identifier: Apache-2.0
// What the program says about itself, and to somebody who mistypes.
#include "e2e/program.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;

class Usage : public testing::ProgramTest {};

TEST_F(Usage, VersionAndHelp) {
  const ProgramResult version = lithos("--version");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out.rfind("lithos ", 0), 0u) << version.out;
  const ProgramResult help = lithos("--help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* part : {"sim", "config", "Policies decide and cannot act", "Exit codes: 0 ok"})
    EXPECT_NE(help.out.find(part), std::string::npos) << part;
  EXPECT_EQ(help.err, "");
  const ProgramResult sim = lithos("sim --help");
  EXPECT_EQ(sim.exit_code, 0);
  for (const char* part : {"--config", "--seed", "--duration", "--set", "--json", "Examples:"})
    EXPECT_NE(sim.out.find(part), std::string::npos) << part;
}

TEST_F(Usage, WrongLinesEndWithTwo) {
  for (const char* line : {"", "simm", "sim", "config", "config check", "sim --config x.toml --duration 10",
                           "sim --config x.toml --wat", "sim --config x.toml --seed abc"}) {
    const ProgramResult result = lithos(line);
    EXPECT_EQ(result.exit_code, 2) << line << result.err;
    EXPECT_EQ(result.out, "") << line;
    EXPECT_NE(result.err, "") << line;
  }
}

TEST_F(Usage, AMistypedCommandGetsASuggestion) {
  EXPECT_NE(lithos("smi").err.find("Did you mean \"lithos sim\"?"), std::string::npos);
}

TEST_F(Usage, ADurationWithoutAUnitIsToldHowToWriteIt) {
  EXPECT_NE(lithos("sim --config x.toml --duration 10").err.find("a duration needs a unit, for example \"250us\""),
            std::string::npos);
}

TEST_F(Usage, ADurationWithinTheWarmupIsRefused) {
  write("x.toml", small_config());
  const ProgramResult result = lithos("sim --config x.toml --duration 5ms");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "--duration 5ms: must be longer than run.warmup, 10ms\n");
}

TEST_F(Usage, AnUnknownSetGetsASuggestionAndNothingRuns) {
  write("x.toml", small_config());
  const ProgramResult result = lithos("sim --config x.toml --set onyl");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "--set onyl: there is no such set; did you mean \"only\"?\n");
  EXPECT_EQ(result.out, "");
}

TEST_F(Usage, AResultThatCannotBeWrittenIsFoundOutFirst) {
  write("x.toml", small_config());
  const ProgramResult result = lithos("sim --config x.toml --json no/such/folder.json");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "--json no/such/folder.json: cannot be written\n");
}

}  // namespace
}  // namespace lithos
