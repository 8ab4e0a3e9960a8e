// SPDX-License-Identifier: Apache-2.0
// One connection of the engine room: a visitor until it has said hello, then a tenant. Internal to engine_room*.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/engine_room.hpp"

namespace lithos {

// Latencies of the last while, out of a histogram that only grows: what was added since one of two earlier copies of it.
class LatencyWindow {
 public:
  // To be called whenever somebody looks.
  LogHistogram recent(const LogHistogram& all, Nanoseconds now) {
    if (now - taken_at_ >= kStep) {
      older_ = now - taken_at_ >= 2 * kStep ? all_before_ : newer_;
      newer_ = all;
      taken_at_ = now;
    }
    all_before_ = all;
    return all.since(older_);
  }

 private:
  static constexpr Nanoseconds kStep{10'000'000'000};
  LogHistogram older_, newer_, all_before_;  // all_before_: when somebody looked last
  Nanoseconds taken_at_{0};
};

struct EngineRoom::Session {
  std::uint64_t key = 0;
  int pid = 0;
  ipc::Channel channel{ipc::Fd{}};
  bool ends = false;    // the connection has: it parts when its rings are empty
  bool parted = false;  // goes at the end of the step
  bool sealed = false;  // its pressure page may be handed around
  TenantSpec spec;
  std::unique_ptr<ipc::TenantPeer> peer;  // empty: a visitor
  TenantOperators operators;
  std::vector<std::uint32_t> queues;  // the position is the device's queue number
  Pressure pressure_seen = Pressure::idle;
  std::uint64_t refusals = 0;
  std::string first_refusal;
  std::uint64_t pages_missed = 0;
  LatencyWindow latencies;
};

}  // namespace lithos
