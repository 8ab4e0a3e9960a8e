// SPDX-License-Identifier: Apache-2.0
// Is the configured predictor any better than the built-in one? Both are asked for what has just been observed, before
// either is told, and how far each was off is summed up. Who demotes a predictor for it: daemon/quality_watch.hpp.
//
// Only what is fair counts: clean observations (nobody else worked on the GPU meanwhile), of operators of which the
// configured predictor has been told several times, as the built-in one has: its knowledge is never cold. About one
// in eight of those is judged, spread evenly, so that a request's pattern of operators is not always met in one place.
// An error is a ratio, |log2(predicted / observed)|: twice as long and half as long are equally wrong, short kernels
// count like long ones, and no single outlier decides.
//
// Constant memory, no allocation after construction. Not for more than one thread. Source: DESIGN.md §5.8, issue 5.
#pragma once

#include <array>
#include <cstdint>

#include "lithos/policy_abi.h"

namespace lithos {

// Sums since the predictor came into force; differences of two are a window.
struct PredictionScore {
  std::uint64_t judged = 0;
  std::uint64_t contended = 0;   // not judged: others worked meanwhile
  std::uint64_t unfamiliar = 0;  // not judged: seen too rarely so far
  double configured_log2 = 0, builtin_log2 = 0;
};

class PredictionJudge {
 public:
  static constexpr std::uint32_t kFamiliarAfter = 8;  // clean observations of one operator
  static constexpr double kMostLog2 = 10;             // an error of more than 1024 times is one of 1024 times

  // To be called for every observation. True: ask both, and call judge().
  bool wants(const lithos_observation& seen);
  // What each expected of the part that was observed, in nanoseconds; both above 0.
  void judge(const lithos_observation& seen, double configured_ns, double builtin_ns);

  const PredictionScore& score() const { return score_; }

 private:
  struct Familiar {
    std::uint64_t key = 0;
    std::uint32_t count = 0;
  };
  static constexpr unsigned kSlotBits = 10;  // direct-mapped: operators that share a slot forget each other

  std::array<Familiar, 1u << kSlotBits> familiar_{};
  std::uint64_t fair_ = 0;  // observations that might have been judged
  PredictionScore score_;
};

}  // namespace lithos
