// SPDX-License-Identifier: Apache-2.0
// The steps of a change of policies or configuration, in order: where it can fail, how long each took, and who wants to
// hear of it meanwhile. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/status.hpp"
#include "base/time.hpp"

namespace lithos {

enum class ChangeStep : std::uint8_t {
  resolve,     // what is to change
  verify,      // manifests, quarantine, lint: no code of the library runs
  load,        // dlopen of the private copy
  create,      // the policies' own constructors
  commit,      // the exchange on the engine thread
  replay,      // the engine asks the new policies about every operator, decisions going on in between
  parameters,  // live ones
  tenants,     // the list for those who join from now on
  persist,     // what a crash must not lose
};
inline constexpr std::size_t kChangeSteps = static_cast<std::size_t>(ChangeStep::persist) + 1;
const char* name_of(ChangeStep step);

// Time by step, in microseconds. A step that did not happen took none.
using ChangeTimes = std::array<double, kChangeSteps>;

class ChangeProgress {
 public:
  using Listener = std::function<void(ChangeStep)>;  // called when a step begins; must not call back

  // `inject`: for tests; fails a change where a step begins. May be empty.
  explicit ChangeProgress(std::function<Status(ChangeStep)> inject) : inject_(std::move(inject)) {}

  void listen(Listener listener) { listener_ = std::move(listener); }
  void begin();                   // another change
  Status enter(ChangeStep step);  // ends the step before; a step may be entered several times
  ChangeTimes end();

 private:
  void close(Nanoseconds now);

  const std::function<Status(ChangeStep)> inject_;
  Listener listener_;
  ChangeTimes times_us_{};
  ChangeStep current_ = ChangeStep::resolve;
  Nanoseconds since_{0};  // 0: no step is going on
};

}  // namespace lithos
