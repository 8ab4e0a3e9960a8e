// SPDX-License-Identifier: Apache-2.0
// lithos policy check finds what is wrong with each faulty policy, says the rule and the remedy, and finds nothing where
// nothing is wrong.
#include <filesystem>
#include <set>

#include "e2e/program.hpp"

namespace lithos {
namespace {

using testing::ProgramResult;

class PolicyCheck : public testing::ProgramTest {
 protected:
  ProgramResult check(const std::string& fault, const std::string& options = "") {
    return lithos("policy check " FAULTY "/faulty_" + fault + ".so " + options);
  }
};

struct Expected {
  const char* fault;
  const char* status;
  const char* check;
};

// Another test of the same finding: on the policies that the daemon's swap tests misbehave with.
class SwapFixture : public PolicyCheck, public ::testing::WithParamInterface<Expected> {};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.status << " " << expected.check; }

class Fault : public PolicyCheck, public ::testing::WithParamInterface<Expected> {};

// The check's options that look for this finding only.
std::string only(const Expected& expected) {
  const std::string timeout = expected.status == std::string("TIMEOUT") ? "--timeout 1s " : "";
  return timeout + "--include '^" + expected.check + "$'";
}

void expect_finding(const ProgramResult& result, const Expected& expected) {
  EXPECT_EQ(result.exit_code, std::string(expected.status) == "WARN" ? 0 : 1) << result.out << result.err;
  const std::size_t line = result.out.find(std::string(expected.status) + " ");
  ASSERT_NE(line, std::string::npos) << result.out;
  EXPECT_NE(result.out.find(expected.check, line), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("rule  ", line), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("remedy  ", line), std::string::npos) << result.out;
}

std::string test_name(const ::testing::TestParamInfo<Expected>& instance) {
  std::string name = std::string(instance.param.fault) + "_" + instance.param.check;
  for (char& c : name)
    if (c == '.') c = '_';
  return name;
}

TEST_P(Fault, IsFoundWithRuleAndRemedy) { expect_finding(check(GetParam().fault, only(GetParam())), GetParam()); }
TEST_P(SwapFixture, IsFoundWithRuleAndRemedy) {
  expect_finding(lithos(std::string("policy check " SWAP_FIXTURES "/") + GetParam().fault + ".so " + only(GetParam())),
                 GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Each, Fault,
    ::testing::Values(
        Expected{"exports", "FAIL", "library.single_export"}, Expected{"unique", "FAIL", "library.no_unique_symbols"},
        Expected{"unique", "FAIL", "library.unloads"},
        Expected{"thread_local", "FAIL", "library.no_thread_local_destructors"},
        Expected{"executable_stack", "FAIL", "library.no_executable_stack"},
        Expected{"nodelete", "FAIL", "library.may_be_unloaded"}, Expected{"nodelete", "FAIL", "library.unloads"},
        Expected{"driver", "FAIL", "library.no_driver_libraries"},
        Expected{"thread", "FAIL", "library.no_forbidden_calls"},
        Expected{"exit", "FAIL", "library.no_forbidden_calls"},
        Expected{"time", "FAIL", "library.no_own_time_or_randomness"},
        Expected{"undocumented", "FAIL", "parameters.documented"}, Expected{"bounds", "FAIL", "parameters.bounds_work"},
        Expected{"live", "FAIL", "parameters.live_equals_create"},
        Expected{"unknown_id", "FAIL", "parameters.unknown_ids_refused"},
        Expected{"leak", "FAIL", "lifecycle.thousand_lives"},
        Expected{"device", "FAIL", "lifecycle.devices_of_all_sizes"},
        Expected{"out_of_memory", "CRASH", "lifecycle.out_of_memory"},
        Expected{"descriptor", "FAIL", "lifecycle.leaves_nothing"},
        Expected{"thread", "FAIL", "lifecycle.leaves_nothing"},
        Expected{"global", "FAIL", "lifecycle.no_mutable_globals"},
        Expected{"refuses", "FAIL", "decisions.sound_answers"}, Expected{"nan", "FAIL", "decisions.sound_answers"},
        Expected{"wild", "FAIL", "decisions.sound_answers"}, Expected{"view", "FAIL", "decisions.sound_answers"},
        Expected{"segv", "CRASH", "decisions.sound_answers"}, Expected{"exit", "CRASH", "decisions.sound_answers"},
        Expected{"hang", "TIMEOUT", "decisions.sound_answers"},
        Expected{"many_tenants", "CRASH", "decisions.many_tenants"},
        Expected{"null_host", "CRASH", "decisions.silent_host"},
        Expected{"backward", "FAIL", "decisions.backward_clock"},
        Expected{"stride", "FAIL", "decisions.larger_structs"}, Expected{"divides", "CRASH", "decisions.odd_numbers"},
        Expected{"address", "FAIL", "decisions.deterministic"}, Expected{"slow", "FAIL", "decisions.within_budget"},
        Expected{"allocates", "FAIL", "decisions.no_allocation_once_warm"},
        Expected{"system_call", "FAIL", "decisions.no_system_calls"},
        Expected{"remembers", "FAIL", "decisions.forgets_who_left"}),
    test_name);

const Expected kSwapFixtures[] = {{"throws", "FAIL", "decisions.sound_answers"},
                                  {"loops", "TIMEOUT", "decisions.sound_answers"},
                                  {"hangs_in_libc", "TIMEOUT", "decisions.sound_answers"},
                                  {"segfaults", "CRASH", "decisions.sound_answers"},
                                  {"aborts", "CRASH", "decisions.sound_answers"},
                                  {"foreign_tpcs", "FAIL", "decisions.sound_answers"},
                                  {"nonsense_rate", "FAIL", "decisions.sound_answers"},
                                  {"nan", "FAIL", "decisions.sound_answers"},
                                  {"leaks_thread", "FAIL", "lifecycle.leaves_nothing"},
                                  {"refuses", "FAIL", "lifecycle.defaults_create"},
                                  {"crashes_in_create", "CRASH", "lifecycle.defaults_create"},
                                  {"tls_destructor", "FAIL", "library.no_thread_local_destructors"},
                                  {"bad_predictor", "FAIL", "predictor.learns"},
                                  {"no_manifest", "FAIL", "library.manifest"},
                                  {"abi_v2", "FAIL", "library.manifest"},
                                  {"other_table", "FAIL", "library.manifest"},
                                  {"links_driver", "FAIL", "library.no_driver_libraries"},
                                  {"unique", "FAIL", "library.no_unique_symbols"}};
INSTANTIATE_TEST_SUITE_P(Each, SwapFixture, ::testing::ValuesIn(kSwapFixtures), test_name);

// One that is not in the list yet must not get through unnoticed either.
TEST_F(PolicyCheck, NoSwapFixturePassesUnnoticed) {
  std::set<std::string> listed{"good_v1", "good_v2"};
  for (const Expected& expected : kSwapFixtures) listed.insert(expected.fault);
  for (const auto& entry : std::filesystem::directory_iterator(SWAP_FIXTURES)) {
    if (entry.path().extension() != ".so" || listed.count(entry.path().stem().string()) > 0) continue;
    const ProgramResult result = lithos("policy check --timeout 1s " + entry.path().string());
    EXPECT_TRUE(result.exit_code == 1 || result.out.find("WARN ") != std::string::npos) << entry.path() << "\n"
                                                                                        << result.out;
  }
}

TEST_F(PolicyCheck, WithoutAFaultEverythingPasses) {
  const ProgramResult result = check("none");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_NE(result.out.find("conforms: "), std::string::npos);
  for (const char* bad : {"FAIL", "CRASH", "TIMEOUT"}) EXPECT_EQ(result.out.find(bad), std::string::npos) << result.out;
}

TEST_F(PolicyCheck, ShippedPoliciesConform) {
  for (const auto& entry : std::filesystem::directory_iterator(SHIPPED)) {
    if (entry.path().extension() != ".so") continue;
    const ProgramResult result = lithos("policy check " + entry.path().string());
    EXPECT_EQ(result.exit_code, 0) << entry.path() << "\n" << result.out;
  }
}

TEST_F(PolicyCheck, TheSameSeedGivesTheSameFindings) {
  const char* options = "--json --seed 7 --exclude within_budget";
  const ProgramResult once = check("nan", options);
  EXPECT_EQ(once.out, check("nan", options).out);
  for (const char* part : {"\"format\": \"lithos-policy-check-1\"", "\"conforms\": false", "\"status\": \"FAIL\"",
                           "\"rule\":", "\"remedy\":"})
    EXPECT_NE(once.out.find(part), std::string::npos) << part;
}

TEST_F(PolicyCheck, ACrashConcernsNoOtherCheckAndLeavesNoFiles) {
  std::filesystem::create_directory(folder_.at("tmp"));
  ::setenv("TMPDIR", folder_.at("tmp").c_str(), 1);
  const ProgramResult result = check("segv", "--exclude '^library'");
  ::unsetenv("TMPDIR");
  EXPECT_NE(result.out.find("CRASH   decisions.sound_answers"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("PASS    lifecycle.thousand_lives"), std::string::npos) << result.out;
  EXPECT_TRUE(std::filesystem::is_empty(folder_.at("tmp")));
}

TEST_F(PolicyCheck, WhatIsNoPolicyIsSaidSo) {
  write("text.so", "not a library");
  const ProgramResult text = lithos("policy check text.so");
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_NE(text.out.find("FAIL    library.loads"), std::string::npos) << text.out;
  EXPECT_EQ(lithos("policy check nowhere.so").exit_code, 3);
  EXPECT_EQ(lithos("policy check text.so --include '('").exit_code, 2);
}

}  // namespace
}  // namespace lithos
