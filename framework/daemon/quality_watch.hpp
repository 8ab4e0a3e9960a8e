// SPDX-License-Identifier: Apache-2.0
// When is a predictor so much worse than the built-in one that it must go? Windows of observations, and several of them
// in a row: a predictor that is learning, a tenant that changes its shape, or a machine that is busy for a moment cost
// nobody a policy. (What is compared: policy_host/prediction_judge.hpp.)
//
// A window ends when it is long enough and holds enough judged observations; it says nothing before. In it, a predictor is
//   bad      if its mean error is above `tolerated` and above `worse` times the built-in one's: one more bad window
//   good     if its error is tolerated, or no larger than the built-in one's: bad windows are forgiven
//   between  else: bad windows stay counted
// After `windows` bad ones it is to be demoted. Errors are the geometric mean of how many times too long or too short:
// 0.1 is ten per cent off, 99 a hundred times. Pure; one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "policy_host/prediction_judge.hpp"

namespace lithos {

struct QualityOptions {
  Nanoseconds window{2'000'000'000};
  std::uint64_t least = 100;  // judged observations without which a window does not end
  double worse = 1.5;         // times the built-in one's error
  double tolerated = 0.1;     // error, as a share
  unsigned windows = 3;       // bad ones that demote; 0: never
};

// The last window that said something.
struct PredictionQuality {
  std::uint64_t judged = 0, contended = 0, unfamiliar = 0;  // since the predictor came into force
  double off = 0, builtin_off = 0;                          // mean error in the last window, as shares
  unsigned bad_windows = 0;
};

class QualityWatch {
 public:
  explicit QualityWatch(const QualityOptions& options) : options_(options) {}

  // Another predictor is in force; `score` is what it has at this moment.
  void restart(const PredictionScore& score, Nanoseconds now);
  // True: demote it; why() says why. To be called regularly.
  bool look(const PredictionScore& score, Nanoseconds now);

  const PredictionQuality& quality() const { return quality_; }
  std::string why() const;

 private:
  const QualityOptions options_;
  Nanoseconds began_{0};
  PredictionScore before_;
  PredictionQuality quality_;
};

}  // namespace lithos
