// SPDX-License-Identifier: Apache-2.0
// Which of a tenant's records have been seen, by their sequence numbers: tells doubled ones and finds the newest. Remembers the last 64
// numbers; what is older counts as seen. Numbers come from the tenant, so a wild one must not deafen the engine: a jump ahead of
// more than kJump is refused, and after kLost refusals in a row the window starts again where the numbers are. The first number is
// taken as it is: a tenant that has worked for long attaches to a new daemon and counts on.
#pragma once

#include <cstdint>

namespace lithos {

class SequenceWindow {
 public:
  enum class Seen : std::uint8_t { newest, late, refused };

  Seen note(std::uint64_t number) {
    if (number > newest_ && (number - newest_ <= kJump || newest_ == 0)) {
      const std::uint64_t step = number - newest_;
      bits_ = step >= 64 ? 1 : (bits_ << step) | 1;
      newest_ = number;
      refused_ = 0;
      return Seen::newest;
    }
    if (number <= newest_ && newest_ - number < 64) {
      const std::uint64_t bit = std::uint64_t{1} << (newest_ - number);
      if ((bits_ & bit) == 0) {
        bits_ |= bit;
        return Seen::late;
      }
    }
    if (++refused_ < kLost) return Seen::refused;
    refused_ = 0;
    newest_ = number;
    bits_ = 1;
    return Seen::newest;
  }

 private:
  static constexpr std::uint64_t kJump = 1u << 20;
  static constexpr std::uint32_t kLost = 256;
  std::uint64_t newest_ = 0;
  std::uint64_t bits_ = ~std::uint64_t{0};
  std::uint32_t refused_ = 0;
};

}  // namespace lithos
