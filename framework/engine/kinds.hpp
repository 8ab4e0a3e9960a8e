// SPDX-License-Identifier: Apache-2.0
// Launches of one operator that do different work: cuBLAS runs GEMMs of several inner dimensions with one function and grid. What tells them
// apart is what was launched just before on their queue (in a transformer's layer: the activation, the attention, the layer norm), so an
// operator whose times scatter is taken for several, one for each operator it follows.
//
//   LaunchContext  names the operator before; executors put it into every record
//   kind_of()      the id of such a kind. To policies, and in the table of decisions, it is an operator of its own
//   Mixture        whether an operator is one of them, and whether its kinds are steadier than the whole
//
// The engine makes kinds when it sees them (operator_table.hpp), and says in the operator's decision that it has some; executors then ask for
// the kind's decision, and take the operator's where there is none.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/ids.hpp"

namespace lithos {

// 0: nothing was launched before, or nobody knows what. 16 bits, for records have no more to spare: operators that share a name share a kind.
using LaunchContext = std::uint16_t;

constexpr LaunchContext context_of(OperatorId before) {
  std::uint64_t name = value_of(before);
  name ^= name >> 32;
  name ^= name >> 16;
  const auto context = static_cast<LaunchContext>(name);
  return context == 0 ? LaunchContext{1} : context;
}

// The operator after what the context names; not 0.
constexpr OperatorId kind_of(OperatorId op, LaunchContext after) {
  std::uint64_t id = (value_of(op) ^ after) * 0x9e3779b97f4a7c15u;
  id ^= id >> 29;
  return OperatorId{id == 0 ? 1 : id};
}

// From clean times of whole launches on one TPC count at one clock; others restart it only if they go on. Values; one thread.
class Mixture {
 public:
  bool mixed() const { return mixed_; }

  // What a launch typically takes there; 0: not known.
  double typical_ns(std::uint32_t tpcs, std::uint32_t clock_mhz) const {
    return tpcs == tpcs_ && clock_mhz == clock_mhz_ ? mean_ns_ : 0;
  }
  // Of the operator. `kind_ns`: what was typical of the launch's kind before it; 0: not known. True: mixed() has changed.
  bool add(std::uint32_t tpcs, std::uint32_t clock_mhz, double ns, double kind_ns) {
    if (!follow(tpcs, clock_mhz, ns, kMemory)) return false;
    if (kind_ns > 0) {
      if (of_kinds_ < kMost) ++of_kinds_;
      within_ += (off(ns, kind_ns) - within_) / static_cast<float>(std::min<unsigned>(of_kinds_, kMemory));
    }
    return judge();
  }
  // Of a kind, of which only what is typical is asked.
  void add(std::uint32_t tpcs, std::uint32_t clock_mhz, double ns) { (void)follow(tpcs, clock_mhz, ns, kMemoryOfKind); }

 private:
  // False: it says nothing of the scatter.
  bool follow(std::uint32_t tpcs, std::uint32_t clock_mhz, double ns, unsigned memory) {
    const bool here = tpcs == tpcs_ && clock_mhz == clock_mhz_;
    if (!here && mean_ns_ != 0 && ++elsewhere_ < kElsewhere) return false;
    elsewhere_ = 0;
    if (!here) {
      tpcs_ = tpcs, clock_mhz_ = clock_mhz;
      mean_ns_ = static_cast<float>(ns);
      apart_ = 0, seen_ = 0;
      return false;
    }
    if (seen_ < kMost) ++seen_;
    const auto weight = static_cast<float>(std::min<unsigned>(seen_, memory));
    apart_ += (off(ns, mean_ns_) - apart_) / weight;
    mean_ns_ += std::min(static_cast<float>(ns) - mean_ns_, mean_ns_) / (weight + 1);
    return true;
  }

  static constexpr unsigned kJudgedAfter = 16, kElsewhere = 16;
  static constexpr unsigned kMemory = 256;      // launches: training has all of a forward pass before the first of the backward pass
  static constexpr unsigned kMemoryOfKind = 8;  // far shorter: when all launches become longer, kinds must not seem to tell nothing
  static constexpr unsigned kTrial = 128;     // launches of kinds, after which they must have been worth it
  static constexpr unsigned kPatience = 8192; // launches until it is tried again
  static constexpr std::uint16_t kMost = 0xffff;
  static constexpr float kMixed = 0.15f, kAlike = 0.05f;  // mean distance from the mean, as a share of it
  static constexpr float kWorthTelling_ns = 5'000;        // less does not hurt anybody, and is within what the host's clock can tell
  static constexpr float kSteadier = 0.7f;                // of a kind, against the operator

  // A stall says no more than a launch of twice the length.
  float off(double ns, double from_ns) const {
    return static_cast<float>(std::min(std::abs(ns - from_ns), static_cast<double>(mean_ns_)) / mean_ns_);
  }
  bool judge() {
    if (wait_ > 0) { --wait_; return false; }
    if (seen_ < kJudgedAfter) return false;
    if (!mixed_) {
      if (apart_ < kMixed || apart_ * mean_ns_ < kWorthTelling_ns) return false;
      within_ = 0, of_kinds_ = 0;
      return mixed_ = true;
    }
    const bool in_vain = of_kinds_ >= kTrial && apart_ >= kMixed && within_ > kSteadier * apart_;
    if (!in_vain && apart_ >= kAlike) return false;
    mixed_ = false;
    if (in_vain) wait_ = kPatience;
    return true;
  }

  float mean_ns_ = 0, apart_ = 0, within_ = 0;  // the distances: from the operator's mean, and from the kind's
  std::uint32_t tpcs_ = 0, clock_mhz_ = 0;
  std::uint16_t seen_ = 0, of_kinds_ = 0, elsewhere_ = 0, wait_ = 0;
  bool mixed_ = false;
};

}  // namespace lithos
