// SPDX-License-Identifier: Apache-2.0
#include "daemon/change_progress.hpp"

#include "daemon/clock.hpp"

namespace lithos {

const char* name_of(ChangeStep step) {
  constexpr std::array<const char*, kChangeSteps> kNames{"resolve", "verify",     "load",    "create", "commit",
                                                         "replay",  "parameters", "tenants", "persist"};
  return kNames[static_cast<std::size_t>(step)];
}

void ChangeProgress::begin() {
  times_us_ = {};
  since_ = Nanoseconds{0};
}

void ChangeProgress::close(Nanoseconds now) {
  if (since_.count() > 0) times_us_[static_cast<std::size_t>(current_)] += to_us(now - since_);
  since_ = now;
}

Status ChangeProgress::enter(ChangeStep step) {
  const bool same = since_.count() > 0 && step == current_;
  close(monotonic_now());
  current_ = step;
  if (listener_ && !same) listener_(step);
  return inject_ ? inject_(step) : Status{};
}

ChangeTimes ChangeProgress::end() {
  close(monotonic_now());
  since_ = Nanoseconds{0};
  return times_us_;
}

}  // namespace lithos
