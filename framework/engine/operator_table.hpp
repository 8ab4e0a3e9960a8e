// SPDX-License-Identifier: Apache-2.0
// The operators of one tenant: what they are (in the policies' words), how often they were seen, what was decided for them. Asks
// predictor and right-sizer again at observations 1, 2, 4, 8, 16 and every 32nd after; the answer is worth publishing only
// if it moved. Not for more than one thread. Source: DESIGN.md §4.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "engine/flat_map.hpp"
#include "engine/kinds.hpp"
#include "engine/operator.hpp"
#include "engine/operator_report.hpp"
#include "engine/record.hpp"
#include "engine/scaling.hpp"
#include "engine/work_curve.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

// What a kernel is, in the policies' words.
lithos_op describe(const KernelInfo& kernel);

struct OperatorEntry {
  const KernelInfo* kernel = nullptr;  // one of the two
  const GraphInfo* graph = nullptr;
  lithos_op op{};
  std::vector<std::uint32_t> nodes;    // graphs: their kernels' entries
  OperatorDecision decision;
  WorkTimes work;                      // its part of work_curve.hpp
  bool in_graph = false;               // was seen in a graph: confined there by wish only, not to what holds a block
  bool published = false;              // executors have one
  std::uint64_t observations = 0;
  std::uint64_t asked_in = 0;          // the engine's asking_epoch when the decision was made
  ScalingEstimate scaling;
  OperatorTotals totals;
  // Of an operator: its kinds, whose entries stay though it be taken for one again. Of a kind: its operator's entry (kinds.hpp).
  static constexpr unsigned kKindsMost = 8;
  Mixture mixture;
  std::uint32_t kinds = 0, kind_of = FlatMap::kAbsent;
  std::array<LaunchContext, kKindsMost> kind_after{};
  std::array<std::uint32_t, kKindsMost> kind{};
  // Since the DVFS window began (dvfs_sampler.hpp):
  std::uint64_t window_ns = 0, window_tpc_ns = 0;
  std::uint32_t window_launches = 0;
};

// Which policies are asked about an operator; the others' answers stay.
struct Asked {
  bool predictor = true, right_sizer = true;
};

// Who asks, for the policies.
struct Asker {
  std::uint64_t tenant_id = 0;
  std::uint32_t tenant_class = 0;
  std::uint32_t most_tpcs = 0;   // the widest set it is leased
  std::uint32_t device_tpcs = 0;
  std::uint32_t clock_mhz = 0;
  double slip = 1.1;
  bool masked = true;            // launches are confined
};

class OperatorTable {
 public:
  static constexpr std::uint32_t kLimit = 1u << 20;

  std::uint32_t find(OperatorId id) const { return index_.find(value_of(id)); }
  OperatorEntry& operator[](std::uint32_t index) { return entries_[index]; }
  const OperatorEntry& operator[](std::uint32_t index) const { return entries_[index]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(entries_.size()); }
  void clear() { entries_.clear(); index_.clear(); spinning_ = 0; }
  bool any_may_spin() const { return spinning_ > 0; }

  // Index of the entry; kAbsent if the table is full. `fresh` says whether it is new.
  std::uint32_t add(const KernelInfo& kernel, bool& fresh);
  std::uint32_t add(const GraphInfo& graph, bool& fresh);  // its nodes have been added

  // What a launch of this operator after `after` is: its kind, if the operator is mixed, made if need be; itself where it has as many as it
  // may. References to entries are good no longer if `fresh`.
  std::uint32_t kind_of(std::uint32_t index, LaunchContext after, bool& fresh) {
    fresh = false;
    return after == 0 || !entries_[index].mixture.mixed() ? index : find_or_add_kind(index, after, fresh);
  }

  // Counts the observation; true if the decision should be asked for again.
  static bool due(OperatorEntry& entry);
  // Asks the policies, or those of them that are new; true if the answer differs enough from the one in force to be published.
  static bool refresh(OperatorEntry& entry, const Asker& asker, const Asked& asked, PolicySet& policies);

 private:
  std::uint32_t find_or_add_kind(std::uint32_t index, LaunchContext after, bool& fresh);

  std::vector<OperatorEntry> entries_;
  FlatMap index_;
  std::uint32_t spinning_ = 0;
};

}  // namespace lithos
