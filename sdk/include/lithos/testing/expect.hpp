// SPDX-License-Identifier: Apache-2.0
// Just enough of a test framework that a policy's tests need no other. Use any other instead if you have one.
//
//   LITHOS_TEST(an_idle_owner_lends) { LITHOS_EXPECT(answer.borrowed("batch", LITHOS_PRESSURE_IDLE).count() == 42); }
//   LITHOS_TEST_MAIN()
//
// A test ends at an exception, which counts as a failure; a failed expectation does not end it. Exit code 1 if anything
// failed. One thread.
#pragma once

#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

namespace lithos::testing {

struct Registered {
  const char* name;
  void (*run)();
};
inline std::vector<Registered>& registered_tests() {
  static std::vector<Registered> tests;
  return tests;
}
inline int& failed_expectations() {
  static int failed = 0;
  return failed;
}
struct Register {
  Register(const char* name, void (*run)()) { registered_tests().push_back({name, run}); }
};

inline void expect(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  std::printf("%s:%d: expected: %s\n", file, line, what);
  ++failed_expectations();
}

inline int run_tests() {
  for (const Registered& test : registered_tests()) {
    const int before = failed_expectations();
    try {
      test.run();
    } catch (const std::exception& error) { expect(false, error.what(), test.name, 0); }
    std::printf("%-6s %s\n", failed_expectations() == before ? "ok" : "FAILED", test.name);
  }
  return failed_expectations() == 0 ? 0 : 1;
}

}  // namespace lithos::testing

#define LITHOS_TEST(name)                                                          \
  static void name();                                                              \
  static const ::lithos::testing::Register lithos_registered_##name(#name, &name); \
  static void name()
#define LITHOS_EXPECT(condition) ::lithos::testing::expect(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
#define LITHOS_TEST_MAIN() \
  int main() { return ::lithos::testing::run_tests(); }
