// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "e2e/program.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;
namespace fs = std::filesystem;

class PolicyNew : public testing::ProgramTest {};

TEST_F(PolicyNew, MakesAFolderThatNamesThePolicyThroughout) {
  for (const char* kind : {"scheduler", "predictor", "right_sizer", "dvfs"}) {
    const std::string name = std::string("my_") + kind;
    const ProgramResult result = lithos(std::string("policy new ") + kind + " " + name);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    for (const std::string& file :
         {std::string("CMakeLists.txt"), "src/" + name + ".cpp", "tests/" + name + "_test.cpp", name + ".toml",
          std::string("build.sh"), std::string("README.md")}) {
      const std::string text = read(name + "/" + file);
      EXPECT_NE(text, "") << file;
      for (const char* placeholder : {"@name@", "@kind@", "@Class@", "@prefix@"})
        EXPECT_EQ(text.find(placeholder), std::string::npos) << file;
    }
    EXPECT_NE(read(name + "/src/" + name + ".cpp").find("org.example." + name), std::string::npos);
    EXPECT_NE(fs::status(folder_.at(name + "/build.sh")).permissions() & fs::perms::owner_exec, fs::perms::none);
  }
}

// The other kinds are built by the documentation's commands and by hand: one build is enough here.
TEST_F(PolicyNew, TheFolderBuildsPassesAndRuns) {
  ASSERT_EQ(lithos("policy new scheduler my_fair").exit_code, 0);
  ASSERT_EQ(std::system(("cd '" + folder_.at("my_fair") + "' && ./build.sh > log.txt 2>&1").c_str()), 0)
      << read("my_fair/log.txt");
  EXPECT_NE(read("my_fair/log.txt").find("my_fair.conformance"), std::string::npos);
  const ProgramResult sim = lithos(
      "policy sim my_fair/my_fair.so --config-out made.toml -- --duration 600ms --set alone --set my_fair --quiet");
  EXPECT_EQ(sim.exit_code, 0) << sim.err;
  EXPECT_NE(sim.out.find("my_fair"), std::string::npos) << sim.out;
  EXPECT_EQ(lithos("config check made.toml").exit_code, 0);
}

TEST_F(PolicyNew, RefusesToOverwriteAndBadNames) {
  write("taken", "precious");
  const ProgramResult taken = lithos("policy new dvfs taken");
  EXPECT_EQ(taken.exit_code, 3);
  EXPECT_EQ(taken.err, "lithos policy new: taken exists; nothing was written\n");
  EXPECT_EQ(read("taken"), "precious");
  for (const char* name : {"MyFair", "my-fair", "9lives", "../up", "a/b", "fair_"}) {
    EXPECT_EQ(lithos(std::string("policy new scheduler ") + name).exit_code, 2) << name;
    EXPECT_FALSE(fs::exists(folder_.at(name))) << name;
  }
  EXPECT_EQ(lithos("policy new colour my_fair").exit_code, 2);
}

TEST_F(PolicyNew, AFailureLeavesNothing) {
  fs::create_directory(folder_.at("closed"));
  fs::permissions(folder_.at("closed"), fs::perms::owner_read | fs::perms::owner_exec);
  const ProgramResult result = lithos("policy new scheduler my_fair --in closed");
  fs::permissions(folder_.at("closed"), fs::perms::owner_all);
  if (result.exit_code == 0) GTEST_SKIP() << "this user may write everywhere";
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(fs::is_empty(folder_.at("closed")));
}

}  // namespace
}  // namespace lithos
