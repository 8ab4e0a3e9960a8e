// SPDX-License-Identifier: Apache-2.0
// lithos up and down with the stand-in for the driver and one for MPS: what a person types, and what is left of it.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cuda/world.hpp"
#include "test_paths.hpp"

namespace lithos::cuda {
namespace {

namespace fs = std::filesystem;
using testing::Environment;
using testing::Outcome;
using testing::World;

constexpr const char* kConfig = LITHOS_SOURCE_DIR "/configs/experiments/colocate.toml";
constexpr const char* kControl = "/nvidia-cuda-mps-control.pid";

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A person's shell on a machine with a GPU and MPS, and a run folder of the test's own. What is left running at the end is ended.
class Up : public ::testing::Test {
 protected:
  ~Up() override { lithos({"down", "--force"}); }

  Environment shell(const Environment& extra = {}) const {
    Environment all = world.shell({{"PATH", std::string(LITHOS_SOURCE_DIR "/tests/cuda/fake_mps:") + std::getenv("PATH")},
                                   {"LITHOS_RUN_DIR", run},
                                   {"CUDA_MPS_PIPE_DIRECTORY", world.folder() + "/nobody"}});
    for (const auto& [key, value] : extra) all[key] = value;
    return all;
  }
  Outcome lithos(const std::vector<std::string>& arguments, const Environment& extra = {}) const {
    return world.run("../../bin/lithos", arguments, shell(extra));
  }
  Outcome up(std::vector<std::string> more = {}, const Environment& extra = {}) const {
    std::vector<std::string> line{"up", "--config", kConfig, "--set", "tpc_borrowing"};
    line.insert(line.end(), more.begin(), more.end());
    return lithos(line, extra);
  }
  bool mps_runs() const { return fs::exists(run + "/mps/pipe" + kControl); }
  bool lithosd_answers() const { return lithos({"status"}).status == 0; }

  const World world;
  const std::string run = world.folder() + "/run";
};

TEST_F(Up, StartsEverythingRunFindsItAndDownEndsIt) {
  const Outcome started = up();
  ASSERT_EQ(started.status, 0) << started.err;
  const std::vector<std::string> parts{"map", "(measured in", "mps       " + run + "/mps/pipe", "lithosd   process", "hp, latency_critical",
                                       "be, best_effort", "next      lithos run --tenant hp -- PROGRAM"};
  for (const std::string& part : parts)
    EXPECT_NE(started.out.find(part), std::string::npos) << part << "\n" << started.out;
  EXPECT_TRUE(mps_runs());

  const Outcome hp = lithos({"run", "--tenant", "hp", "--", "/bin/sh", "-c", "env | tr = ' '"});
  EXPECT_EQ(hp.lines.find("CUDA_MPS_PIPE_DIRECTORY")->second, run + "/mps/pipe") << hp.out << hp.err;
  EXPECT_EQ(hp.lines.find("CUDA_MPS_LOG_DIRECTORY")->second, run + "/mps/log");
  EXPECT_EQ(hp.value("CUDA_DEVICE_MAX_CONNECTIONS"), 8);
  EXPECT_EQ(hp.lines.find("LITHOS_SOCKET")->second, run + "/tenants.sock");
  EXPECT_EQ(hp.lines.count("CUDA_MPS_CLIENT_PRIORITY"), 0u);
  for (const char* name : {"be", "a_stranger"}) {
    const Outcome be = lithos({"run", "--tenant", name, "--", "/bin/sh", "-c", "env | tr = ' '"});
    EXPECT_EQ(be.value("CUDA_MPS_CLIENT_PRIORITY"), 1) << name << be.out;
  }
  // What somebody has chosen for this program stays as it is.
  EXPECT_EQ(lithos({"run", "--tenant", "be", "--", "/bin/sh", "-c", "env | tr = ' '"}, {{"CUDA_DEVICE_MAX_CONNECTIONS", "2"}})
                .value("CUDA_DEVICE_MAX_CONNECTIONS"),
            2);
  const Outcome ran = lithos({"run", "--tenant", "hp", "--", world.path("client"), "launch", "4"});
  EXPECT_EQ(ran.count("masked"), 4) << ran.out << ran.err;

  const Outcome ended = lithos({"down"});
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_FALSE(mps_runs());
  for (const char* name : {"/up.json", "/tenants.sock", "/admin.sock"}) EXPECT_FALSE(fs::exists(run + name)) << name;
  const Outcome again = lithos({"down"});
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.out, "nothing is up at " + run + "\n");
}

// Without the hook nothing in the program confines it; MPS can, to as much as the set in force makes its own.
TEST_F(Up, WithoutTheHookMpsKeepsATenantToItsOwnShare) {
  ASSERT_EQ(lithos({"up", "--config", kConfig, "--set", "static_42_24"}).status, 0);
  const auto environment = [&](std::vector<std::string> options, const Environment& extra = {}) {
    std::vector<std::string> line{"run", "--tenant", "be"};
    line.insert(line.end(), options.begin(), options.end());
    for (const char* word : {"--", "/bin/sh", "-c", "env | tr = ' '"}) line.push_back(word);
    return lithos(line, extra).lines;
  };
  constexpr const char* kLimit = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE";
  const auto unhooked = environment({"--no-hook"});
  ASSERT_EQ(unhooked.count(kLimit), 1u);
  EXPECT_EQ(unhooked.find(kLimit)->second, "36.36");  // 24 of 66 TPCs
  EXPECT_EQ(environment({}).count(kLimit), 0u) << "masks confine it, and what it borrows is more";
  EXPECT_EQ(environment({"--no-hook"}, {{kLimit, "10"}}).find(kLimit)->second, "10") << "somebody has chosen";
  const Outcome ran = lithos({"run", "--tenant", "be", "--no-hook", "--unmanaged", "limit", "--", world.path("client"), "launch", "4"},
                             {{"STAND_IN_MPS", "1"}});
  EXPECT_EQ(ran.value("init"), 0) << ran.err;
  EXPECT_NE(ran.err.find("MPS keeps it to 36.36 % of the SMs"), std::string::npos) << ran.err;
}

TEST_F(Up, TheMapIsMeasuredOnceAndDoctorSeesWhatIsUp) {
  ASSERT_EQ(up().status, 0);
  const Outcome doctor = lithos({"doctor"});
  EXPECT_NE(doctor.out.find("mps          works   " + run + "/mps/pipe (lithos up)"), std::string::npos) << doctor.out;
  EXPECT_NE(doctor.out.find("lithosd      works"), std::string::npos) << doctor.out;
  ASSERT_EQ(lithos({"down"}).status, 0);
  const Outcome again = up();
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.out.find("measured"), std::string::npos) << again.out;
}

TEST_F(Up, TwiceIsRefusedAndTheFirstGoesOn) {
  ASSERT_EQ(up().status, 0);
  const Outcome again = up();
  EXPECT_EQ(WEXITSTATUS(again.status), 1);
  EXPECT_NE(again.err.find("is up already"), std::string::npos) << again.err;
  EXPECT_TRUE(lithosd_answers());
  EXPECT_TRUE(mps_runs());
}

TEST_F(Up, AStepThatFailsIsNamedAndNothingIsLeft) {
  const Outcome no_mps = up({}, {{"FAKE_MPS", "fails"}});
  EXPECT_EQ(WEXITSTATUS(no_mps.status), 1);
  EXPECT_NE(no_mps.err.find("lithos up: mps: nvidia-cuda-mps-control -d ended with 1"), std::string::npos) << no_mps.err;
  EXPECT_NE(no_mps.err.find("--no-mps"), std::string::npos) << no_mps.err;
  EXPECT_FALSE(lithosd_answers());

  const std::string config = world.folder() + "/wrong.toml";
  std::string text = text_of(kConfig);
  for (std::size_t at = 0; (at = text.find("\"../", at)) != std::string::npos;) text.replace(at, 4, "\"" LITHOS_SOURCE_DIR "/configs/");
  std::ofstream(config) << text << "\n[[set]]\nname = \"wrong\"\nscheduler = \"nobody_has_this\"\n";
  const Outcome no_policy = lithos({"up", "--config", config, "--set", "wrong"});
  EXPECT_EQ(WEXITSTATUS(no_policy.status), 3) << no_policy.err;
  EXPECT_NE(no_policy.err.find("lithos up: lithosd: ended with 3"), std::string::npos) << no_policy.err;
  EXPECT_NE(no_policy.err.find("nobody_has_this"), std::string::npos) << no_policy.err;
  EXPECT_FALSE(mps_runs());
  EXPECT_FALSE(fs::exists(run + "/up.json"));

  const Outcome no_set = lithos({"up", "--config", kConfig, "--set", "slak"});
  EXPECT_EQ(WEXITSTATUS(no_set.status), 3);
  EXPECT_NE(no_set.err.find("no set is called \"slak\""), std::string::npos) << no_set.err;
  const Outcome no_gpu = up({}, {{"STAND_IN_NO_DEVICE", "1"}});
  EXPECT_EQ(WEXITSTATUS(no_gpu.status), 1);
  EXPECT_NE(no_gpu.err.find("lithos up: map: "), std::string::npos) << no_gpu.err;
  EXPECT_FALSE(mps_runs());
}

TEST_F(Up, AnMpsOfSomebodyElseIsNamedAndLeftAlone) {
  const std::string theirs = world.folder() + "/theirs";
  fs::create_directories(theirs);
  std::ofstream(theirs + kControl) << ::getpid() << "\n";
  const Outcome started = up({}, {{"CUDA_MPS_PIPE_DIRECTORY", theirs}});
  ASSERT_EQ(started.status, 0) << started.err;
  EXPECT_NE(started.out.find("an MPS of somebody else runs at " + theirs), std::string::npos) << started.out;
  EXPECT_EQ(lithos({"down"}, {{"CUDA_MPS_PIPE_DIRECTORY", theirs}}).status, 0);
  EXPECT_TRUE(fs::exists(theirs + kControl));
}

TEST_F(Up, DownWaitsForTenantsUnlessForced) {
  ASSERT_EQ(up().status, 0);
  Environment tenant = shell({{"LD_LIBRARY_PATH", world.folder()}, {"LITHOS_SOCKET", run + "/tenants.sock"}, {"LITHOS_TENANT", "hp"}});
  testing::Talk client(world, "client", {"steady"}, tenant);
  client.ask("1");
  std::ofstream(run + "/mps/pipe/clients") << client.pid() << "\n";
  const Outcome refused = lithos({"down"});
  EXPECT_EQ(WEXITSTATUS(refused.status), 5);
  EXPECT_NE(refused.err.find("attached: tenant hp (process " + std::to_string(client.pid()) + ")"), std::string::npos) << refused.err;
  EXPECT_TRUE(lithosd_answers());
  const Outcome forced = lithos({"down", "--force"});
  EXPECT_EQ(forced.status, 0) << forced.err;
  EXPECT_EQ(WTERMSIG(client.finish().status), SIGTERM);
  EXPECT_FALSE(mps_runs());
}

TEST_F(Up, WithoutMpsOrGpuThereIsTheVirtualOne) {
  const Outcome started = up({"--device", "virtual"});
  ASSERT_EQ(started.status, 0) << started.err;
  EXPECT_NE(started.out.find("lithos-tenant --socket"), std::string::npos) << started.out;
  EXPECT_FALSE(mps_runs());
  EXPECT_TRUE(lithosd_answers());
}

TEST_F(Up, LithosdThatDiedIsNoObstacleAndItsMpsIsEnded) {
  ASSERT_EQ(up().status, 0);
  const std::string state = text_of(run + "/up.json");
  const std::string key = "\"pid\":";
  const pid_t pid = std::atoi(state.c_str() + state.find(key) + key.size());
  ASSERT_GT(pid, 1) << state;
  // The supervisor takes the daemon along (PR_SET_PDEATHSIG): nobody answers once it has gone.
  ::kill(pid, SIGKILL);
  for (unsigned turn = 0; turn < 1000 && lithosd_answers(); ++turn) {}
  // It closes its sockets before the lock on its state folder: whoever comes in between is told so.
  Outcome again = up();
  for (unsigned turn = 0; turn < 1000 && again.err.find("another lithosd uses this state folder") != std::string::npos; ++turn) again = up();
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(lithosd_answers());
}

}  // namespace
}  // namespace lithos::cuda
