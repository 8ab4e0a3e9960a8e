// SPDX-License-Identifier: Apache-2.0
// `lithos report` as a person uses it, and what a browser makes of the page: Chromium draws it without a network and
// hands back the document, in which the pictures are elements.
#include <gmock/gmock.h>

#include "e2e/program.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProgramResult;

class Report : public testing::ProgramTest {
 protected:
  // The document after its scripts have run; empty: no browser here.
  std::string drawn(const std::string& page, const std::string& more = "") {
    static const char* const kBrowsers[] = {"chromium", "chromium-browser", "google-chrome"};
    for (const char* browser : kBrowsers) {
      if (std::system(("command -v " + std::string(browser) + " > /dev/null 2>&1").c_str()) != 0) continue;
      const std::string command =
          "cd '" + folder_.at("") + "' && HOME=\"$PWD\" timeout 120 " + browser +
          " --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --virtual-time-budget=5000 " + more +
          " --dump-dom 'file://" + folder_.at(page) + "' > dom.html 2> browser.txt";
      EXPECT_EQ(std::system(command.c_str()), 0) << read("browser.txt");
      return without_scripts(read("dom.html"));
    }
    return "";
  }
  // What was drawn, without the text of what drew it.
  static std::string without_scripts(std::string dom) {
    const std::string end = "</script>";
    for (std::size_t from; (from = dom.find("<script")) != std::string::npos;)
      dom.erase(from, dom.find(end, from) + end.size() - from);
    return dom;
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
};

constexpr const char* kTwoSets =
    "scheduler = \"shared\"\nmasks = false\n[[set]]\nname = \"other\"\nscheduler = \"tpc_borrowing\"\nquotas = { hp = "
    "66 }";

TEST_F(Report, OneStepAndTwoStepsGiveTheSamePage) {
  write("x.toml", small_config(kTwoSets));
  ASSERT_EQ(lithos("sim --config x.toml --json r.json --report one.html --quiet").exit_code, 0);
  const ProgramResult made = lithos("report r.json -o two.html");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(read("one.html"), read("two.html"));
  EXPECT_GT(read("two.html").size(), 100'000u);
}

TEST_F(Report, WrongInputIsAnsweredAndWritesNothing) {
  EXPECT_EQ(lithos("report missing.json -o x.html").exit_code, 3);
  write("x.toml", "no = \"result\"\n");
  const ProgramResult wrong = lithos("report x.toml -o x.html");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.err, HasSubstr("not JSON"));
  EXPECT_EQ(read("x.html"), "");
  EXPECT_EQ(lithos("report").exit_code, 2);
}

TEST_F(Report, ABrowserDrawsEveryPart) {
  write("x.toml", small_config(kTwoSets));
  ASSERT_EQ(lithos("sim --config x.toml --report r.html --quiet").exit_code, 0);
  const std::string dom = drawn("r.html");
  if (dom.empty()) GTEST_SKIP() << "no Chromium here (Debian: chromium); the page itself is tested without it";
  EXPECT_THAT(dom, HasSubstr("data-drawn=\"true\""));
  EXPECT_THAT(dom, HasSubstr("data-errors=\"\""));
  for (const char* section : {"compare", "latency", "map", "time", "kernels", "launches", "energy", "notes"})
    EXPECT_EQ(count(dom, "<section id=\"" + std::string(section) + "\""), 1u) << section;
  EXPECT_EQ(count(dom, "class=\"tail\""), 2u) << "a line per set";
  EXPECT_EQ(count(dom, "class=\"tpcs\""), 4u) << "two maps per set";
  EXPECT_THAT(dom, HasSubstr("data-bins=\"240\" data-tpcs=\"66\""));
  EXPECT_GE(count(dom, "class=\"measure\""), 5u);
  EXPECT_THAT(dom, HasSubstr("data-panel=\"TPCs leased"));
  // What a screen reader says instead of the pictures.
  EXPECT_THAT(dom, HasSubstr("aria-label=\"hp: p99 latency, ms: only "));
  EXPECT_THAT(dom, HasSubstr("hp worked on "));
  EXPECT_THAT(dom, Not(HasSubstr("NaN")));
  EXPECT_THAT(dom, Not(HasSubstr("undefined")));
}

TEST_F(Report, SeveralSeedsAndCasesShowIntervals) {
  write("x.toml",
        small_config(kTwoSets) +
            "[[case]]\nname = \"calm\"\ntenant.hp = { arrivals = { kind = \"poisson\", rate = \"100/s\" } }\n");
  const ProgramResult run = lithos("sim --config x.toml --seeds 3 --report r.html --quiet");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::string dom = drawn("r.html");
  if (dom.empty()) GTEST_SKIP() << "no Chromium here (Debian: chromium)";
  EXPECT_THAT(dom, HasSubstr("data-errors=\"\""));
  EXPECT_THAT(dom, HasSubstr("Means over 3 seeds"));
  EXPECT_GT(count(dom, "class=\"interval\""), 0u);
  EXPECT_EQ(count(dom, "class=\"tail\""), 2u);
  EXPECT_EQ(count(dom, "class=\"tpcs\""), 0u) << "maps are of single runs";
}

// What the other benchmarks wrote, as it is committed: programs on a GPU, predictors, savings.
TEST_F(Report, EveryBenchmarksResultIsDrawn) {
  struct Case {
    const char *result, *section, *says;
  };
  for (const auto& [result, section, says] : {
           Case{"colocate/h200_gpt2.json", "rates", "p99 latency against rate: alone "},
           Case{"predict/bench_predict.json", "compare", "Off by more than max(50 µs, 10 %), latency-critical: "},
           Case{"rightsize/bench_rightsize.json", "compare", "Capacity saved: marginal "},
           Case{"dvfs/bench_dvfs.json", "compare", "Energy saved: sensitivity "}}) {
    const ProgramResult made = lithos("report " LITHOS_SOURCE_DIR "/docs/results/" + std::string(result) + " -o r.html");
    ASSERT_EQ(made.exit_code, 0) << result << ": " << made.err;
    const std::string dom = drawn("r.html");
    if (dom.empty()) GTEST_SKIP() << "no Chromium here (Debian: chromium)";
    EXPECT_THAT(dom, HasSubstr("data-errors=\"\"")) << result;
    EXPECT_EQ(count(dom, "<section id=\"" + std::string(section) + "\""), 1u) << result;
    EXPECT_THAT(dom, HasSubstr("aria-label=\"" + std::string(says))) << result;
    EXPECT_GE(count(dom, "class=\"measure\""), 4u) << result;
    EXPECT_THAT(dom, Not(HasSubstr("NaN"))) << result;
    EXPECT_THAT(dom, Not(HasSubstr("undefined"))) << result;
  }
}

TEST_F(Report, AJsonThatIsNoResultIsRefused) {
  write("x.json", "{\"format\": \"lithos-top-1\"}");
  const ProgramResult wrong = lithos("report x.json -o x.html");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.err, HasSubstr("\"lithos-top-1\""));
  write("y.json", "{\"experiment\": \"other\"}");
  EXPECT_THAT(lithos("report y.json -o x.html").err, HasSubstr("missing"));
}

}  // namespace
}  // namespace lithos
