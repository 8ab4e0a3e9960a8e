// SPDX-License-Identifier: Apache-2.0
// The commands that talk to lithosd, as a shell runs them.
#include "fault/support.hpp"
#include "test_paths.hpp"

namespace lithos::testing {
namespace {

class Command : public LithosdTest {
 protected:
  int lithos(const std::string& arguments) {
    const std::string line = "LITHOS_RUN_DIR='" + folder.path() + "' " LITHOS_BINARY_DIR "/bin/lithos " + arguments +
                             " > '" + folder.at("out") + "' 2>&1";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool says(const std::string& words) { return folder.read("out").find(words) != std::string::npos; }
};

TEST_F(Command, NobodyAnswers) {
  EXPECT_EQ(lithos("status"), 4);
  EXPECT_TRUE(says("is lithosd running?"));
}

TEST_F(Command, StatusTenantsAndPolicies) {
  start();
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  EXPECT_EQ(lithos("status"), 0);
  EXPECT_TRUE(says("org.lithos.scheduler.tpc_borrowing"));
  EXPECT_EQ(lithos("tenants"), 0);
  EXPECT_TRUE(says("latency_critical"));
  EXPECT_EQ(lithos("tenants --json"), 0);
  EXPECT_TRUE(Json::parse(folder.read("out")).ok());
  EXPECT_EQ(lithos("policy list"), 0);
  EXPECT_TRUE(says("compiled in"));
}

TEST_F(Command, SwapRollbackFallback) {
  start();
  EXPECT_EQ(lithos("policy swap scheduler=" + fixture("good_v1") + " right_sizer=amdahl --param scheduler.level=3"), 0);
  EXPECT_TRUE(says("generation 2"));
  EXPECT_EQ(in_force("scheduler"), "org.test.good");
  EXPECT_EQ(lithos("params set scheduler.level 5"), 0);
  EXPECT_EQ(lithos("params set scheduler.level 50"), 5);
  EXPECT_EQ(lithos("policy rollback"), 0);
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
  EXPECT_EQ(lithos("policy fallback scheduler"), 0);
  EXPECT_EQ(in_force("scheduler"), "builtin.scheduler");
  EXPECT_EQ(lithos("policy swap scheduler=" + fixture("no_manifest")), 5);
  EXPECT_TRUE(says("no manifest"));
  EXPECT_EQ(lithos("policy swap nonsense"), 2);
  EXPECT_EQ(lithos("policy"), 2);
}

TEST_F(Command, PlanAndApply) {
  start();
  const std::string next = folder.write("next.toml", config_text("scheduler = \"static_partition\""));
  EXPECT_EQ(lithos("config plan " + next), 0);
  EXPECT_TRUE(says("static_partition"));
  EXPECT_EQ(lithos("config apply " + next), 0);
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.static_partition");
  EXPECT_EQ(lithos("config apply " + folder.write("bad.toml", "nothing = 1\n")), 5);
  EXPECT_TRUE(says("bad.toml:1"));
}

TEST_F(Command, AHangupSignalAppliesTheFileAgain) {
  start();
  folder.write("daemon.toml", config_text("scheduler = \"static_partition\""));
  lithosd.signal(SIGHUP);  // the supervisor passes it on
  EXPECT_TRUE(eventually([&] { return in_force("scheduler") == "org.lithos.scheduler.static_partition"; }));
}

}  // namespace
}  // namespace lithos::testing
