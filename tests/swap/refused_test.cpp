// SPDX-License-Identifier: Apache-2.0
// Libraries that must not be put in force: the operator sees why, and nothing of them is loaded.
#include "swap/support.hpp"

namespace lithos::testing {
namespace {

struct Case {
  const char* name;
  const char* why;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class Refused : public DaemonTest, public ::testing::WithParamInterface<Case> {};

TEST_P(Refused, WithAReason) {
  start();
  const Result<Json> done = swap_to(fixture(GetParam().name));
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.status().message().find(GetParam().why), std::string::npos) << done.status().message();
  EXPECT_NE(done.status().message().find(GetParam().name), std::string::npos) << "names the file";
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
  EXPECT_EQ(mapped(GetParam().name), 0u);
  EXPECT_EQ(policies_number("failed_changes"), 1);
}

INSTANTIATE_TEST_SUITE_P(Libraries, Refused,
                         ::testing::Values(Case{"no_manifest", "no manifest"}, Case{"abi_v2", "ABI 2.0"},
                                           Case{"links_driver", "libcuda"}, Case{"unique", "unique symbol"},
                                           Case{"tls_destructor", "thread_local"},
                                           Case{"other_table", "its manifest says"}),
                         [](const ::testing::TestParamInfo<Case>& at) { return std::string(at.param.name); });

TEST_F(DaemonTest, APolicyThatDoesNotWantToStart) {
  start();
  const Result<Json> done = swap_to(fixture("refuses"));
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.status().message().find("not to my taste"), std::string::npos) << done.status().message();
  EXPECT_EQ(mapped("refuses"), 0u);
}

TEST_F(DaemonTest, AFileThatIsNoLibrary) {
  start();
  EXPECT_FALSE(swap_to(folder.write("text.so", "not a library\n")).ok());
  EXPECT_FALSE(swap_to(folder.at("absent.so")).ok());
  EXPECT_FALSE(swap_to("relative.so").ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
}

}  // namespace
}  // namespace lithos::testing
