// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "daemon/black_box.hpp"
#include "unit/daemon/support.hpp"

namespace lithos {
namespace {

class BlackBoxTest : public ::testing::Test {
 protected:
  // Writes as a daemon does, then leaves without a word, as a crash does.
  void life(const std::function<void(BlackBox&)>& write) {
    Result<BlackBox> box = BlackBox::open(folder.at("box"));
    ASSERT_TRUE(box.ok()) << box.status().message();
    box->set_next(PolicyKind::scheduler, "org.test.active", "/active.so", "aa");
    box->next_is_active();
    box->content().engine_thread.store(7);
    write(box.value());
  }
  LastEnd last_end() {
    Result<BlackBox> box = BlackBox::open(folder.at("box"));
    EXPECT_TRUE(box.ok()) << box.status().message();
    return box.ok() ? box->last_end() : LastEnd{};
  }
  testing::StateFolder folder;
};

TEST_F(BlackBoxTest, AnOrderlyEndLeavesNothingToTell) {
  life([](BlackBox& box) { box.orderly_end(); });
  EXPECT_FALSE(last_end().crashed);
}

TEST_F(BlackBoxTest, ASignalInsideAPolicyCallBlamesThatPolicy) {
  life([](BlackBox& box) {
    box.content().engine.kind.store(1);
    box.content().signal.store(SIGSEGV);
    box.content().signal_thread.store(7);
  });
  const LastEnd last = last_end();
  EXPECT_TRUE(last.crashed);
  EXPECT_EQ(last.signal, SIGSEGV);
  EXPECT_EQ(last.blamed_kind, 1u);
  EXPECT_STREQ(last.blamed.id, "org.test.active");
}

TEST_F(BlackBoxTest, ASignalOnAnotherThreadBlamesTheCandidate) {
  life([](BlackBox& box) {
    box.content().engine.kind.store(2);
    box.set_candidate(PolicyKind::scheduler, "org.test.candidate", "/candidate.so", "bb");
    box.content().signal.store(SIGABRT);
    box.content().signal_thread.store(8);
  });
  EXPECT_STREQ(last_end().blamed.id, "org.test.candidate");
}

TEST_F(BlackBoxTest, APluginIsToBlameWhileItIsBeingCreated) {
  life([](BlackBox& box) {
    box.set_candidate_plugin("org.test.exporter", "/exporter.so", "cc");
    box.start_hung("plugins");
  });
  const LastEnd last = last_end();
  EXPECT_EQ(last.blamed_kind, kPluginKind);
  EXPECT_STREQ(last.blamed.hash, "cc");
  life([](BlackBox& box) {
    box.set_candidate_plugin("org.test.exporter", "/exporter.so", "cc");
    box.clear_candidate();
    box.start_hung("plugins");
  });
  EXPECT_EQ(last_end().blamed_kind, 0u) << "it has come back";
}

// What the engine asks when the sets are exchanged decides who is to blame, not what was written down beforehand.
TEST_F(BlackBoxTest, TheNextSetIsToBlameOnlyOnceItIsActive) {
  const auto next = [](BlackBox& box) {
    box.set_next(PolicyKind::scheduler, "org.test.next", "/next.so", "bb");
    box.content().engine.kind.store(1);
    box.content().hung.store(kHungEngine);
  };
  life(next);
  EXPECT_STREQ(last_end().blamed.id, "org.test.active");
  life([&](BlackBox& box) { next(box), box.next_is_active(); });
  EXPECT_STREQ(last_end().blamed.id, "org.test.next");
}

TEST_F(BlackBoxTest, AKillFromOutsideBlamesNobody) {
  life([](BlackBox& box) { box.content().engine.kind.store(1); });
  const LastEnd last = last_end();
  EXPECT_TRUE(last.crashed);
  EXPECT_EQ(last.blamed_kind, 0u);
}

TEST_F(BlackBoxTest, AHangBlamesWhomTheEngineWasAsking) {
  life([](BlackBox& box) {
    box.content().engine.kind.store(1);
    box.content().hung.store(kHungEngine);
  });
  EXPECT_TRUE(last_end().hung);
}

TEST_F(BlackBoxTest, KeepsTheNewestDecisions) {
  life([](BlackBox& box) {
    for (std::uint64_t i = 1; i <= BlackBoxContent::kDecisions + 5; ++i) box.add_decision({i, 0, 0, 0, 0, i});
  });
  const LastEnd last = last_end();
  ASSERT_EQ(last.decisions.size(), BlackBoxContent::kDecisions);
  EXPECT_EQ(last.decisions.front().at_ns, 6u);
  EXPECT_EQ(last.decisions.back().at_ns, BlackBoxContent::kDecisions + 5);
}

TEST_F(BlackBoxTest, BelongsToOneDaemonAtATime) {
  const Result<BlackBox> first = BlackBox::open(folder.at("box"));
  ASSERT_TRUE(first.ok());
  const Result<BlackBox> second = BlackBox::open(folder.at("box"));
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("another lithosd"), std::string::npos);
}

TEST_F(BlackBoxTest, RubbishInTheFileIsNoStory) {
  folder.write("box", std::string(100'000, '\x5a'));
  EXPECT_FALSE(last_end().crashed);
}

}  // namespace
}  // namespace lithos
