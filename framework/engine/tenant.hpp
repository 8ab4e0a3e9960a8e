// SPDX-License-Identifier: Apache-2.0
// One tenant as the engine keeps it. Plain state; the modules beside this file work on it. Not for more than one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/activity.hpp"
#include "engine/engine.hpp"
#include "engine/flat_map.hpp"
#include "engine/operator_table.hpp"
#include "engine/queue_book.hpp"
#include "engine/sequence_window.hpp"
#include "engine/work_curve.hpp"

namespace lithos {

// Share of recent requests within the SLO, over the last 256.
class Attainment {
 public:
  void add(bool met) {
    const std::uint64_t bit = std::uint64_t{1} << (next_ % 64);
    std::uint64_t& word = bits_[next_ / 64];
    met_ += met ? 1u : 0u;
    if (count_ == kWindow) met_ -= (word & bit) != 0 ? 1u : 0u;
    else ++count_;
    word = met ? word | bit : word & ~bit;
    next_ = (next_ + 1) % kWindow;
  }
  double share() const { return count_ == 0 ? 1.0 : static_cast<double>(met_) / count_; }

 private:
  static constexpr std::uint32_t kWindow = 256;
  std::array<std::uint64_t, kWindow / 64> bits_{};
  std::uint32_t next_ = 0, count_ = 0, met_ = 0;
};

struct Tenant {
  static constexpr std::size_t kQueuesLimit = 1024;
  enum class State : std::uint8_t { absent, present, leaving };

  bool present() const { return state == State::present; }
  QueueBook* queue(QueueId id) {
    const std::uint32_t index = queue_index.find(value_of(id));
    return index == FlatMap::kAbsent ? nullptr : &queues[index];
  }

  State state = State::absent;
  std::uint64_t serial = 0;  // names the tenant to policies; never used twice
  TenantSpec spec;
  TpcSet own;
  std::vector<QueueBook> queues;
  FlatMap queue_index;
  OperatorTable operators;
  SequenceWindow sequence;
  TenantCounters counters;
  Attainment attainment;
  WorkCurve work;
  Activity::Share activity;
  std::unique_ptr<TenantStatistics> statistics;  // null: nobody wants them

  Pressure pressure = Pressure::idle;
  Nanoseconds pressure_since{0}, active_since = kNever, idle_since{0};
  Nanoseconds starved_since = kNever;
  std::uint64_t completed_launches = 0;
  Nanoseconds heard_at{0};  // last record that was accepted
  Nanoseconds left_at{0};

  // The lease in force.
  std::uint64_t generation = 0;
  lithos_lease answer{};          // the policy's, that it was made from
  std::uint64_t epoch = 0;        // … and who was there then
  TpcSet widest;                  // all it names
  Nanoseconds published_at{0};
};

}  // namespace lithos
