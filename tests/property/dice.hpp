// SPDX-License-Identifier: Apache-2.0
// Randomness of the property tests: a case is a function of its seed. Not std::uniform_int_distribution, whose numbers differ between
// standard libraries.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace lithos::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du) {}

  std::uint64_t bits() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>((bits() >> 32) * limit >> 32); }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(high - low + 1); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  Nanoseconds time(std::uint32_t low_ns, std::uint32_t high_ns) { return Nanoseconds{between(low_ns, high_ns)}; }

 private:
  std::uint64_t state_;
};

}  // namespace lithos::test
