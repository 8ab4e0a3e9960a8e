// SPDX-License-Identifier: Apache-2.0
#include "e2e/program.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;

class PolicyDescribe : public testing::ProgramTest {};

TEST_F(PolicyDescribe, ShowsIdentityParametersAndNeeds) {
  const ProgramResult result = lithos("policy describe " SHIPPED "/tpc_borrowing.so");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"org.lithos.scheduler.tpc_borrowing 1.0.0  scheduler", "operations: decide", "set_param",
                           "lend_idle", "0 … 1", "\"150us\"", "ABI 1.2", "hash ", "libc.so.6"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
}

TEST_F(PolicyDescribe, JsonHasEveryParameter) {
  const ProgramResult result = lithos("policy describe --json " SHIPPED "/tpc_borrowing.so");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"\"format\": \"lithos-policy-describe-1\"", "\"key\": \"outstanding_limit\"",
                           "\"live\": true", "\"default\": \"\\\"150us\\\"\"", "\"operations\":"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
}

TEST_F(PolicyDescribe, AllAsMarkdownIsTheReferencePage) {
  const ProgramResult result = lithos("policy describe --all --markdown");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"## scheduler", "## dvfs", "### org.lithos.right_sizer.amdahl", "| `lend_idle` |"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part;
}

TEST_F(PolicyDescribe, WrongUseIsAnswered) {
  EXPECT_EQ(lithos("policy describe").exit_code, 2);
  EXPECT_EQ(lithos("policy describe nowhere.so").exit_code, 3);
  EXPECT_EQ(lithos("policy").exit_code, 2);
}

}  // namespace
}  // namespace lithos
