// SPDX-License-Identifier: Apache-2.0
// LithOS in an NVTX tool's timeline, with a stand-in for the tool: what it is told, when it is loaded, and that without
// one nothing is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "cuda/world.hpp"
#include "test_paths.hpp"
#include "unit/cuda/descriptors.hpp"

namespace lithos::cuda {
namespace {

using testing::Environment;
using testing::Outcome;
using testing::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

const std::string kRecorder = std::string(LITHOS_BINARY_DIR) + "/tests/cuda/tool/libnvtx_recorder.so";

struct Told {
  Outcome outcome;
  Lines lines;
};
Told run_with_tool(const World& world, const std::string& program, const Lines& arguments, Environment environment) {
  const std::string file = world.folder() + "/told";
  std::remove(file.c_str());
  environment.try_emplace("NVTX_INJECTION64_PATH", kRecorder);
  environment["NVTX_RECORDER"] = file;
  Told told;
  told.outcome = world.run(program, arguments, environment);
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) told.lines.push_back(line);
  return told;
}

const Environment kNoHook{{"LITHOS_HOOK", "0"}, {"LITHOS_TPCS", "0-7"}};

TEST(Annotations, StandingAsideEachLaunchIsARangeAndTheReasonAMark) {
  const World world;
  const Told told = run_with_tool(world, "client", {"launch", "2"}, kNoHook);
  EXPECT_EQ(told.outcome.status, 0) << told.outcome.err;
  EXPECT_EQ(told.outcome.descriptors.size(), 2u);
  ASSERT_THAT(told.lines, ElementsAre("loaded", HasSubstr("mark LithOS: tenant test: standing aside: the hook is switched off"),
                                      "push LithOS: kernel [5000]", "pop", "push LithOS: kernel [5001]", "pop"));
  EXPECT_THAT(told.lines[1], HasSubstr("ms of cuInit"));
}

TEST(Annotations, EveryWayToLaunchIsARangeOnce) {
  const World world;
  const Told ways = run_with_tool(world, "client", {"ways"}, kNoHook);
  // The stand-in's cooperative launch comes back through our cuLaunchKernelEx.
  EXPECT_THAT(Lines(ways.lines.begin() + 2, ways.lines.end()),
              ElementsAre("push LithOS: ways [20000]", "pop", "push LithOS: ways [40]", "pop", "push LithOS: ways [0]", "pop"));
  const Told library = run_with_tool(world, "client", {"library", "1"}, kNoHook);
  EXPECT_THAT(library.lines[2], HasSubstr("push LithOS: at::native::elementwise_kernel<128>(int) [100]"));
  const Told graph = run_with_tool(world, "client", {"graph", "1"}, kNoHook);
  EXPECT_THAT(graph.outcome.value("capture"), 0) << "asking for names must not disturb a capture";
  EXPECT_EQ(std::count(graph.lines.begin(), graph.lines.end(), "push LithOS: graph [0]"), 1);
}

// Its first call loads the tool: not from cuInit, which a runtime may call under its own lock.
TEST(Annotations, AProgramThatLaunchesNothingLoadsNoTool) {
  const World world;
  const Told told = run_with_tool(world, "client", {"facts"}, kNoHook);
  EXPECT_EQ(told.outcome.value("init"), 0);
  EXPECT_THAT(told.lines, IsEmpty());
}

TEST(Annotations, WithoutAToolNvtxIsNotCalled) {
  const World world;
  Environment environment = kNoHook;
  environment["NVTX_INJECTION64_PATH"] = "";
  environment["LD_PRELOAD"] = kRecorder;  // it is there, and nobody asked for it
  EXPECT_THAT(run_with_tool(world, "client", {"launch", "5"}, environment).lines, IsEmpty());
  Environment nobody = kNoHook;
  nobody["LITHOS_TENANT"] = "";
  EXPECT_THAT(run_with_tool(world, "client", {"launch", "5"}, nobody).lines, IsEmpty()) << "no tenant: no business of ours";
}

TEST(Annotations, AToolThatCannotBeLoadedOrIsOddChangesNothing) {
  const World world;
  Environment environment = kNoHook;
  environment["NVTX_INJECTION64_PATH"] = "/nowhere/tool.so";
  const Told missing = run_with_tool(world, "client", {"launch", "5"}, environment);
  EXPECT_EQ(missing.outcome.status, 0) << missing.outcome.err;
  EXPECT_EQ(missing.outcome.descriptors.size(), 5u);
  environment = kNoHook;
  environment["NVTX_RECORDER_NO_STRINGS"] = "1";
  EXPECT_THAT(run_with_tool(world, "client", {"launch", "1"}, environment).lines, ::testing::Contains("push LithOS: kernel [5000]"));
  environment["NVTX_RECORDER_LAUNCHES"] = "1";
  const Told launches = run_with_tool(world, "client", {"launch", "2"}, environment);
  EXPECT_EQ(launches.outcome.status, 0) << launches.outcome.err;
  EXPECT_EQ(launches.lines.size(), 6u) << "its own launches are not told";
}

TEST(Annotations, ManyThreadsAndAForkedChild) {
  const World world;
  const Told threads = run_with_tool(world, "client", {"threads", "4"}, kNoHook);
  EXPECT_EQ(threads.outcome.status, 0) << threads.outcome.err;
  EXPECT_EQ(std::count(threads.lines.begin(), threads.lines.end(), "loaded"), 1);
  const auto ranges = [](const Lines& lines, const char* what) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.rfind(what, 0) == 0; });
  };
  EXPECT_EQ(ranges(threads.lines, "push"), ranges(threads.lines, "pop"));
  EXPECT_LE(ranges(threads.lines, "push"), 800) << "those of other threads are left out while the tool is being loaded";
  EXPECT_GE(ranges(threads.lines, "push"), 200) << "those of the thread that loads it";
  EXPECT_EQ(ranges(run_with_tool(world, "client", {"one_then_threads", "4"}, kNoHook).lines, "push"), 801) << "all, once it is there";
  const Told fork = run_with_tool(world, "client", {"fork"}, kNoHook);
  EXPECT_EQ(fork.outcome.value("child"), 0);
  EXPECT_EQ(ranges(fork.lines, "push"), 5) << "the parent's";
}

// ---- a tool that leaves us the hook ----------------------------------------------------------------------

TEST(Annotations, WithTheHookWaitsAndLaunchesInPartsAreRanges) {
  const World world;
  const Told held = run_with_tool(world, "client", {"launch", "1"}, {{"LITHOS_TPCS", "0-7"}, {"LITHOS_HOLD_US", "2000"}});
  EXPECT_EQ(held.outcome.count("waited"), 1);
  EXPECT_THAT(held.lines, ElementsAre("loaded", HasSubstr("mark LithOS: tenant test: managed"),
                                      "push LithOS: waits for its lease: kernel [5000]", "pop"));
  const std::string rules = world.folder() + "/rules.txt";
  std::ofstream(rules) << "1 0 shaped_kernel\n";
  const Told cut = run_with_tool(world, "client", {"shapes", "3"},
                                 {{"LITHOS_TPCS", "3-20"}, {"LITHOS_KERNEL_RULES", rules}, {"LITHOS_FORCE_ATOMS", "3"}});
  EXPECT_EQ(cut.outcome.count("cut"), 4);
  EXPECT_EQ(std::count(cut.lines.begin(), cut.lines.end(), "push LithOS: in parts: shaped_kernel [4001]"), 1);
  const Told whole = run_with_tool(world, "client", {"launch", "5"}, {{"LITHOS_TPCS", "0-7"}});
  EXPECT_EQ(whole.outcome.count("masked"), 5);
  EXPECT_THAT(whole.lines, IsEmpty()) << "nothing of ours happens to them that a profiler does not see by itself";
}

TEST(Annotations, TheQueuedLibraryHasThemToo) {
  if (!std::ifstream(std::string(LITHOS_BINARY_DIR) + "/lib/lithos/cuda/libcuda_queued.so.1")) GTEST_SKIP() << "not on this processor";
  const World world("libcuda_queued.so.1");
  const Told told = run_with_tool(world, "client", {"launch", "2"}, kNoHook);
  EXPECT_EQ(told.lines.size(), 6u);
}

}  // namespace
}  // namespace lithos::cuda
