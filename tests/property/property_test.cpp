// SPDX-License-Identifier: Apache-2.0
// The safety rules of DESIGN.md §5 under random programs, devices, transports and policies.
//
//   LITHOS_PROPERTY_CASES=1000000   how many cases
//   LITHOS_PROPERTY_SEED=4711       this case alone, as a failure printed it
//   LITHOS_PROPERTY_FIRST=200000    another range of cases
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "property/world.hpp"

namespace lithos::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kCases = 10'000;  // ten times as slow
#else
constexpr std::uint64_t kCases = 100'000;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SafetyProperties, HoldInRandomCases) {
  const std::uint64_t only = from_environment("LITHOS_PROPERTY_SEED", 0);
  const std::uint64_t first = only != 0 ? only : from_environment("LITHOS_PROPERTY_FIRST", 1);
  const std::uint64_t cases = only != 0 ? 1 : from_environment("LITHOS_PROPERTY_CASES", kCases);
  int failures = 0;
  for (std::uint64_t seed = first; seed < first + cases && failures < 10; ++seed) {
    World world(seed);
    const std::string broken = world.run();
    if (broken.empty()) continue;
    ++failures;
    ADD_FAILURE() << broken << "\n  again with: LITHOS_PROPERTY_SEED=" << seed;
  }
}

}  // namespace
}  // namespace lithos::test
