// SPDX-License-Identifier: Apache-2.0
#include "daemon/start_watch.hpp"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "unit/daemon/support.hpp"

namespace lithos {
namespace {

TEST(StartWatch, WhereAStartStoodStillIsSaidAndStaysInTheBox) {
  const testing::StateFolder folder;
  {
    Result<BlackBox> box = BlackBox::open(folder.at("box"));
    ASSERT_TRUE(box.ok()) << box.status().message();
    box->set_candidate(PolicyKind::scheduler, "org.test.slow", "/slow.so", "aa");
    std::promise<std::string> said;
    // Long against the two calls that follow, on a busy machine too.
    StartWatch watch(Nanoseconds{500'000'000}, [&](const char* step) { said.set_value(step); });
    watch.keep_in(box.value());
    watch.enter("create");
    EXPECT_EQ(said.get_future().get(), "create");
  }
  Result<BlackBox> next = BlackBox::open(folder.at("box"));
  ASSERT_TRUE(next.ok()) << next.status().message();
  EXPECT_TRUE(next->last_end().hung);
  EXPECT_EQ(next->last_end().start_step, "create");
  EXPECT_STREQ(next->last_end().blamed.id, "org.test.slow") << "it was being created";
}

TEST(StartWatch, AStartThatHasComeUpIsLeftAlone) {
  const testing::StateFolder folder;
  {
    Result<BlackBox> box = BlackBox::open(folder.at("box"));
    ASSERT_TRUE(box.ok()) << box.status().message();
    StartWatch watch(Nanoseconds{3'600'000'000'000}, [](const char*) { FAIL() << "long before its limit"; });
    watch.keep_in(box.value());
    watch.enter("create");
  }  // returns at once, not after an hour
  Result<BlackBox> next = BlackBox::open(folder.at("box"));
  ASSERT_TRUE(next.ok()) << next.status().message();
  EXPECT_FALSE(next->last_end().hung);
}

}  // namespace
}  // namespace lithos
