// SPDX-License-Identifier: Apache-2.0
// Bad input: one clear message each, exit code 3, nothing started. `lithos sim` and `lithos config check` say the same.
#include "e2e/program.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;

class BadInput : public testing::ProgramTest {
 protected:
  // Both commands on x.toml; returns the message.
  std::string rejected(const std::string& config) {
    write("x.toml", config);
    const ProgramResult check = lithos("config check x.toml");
    const ProgramResult sim = lithos("sim --config x.toml --json out.json");
    EXPECT_EQ(check.exit_code, 3);
    EXPECT_EQ(sim.exit_code, 3);
    EXPECT_EQ(sim.err, check.err);
    EXPECT_EQ(sim.out, "") << "nothing was started";
    EXPECT_EQ(read("out.json"), "");
    return sim.err;
  }
  static std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  static void expect_one_line_with(const std::string& message, const std::vector<std::string>& parts) {
    EXPECT_EQ(lines(message), 1u) << message;
    for (const std::string& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << "\n  in: " << message;
  }
};

TEST_F(BadInput, TheShippedConfigurationsAreRight) {
  int checked = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(LITHOS_SOURCE_DIR "/configs")) {
    if (entry.path().extension() != ".toml" || entry.path().filename() == "kernels.toml") continue;
    const ProgramResult result = lithos("config check '" + entry.path().string() + "'");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    ++checked;
  }
  EXPECT_GE(checked, 1);
}

TEST_F(BadInput, AMissingFile) {
  write("demo.toml", small_config());
  const ProgramResult result = lithos("sim --config dem.toml");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err, "dem.toml: no such file; near: demo.toml\n");
}

TEST_F(BadInput, AMissingTrace) {
  write("traces/resnet50_infer_b16.csv", "");
  std::string config = small_config();
  const std::string trace = LITHOS_SOURCE_DIR "/configs/traces/resnet50_infer_b16.csv";
  config.replace(config.find(trace), trace.size(), "traces/resnet50_infer_b6.csv");
  EXPECT_EQ(rejected(config),
            "x.toml:10:9: tenant.hp.trace = \"traces/resnet50_infer_b6.csv\": no such file: "
            "traces/resnet50_infer_b6.csv; near: "
            "resnet50_infer_b16.csv\n");
}

TEST_F(BadInput, ABrokenCsvRow) {
  std::string csv = testing::read_file(LITHOS_SOURCE_DIR "/configs/traces/dlrm_infer_b2048.csv");
  const std::string row = ",1024,1,1,128,";
  csv.replace(csv.find(row), row.size(), ",10x4,1,1,128,");  // in line 3
  write("broken.csv", csv);
  std::string config = small_config();
  const std::string trace = LITHOS_SOURCE_DIR "/configs/traces/dlrm_infer_b2048.csv";
  config.replace(config.find(trace), trace.size(), "broken.csv");
  expect_one_line_with(rejected(config), {"broken.csv:3:", "grid", "10x4"});
}

TEST_F(BadInput, BrokenKernelRules) {
  write("rules.toml", "[[kernel]]\npattern = \"(\"\nnature = \"independent\"\nreason = \"read\"\n");
  expect_one_line_with(rejected("kernel_rules = \"rules.toml\"\n" + small_config()),
                       {"rules.toml:2:11: ", "not a regular expression"});
}

TEST_F(BadInput, ABrokenArrivalFile) {
  write("arrivals.txt", "100\n90\nabc\n");
  std::string config = small_config();
  const std::string poisson = "kind = \"poisson\", rate = \"300/s\"";
  config.replace(config.find(poisson), poisson.size(), "kind = \"file\", path = \"arrivals.txt\"");
  EXPECT_NE(rejected(config).find("arrivals.txt:"), std::string::npos);
}

TEST_F(BadInput, AnUnknownGpu) {
  expect_one_line_with(rejected("gpu = \"h300\"\n" + small_config()), {"h300", "h200"});
}

TEST_F(BadInput, AnUnknownPolicy) {
  expect_one_line_with(rejected(small_config("scheduler = \"tpc_borowing\"")),
                       {"x.toml:18:13: ", "tpc_borowing", "tpc_borrowing"});
}

TEST_F(BadInput, APolicyOfAnotherKind) {
  expect_one_line_with(rejected(small_config("scheduler = \"operator_median\"")),
                       {"x.toml:18:13: ", "operator_median"});
}

TEST_F(BadInput, AParameterOutOfRange) {
  expect_one_line_with(
      rejected(small_config("scheduler = { policy = \"tpc_borrowing\", params = { lend_idle = 7.5 } }")),
      {"x.toml:18:", "lend_idle", "7.5"});
}

TEST_F(BadInput, AParameterWithoutItsUnit) {
  expect_one_line_with(rejected(small_config("scheduler = { policy = \"tpc_borrowing\", params = { atom = 400 } }")),
                       {"x.toml:18:", "atom", "400", "us"});
}

TEST_F(BadInput, AnUnknownParameter) {
  expect_one_line_with(
      rejected(small_config("scheduler = { policy = \"tpc_borrowing\", params = { lend_idel = 0.5 } }")),
      {"x.toml:18:", "lend_idel", "lend_idle"});
}

TEST_F(BadInput, APolicyOfAnotherAbi) {
  expect_one_line_with(rejected(small_config("scheduler = { policy = \"x\", path = \"" LITHOS_OTHER_ABI "\" }")),
                       {"x.toml:18:", "abi_other_major.so", "ABI 2", "ABI 1"});
}

TEST_F(BadInput, ALibraryThatIsNoPolicy) {
  write("junk.so", "not a library");
  expect_one_line_with(rejected(small_config("scheduler = { policy = \"x\", path = \"junk.so\" }")),
                       {"x.toml:18:", "junk.so"});
}

TEST_F(BadInput, QuotasBeyondTheGpu) {
  expect_one_line_with(rejected(small_config("scheduler = \"static_partition\"\nquotas = { hp = 60, be = 10 }")),
                       {"x.toml:16:1: ", "70 TPCs (hp 60, be 10)", "66"});
}

TEST_F(BadInput, AllMistakesAtOnce) {
  const std::string message =
      rejected(small_config("scheduler = \"shared\"\nslipp = 1.2\nstarvation_limit = 5\nonly = [\"hpp\"]"));
  EXPECT_EQ(lines(message), 4u) << message;
  EXPECT_NE(message.find("x.toml: 3 mistakes; nothing was started\n"), std::string::npos) << message;
}

TEST_F(BadInput, SeveralFilesAreAllChecked) {
  write("good.toml", small_config());
  write("bad.toml", "gpus = 1\n");
  const ProgramResult result = lithos("config check good.toml bad.toml");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "good.toml: ok: 2 tenants, 1 sets\n");
  EXPECT_NE(result.err.find("bad.toml:1:1: unknown key \"gpus\"; did you mean \"gpu\"?\n"), std::string::npos);
}

using ConfigKeys = testing::ProgramTest;

TEST_F(ConfigKeys, OfOneSectionOrAll) {
  const ProgramResult run = lithos("config keys run");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out.find("## [run]\n\n| key | type | default | meaning |\n"), 0u) << run.out;
  EXPECT_NE(run.out.find("| `seed` | whole number | `1` | "), std::string::npos) << run.out;
  const ProgramResult all = lithos("config keys");
  for (const char* title : {"## [run]\n", "## [[tenant]]\n", "## [[kernel]]\n", "## Quantities\n"})
    EXPECT_NE(all.out.find(title), std::string::npos) << title;
  const ProgramResult unknown = lithos("config keys tennant");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.err.find("did you mean \"tenant\"?"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace lithos
