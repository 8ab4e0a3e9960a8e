// SPDX-License-Identifier: Apache-2.0
// lithos run, doctor and calibrate with the stand-in for the driver: what a person types.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cuda/world.hpp"
#include "test_paths.hpp"
#include "unit/cuda/descriptors.hpp"

namespace lithos::cuda {
namespace {

namespace fs = std::filesystem;
using testing::Environment;
using testing::Outcome;
using testing::World;

Environment shell(const World& world, const Environment& extra = {}) {
  Environment all = world.shell({{"LITHOS_RUN_DIR", world.folder()}});
  for (const auto& [key, value] : extra) all[key] = value;
  return all;
}

Outcome lithos(const World& world, const std::vector<std::string>& arguments, const Environment& extra = {}) {
  return world.run("../../bin/lithos", arguments, shell(world, extra));
}

TEST(Run, CalibratesOnceAndRunsAProgramAsATenant) {
  const World world;
  const Outcome calibrated = lithos(world, {"calibrate"});
  ASSERT_EQ(calibrated.status, 0) << calibrated.err;
  EXPECT_TRUE(fs::exists(world.folder() + "/maps/GPU-00010203-0405-0607-0809-0a0b0c0d0e0f.txt")) << calibrated.out;
  const std::string stats = world.folder() + "/stats.json";
  const Outcome ran = lithos(world, {"run", "--tenant", "hp", "--tpcs", "3-6", "--memory-limit", "1GiB", "--stats",
                                     stats, "--", world.path("client"), "launch", "4"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.count("masked"), 4) << ran.out << ran.err;
  for (const testing::SeenDescriptor& seen : ran.descriptors)
    EXPECT_EQ(seen.on, MaskGeometry(testing::h200()).bits_of(TpcSet::range(3, 7)));
  EXPECT_TRUE(ran.reports("\"tenant\": \"hp\""));
  EXPECT_TRUE(fs::exists(stats));
  EXPECT_EQ(ran.err, "");
}

TEST(Run, QueuedPutsTheOtherShimThere) {
  const World world;
  ASSERT_EQ(lithos(world, {"calibrate"}).status, 0);
  const Outcome ran = lithos(world, {"run", "--tenant", "be", "--queued", "--tpcs", "3-6", "--", world.path("client"), "launch", "4"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.count("masked"), 4) << ran.out << ran.err;
  EXPECT_EQ(ran.count("queued"), 4) << ran.out;
}

TEST(Run, TheProgramsExitCodeIsTheExitCode) {
  const World world;
  EXPECT_EQ(
      WEXITSTATUS(lithos(world, {"run", "--tenant", "hp", "--no-daemon", "--", "/bin/sh", "-c", "exit 7"}).status), 7);
  EXPECT_EQ(WEXITSTATUS(lithos(world, {"run", "--tenant", "hp", "--no-daemon", "--", "/nowhere/program"}).status), 127);
  EXPECT_EQ(WEXITSTATUS(lithos(world, {"run", "--tenant", "hp", "--memory-limit", "lots", "--", "/bin/true"}).status),
            3);
}

TEST(Run, WithoutADriverTheProgramRunsAsWithoutUs) {
  const World world;
  const Outcome ran =
      lithos(world, {"run", "--tenant", "hp", "--", "/bin/echo", "value", "5"}, {{"LD_LIBRARY_PATH", ""}});
  if (ran.err.empty()) GTEST_SKIP() << "this machine has a CUDA driver";
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.value("value"), 5);
  EXPECT_NE(ran.err.find("runs as without LithOS"), std::string::npos) << ran.err;
  for (const char* unmanaged : {"refuse", "limit"}) {  // nobody can tell whether MPS limits it
    const Outcome refused =
        lithos(world, {"run", "--tenant", "hp", "--unmanaged", unmanaged, "--", "/bin/echo"}, {{"LD_LIBRARY_PATH", ""}});
    EXPECT_EQ(WEXITSTATUS(refused.status), 1);
  }
}

TEST(Run, InsideItselfFindsTheDriverBehindTheShim) {
  const World world;
  const std::string program = std::string(LITHOS_BINARY_DIR) + "/bin/lithos";
  ASSERT_EQ(lithos(world, {"calibrate"}).status, 0);
  const Outcome ran = lithos(world, {"run", "--tenant", "outer", "--tpcs", "0-1", "--", program, "run", "--tenant",
                                     "inner", "--tpcs", "8-9", "--", world.path("client"), "launch", "2"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.count("masked"), 2) << ran.out;
  EXPECT_TRUE(ran.reports("inner"));
}

TEST(Run, AFolderThatCannotBeTrustedIsNotUsed) {
  const World world;
  fs::create_directory(world.folder() + "/lithos");
  ::chmod((world.folder() + "/lithos").c_str(), 0777);
  const Outcome ran =
      lithos(world, {"run", "--tenant", "hp", "--no-daemon", "--", "/bin/sh", "-c", "echo value $LD_LIBRARY_PATH"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out.find(world.folder() + "/lithos"), std::string::npos) << ran.out;
}

TEST(Doctor, SaysWhatWorksAndHowToTurnOnTheRest) {
  const World world;
  const Outcome text = lithos(world, {"doctor"});
  EXPECT_EQ(WEXITSTATUS(text.status), 1);
  for (const char* part :
       {"driver       works", "hook         works", "map          off", "lithos calibrate", "lithosd      off"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
  const Outcome json = lithos(world, {"doctor", "--json"}, {{"STAND_IN_PROFILER", "1"}});
  EXPECT_NE(json.out.find("a profiler has the tools interface"), std::string::npos) << json.out;
}

}  // namespace
}  // namespace lithos::cuda
