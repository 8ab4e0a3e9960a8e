// SPDX-License-Identifier: Apache-2.0
#include "e2e/program.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;

class Sim : public testing::ProgramTest {};

TEST_F(Sim, PrintsATableAndNothingElseOnStdout) {
  write("x.toml", small_config());
  const ProgramResult result = lithos("sim --config x.toml");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part :
       {"── hp: latency in ms ", "set ", "p50", "p99", "SLO met", "of solo", "busy", "energy J", "covered", "\nonly "})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << "no colour into a file";
  EXPECT_EQ(result.err.find('\r'), std::string::npos) << "no progress bar into a file";
}

TEST_F(Sim, TheTableFits110Columns) {
  const ProgramResult result = lithos("sim --duration 600ms --config " LITHOS_SOURCE_DIR "/configs/demo.toml");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    const auto width = std::count_if(line.begin(), line.end(),
                                     [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; });
    EXPECT_LE(width, line.find("lithos sim") == 0 ? 200 : 110) << line;
  }
}

TEST_F(Sim, TheSameSeedGivesTheSameBytes) {
  write("x.toml",
        small_config(
            "scheduler = \"tpc_borrowing\"\nquotas = { hp = 66 }\n[[set]]\nname = \"other\"\nscheduler = \"shared\""));
  ASSERT_EQ(lithos("sim --config x.toml --json a.json").exit_code, 0);
  ASSERT_EQ(lithos("sim --config x.toml --json b.json --jobs 1 --quiet").exit_code, 0);
  ASSERT_EQ(lithos("sim --config x.toml --json c.json --seed 4").exit_code, 0);
  EXPECT_EQ(read("a.json"), read("b.json"));
  EXPECT_NE(read("a.json"), read("c.json")) << "another seed is another run";
  const ProgramResult to_stdout = lithos("sim --config x.toml --json - --quiet");
  EXPECT_EQ(to_stdout.out, read("a.json"));
}

TEST_F(Sim, ASetByItselfIsTheSameAsAmongOthers) {
  write(
      "x.toml",
      small_config(
          "scheduler = \"shared\"\n[[set]]\nname = \"other\"\nscheduler = \"static_partition\"\nquotas = { hp = 40 }"));
  ASSERT_EQ(lithos("sim --config x.toml --json all.json").exit_code, 0);
  ASSERT_EQ(lithos("sim --config x.toml --json one.json --set other").exit_code, 0);
  const std::string all = read("all.json"), one = read("one.json");
  const std::string marker = "      \"name\": \"other\",";
  ASSERT_NE(one.find(marker), std::string::npos) << one;
  EXPECT_EQ(all.substr(all.find(marker)), one.substr(one.find(marker)));
}

TEST_F(Sim, IsComparedWithWhatWasMeasured) {
  write("x.toml", small_config());
  const std::string only = R"({"experiment": "colocate", "rows": [{"way": "only", "rate": RATE, "hp": {"done_per_s": 1e6,
      "latency_ms": {"p50": 1e6, "p99": 1e6}, "service_ms": {"p50": 1e6}}}, {"way": "only", "rate": RATE, "error": "it did not start"},
      {"way": "mps", "rate": RATE, "hp": {"done_per_s": 1}}]})";
  const auto at_rate = [&](std::string rate) {
    std::string text = only;
    for (std::size_t at; (at = text.find("RATE")) != std::string::npos;) text.replace(at, 4, rate);
    return text;
  };
  write("same.json", at_rate("300"));
  const ProgramResult off = lithos("sim --config x.toml --against same.json");
  ASSERT_EQ(off.exit_code, 0) << off.err;
  EXPECT_NE(off.out.find("-100% !"), std::string::npos) << off.out;
  EXPECT_NE(off.out.find("\n4 of 4 figures off by more than 15 % (25 % of p99)"), std::string::npos) << off.out;
  write("other.json", at_rate("20"));
  EXPECT_NE(lithos("sim --config x.toml --against other.json").out.find("nothing to compare: no set of that name was measured at 300/s"),
            std::string::npos);
  write("sim.json", R"({"format": "lithos-sim-1"})");
  const ProgramResult wrong = lithos("sim --config x.toml --against sim.json");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_EQ(wrong.err, "--against sim.json: not what lithos bench colocate wrote\n");
  EXPECT_EQ(wrong.out, "") << "before anything is simulated";
  EXPECT_EQ(lithos("sim --config x.toml --seeds 2 --against same.json").err,
            "--against same.json: needs one run of each set: no sweeps or seeds, and of a file with cases one (--case)\n");
}

TEST_F(Sim, OfAFileWithCasesOneMayBeChosen) {
  write("x.toml", small_config() + "\n[[case]]\nname = \"calm\"\ntenant.hp = { arrivals = { kind = \"poisson\", rate = \"100/s\" } }\n"
                                   "[[case]]\nname = \"as_it_is\"\n");
  write("y.toml", small_config());
  const std::string whole = lithos("sim --config y.toml -q").out;
  EXPECT_EQ(lithos("sim --config x.toml --case as_it_is -q").out.substr(whole.find('\n')), whole.substr(whole.find('\n')));
  write("r.json", R"({"experiment": "colocate", "rows": [{"way": "only", "rate": 100, "hp": {"per_s": 100}}]})");
  EXPECT_NE(lithos("sim --config x.toml --case calm --against r.json").out.find("against the GPU"), std::string::npos);
  EXPECT_EQ(lithos("sim --config x.toml --against r.json").exit_code, 3) << "which case?";
  const ProgramResult wrong = lithos("sim --config x.toml --case clam");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_EQ(wrong.err, "--case: no case is called \"clam\"; did you mean \"calm\"?\n");
}

TEST_F(Sim, ASchedulerThatWantsNoMasksIsToldHowToGetThem) {
  write("x.toml", small_config("scheduler = \"shared\"\nquotas = { hp = 40 }"));
  const ProgramResult confined = lithos("sim --config x.toml --json on.json");
  ASSERT_EQ(confined.exit_code, 0);
  EXPECT_NE((confined.out + confined.err).find("masks = false"), std::string::npos) << confined.out << confined.err;
  write("x.toml", small_config("scheduler = \"shared\"\nmasks = false"));
  const ProgramResult open = lithos("sim --config x.toml --json off.json");
  EXPECT_EQ((open.out + open.err).find("masks = false"), std::string::npos) << open.out << open.err;
}

TEST_F(Sim, JsonHoldsWhatTheTableShows) {
  write("x.toml", small_config());
  ASSERT_EQ(lithos("sim --config x.toml --json a.json").exit_code, 0);
  const std::string json = read("a.json");
  for (const char* key :
       {"\"format\": \"lithos-sim-1\"", "\"p99\":", "\"slo_attainment\":", "\"share_of_solo\":", "\"energy_j\":",
        "\"tpc_utilisation\":", "\"launches\":", "\"id\": \"org.lithos.scheduler.shared\""})
    EXPECT_NE(json.find(key), std::string::npos) << key;
  EXPECT_EQ(json.find("wall"), std::string::npos) << "nothing that differs from run to run";
}

TEST_F(Sim, DurationAndSeedOfTheCommandLineGoFirst) {
  write("x.toml", small_config());
  ASSERT_EQ(lithos("sim --config x.toml --duration 110ms --seed 9 --json a.json").exit_code, 0);
  EXPECT_NE(read("a.json").find("\"simulated_s\": 0.1,"), std::string::npos);
  EXPECT_NE(read("a.json").find("\"seed\": 9,"), std::string::npos);
}

// Two sets, three seeds: the exporter is there once, loses nothing, and changes nothing.
TEST_F(Sim, PluginsAreToldOneRunWholeAndTheSameEachTime) {
  const std::string base = small_config(
      "scheduler = \"tpc_borrowing\"\nquotas = { hp = 66 }\n[[set]]\nname = \"other\"\nscheduler = \"static_partition\"\nquotas = { hp = 40 }");
  write("plain.toml", base);
  write("told.toml", base + "\n[[plugin]]\nexporter = \"jsonl\"\nset = \"other\"\nparams = { path = \"events.jsonl\" }\n"
                            "[[plugin]]\npower = \"none\"\n");
  ASSERT_EQ(lithos("sim --config plain.toml --json plain.json --seeds 2 --quiet").exit_code, 0);
  const ProgramResult told = lithos("sim --config told.toml --json told.json --seeds 2 --quiet");
  ASSERT_EQ(told.exit_code, 0) << told.err;
  const auto without_name = [&](const std::string& file, const std::string& name) {
    std::string text = read(file);
    for (std::size_t at; (at = text.find(name)) != std::string::npos;) text.erase(at, name.size());
    return text;
  };
  EXPECT_EQ(without_name("plain.json", "plain.toml"), without_name("told.json", "told.toml")) << "who watches changes nothing";
  const std::string events = read("events.jsonl");
  EXPECT_NE(events.find("\"id\":\"org.lithos.scheduler.static_partition\""), std::string::npos);
  EXPECT_NE(events.find("\"event\":\"request\""), std::string::npos);
  EXPECT_EQ(events.find("\"event\":\"dropped\""), std::string::npos);
  ASSERT_EQ(lithos("sim --config told.toml --seeds 2 --quiet --jobs 1").exit_code, 0);
  EXPECT_TRUE(events == read("events.jsonl")) << "the same seed gives the same bytes";
  write("wrong.toml", base + "\n[[plugin]]\nexporter = \"jsnl\"\n");
  const ProgramResult wrong = lithos("config check wrong.toml");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_NE((wrong.out + wrong.err).find("no exporter plugin is called \"jsnl\"; did you mean"), std::string::npos) << wrong.out << wrong.err;
}

}  // namespace
}  // namespace lithos
