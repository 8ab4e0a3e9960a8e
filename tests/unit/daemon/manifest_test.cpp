// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

#include "config/read_file.hpp"
#include "policy_host/manifest.hpp"
#include "policy_host/private_copy.hpp"
#include "unit/daemon/support.hpp"

namespace lithos {
namespace {

TEST(Manifest, TellsWhatALibraryHoldsWithoutRunningIt) {
  const Result<PolicyManifest> manifest = read_manifest(testing::shipped("tpc_borrowing"));
  ASSERT_TRUE(manifest.ok()) << manifest.status().message();
  ASSERT_EQ(manifest.value().policies.size(), 1u);
  EXPECT_EQ(manifest.value().policies[0].kind, PolicyKind::scheduler);
  EXPECT_EQ(manifest.value().policies[0].id, "org.lithos.scheduler.tpc_borrowing");
  EXPECT_EQ(manifest.value().abi_major, 1u);
  EXPECT_EQ(manifest.value().hash.size(), 16u);
}

TEST(Manifest, OtherFilesAreRefusedWithTheReason) {
  const testing::StateFolder folder;
  EXPECT_EQ(read_manifest(folder.at("absent.so")).status().code(), StatusCode::not_found);
  EXPECT_EQ(read_manifest(folder.write("text.so", "hello")).status().code(), StatusCode::invalid_argument);
  const Result<PolicyManifest> other = read_manifest("/lib/x86_64-linux-gnu/libm.so.6");
  if (other.status().code() == StatusCode::invalid_argument) {
    EXPECT_NE(other.status().message().find("no manifest"), std::string::npos) << other.status().message();
  }
}

// Every offset in the file is somebody's claim.
TEST(Manifest, DamagedLibrariesHarmNobody) {
  const Result<LibraryFile> file = read_library_file(testing::shipped("amdahl"));
  ASSERT_TRUE(file.ok());
  const testing::StateFolder folder;
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(file.value().bytes.begin(), file.value().bytes.end());
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    const std::size_t headers = bytes.size() < 8192 ? bytes.size() : (round % 2 == 0 ? 4096 : bytes.size());
    for (int i = 0; i < 20 && headers > 0; ++i) {
      const std::size_t from_end = random() % 4096;
      const std::size_t at =
          round % 5 == 0 && from_end < bytes.size() ? bytes.size() - 1 - from_end : random() % headers;
      bytes[at] = static_cast<char>(random());
    }
    const Result<PolicyManifest> manifest = read_manifest(folder.write("damaged.so", bytes));
    if (manifest.ok()) { EXPECT_LE(manifest.value().policies.size(), 8u); }
  }
}

}  // namespace
}  // namespace lithos
