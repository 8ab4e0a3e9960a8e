// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "config/read_file.hpp"
#include "daemon/json.hpp"
#include "daemon/policy_resolver.hpp"
#include "test_paths.hpp"
#include "unit/daemon/support.hpp"

namespace lithos {
namespace {

TEST(Quarantine, IsRememberedByContentAcrossLives) {
  const testing::StateFolder folder;
  Quarantine(folder.path()).add({"aa", "org.test.x", "/x.so", "crash"});
  Quarantine next(folder.path());
  ASSERT_NE(next.find("aa"), nullptr);
  EXPECT_EQ(next.find("aa")->reason, "crash");
  EXPECT_EQ(next.find("bb"), nullptr);
  EXPECT_TRUE(next.release("org.test.x"));
  EXPECT_FALSE(next.release("org.test.x"));
  EXPECT_EQ(Quarantine(folder.path()).find("aa"), nullptr);
}

TEST(Quarantine, WhatIsCompiledInIsNeverPutThere) {
  const testing::StateFolder folder;
  Quarantine quarantine(folder.path());
  quarantine.add({"", "builtin.scheduler", "", "crash"});
  EXPECT_TRUE(quarantine.all().empty());
}

// A start after a crash finds everything as it was: it must not wait for the disk to be told so again.
TEST(AtomicFiles, OneThatSaysSoAlreadyIsLeftAsItIs) {
  const testing::StateFolder folder;
  const std::string path = folder.at("file");
  const auto inode = [&] {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
  };
  ASSERT_TRUE(write_file_atomically(path, "one\n").ok());
  const std::filesystem::file_time_type written = std::filesystem::last_write_time(path);
  const ino_t first = inode();
  ASSERT_TRUE(write_file_atomically(path, "one\n").ok());
  EXPECT_EQ(inode(), first);
  EXPECT_EQ(std::filesystem::last_write_time(path), written);
  ASSERT_TRUE(write_file_atomically(path, "two\n").ok());
  EXPECT_EQ(read_text_file(path).value(), "two\n");
}

TEST(ExitRecords, AreNumberedAndKept) {
  const testing::StateFolder folder;
  EXPECT_NE(write_exit_record(folder.path(),
                              {"crash", "scheduler", "a", "/a.so", "aa", "signal 11", 11, {{1, 2, 3, 4, 5, 6}}}),
            "");
  EXPECT_NE(write_exit_record(folder.path(), {"hang", "", "", "", "", "", 0, {}}), "");
  const std::vector<std::string> records = read_exit_records(folder.path(), 10);
  ASSERT_EQ(records.size(), 2u);
  const Result<Json> first = Json::parse(records[0]);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().integer_of("number"), 1);
  EXPECT_EQ(first.value()["last_decisions"].items()->front().integer_of("lease"), 6);
  EXPECT_EQ(read_exit_records(folder.path(), 1).size(), 1u);
}

TEST(PolicyResolver, FindsByShortIdAndRefusesWhatIsQuarantined) {
  const testing::StateFolder folder;
  Quarantine quarantine(folder.path());
  const std::vector<std::string> folders{LITHOS_BINARY_DIR "/lib/lithos/policies"};
  const PolicyChoice choice{"tpc_borrowing", {}, {}, {}};
  const Result<ResolvedPolicy> found = resolve_policy(PolicyKind::scheduler, choice, folders, quarantine);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(found.value().path, testing::shipped("tpc_borrowing"));
  quarantine.add({found.value().hash, found.value().id, found.value().path, "it crashed"});
  const Result<ResolvedPolicy> again = resolve_policy(PolicyKind::scheduler, choice, folders, quarantine);
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.status().message().find("it crashed"), std::string::npos);
}

TEST(PolicyResolver, SuggestsWhatWasMeant) {
  const testing::StateFolder folder;
  const std::vector<std::string> folders{LITHOS_BINARY_DIR "/lib/lithos/policies"};
  const Result<ResolvedPolicy> found =
      resolve_policy(PolicyKind::scheduler, {"tpc_borowing", {}, {}, {}}, folders, Quarantine(folder.path()));
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.status().message().find("did you mean"), std::string::npos) << found.status().message();
  EXPECT_FALSE(
      resolve_policy(PolicyKind::dvfs, {"tpc_borrowing", {}, {}, {}}, folders, Quarantine(folder.path())).ok());
}

}  // namespace
}  // namespace lithos
