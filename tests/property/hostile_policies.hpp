// SPDX-License-Identifier: Apache-2.0
// Policies as bad as policies can be, each from a seed: what engine and executor must survive (DESIGN.md §5.8).
#pragma once

#include <memory>

#include "engine/gpu_shape.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos::test {

enum class Manner {
  silent,       // leaves the preset
  sane,         // lends by pressure, with limits
  garbage,      // random bits everywhere
  overlapping,  // everything to everybody, no limits
  holding,      // holds, or limits the rate to nearly nothing
  erroring,     // scribbles into the answer, then fails, most of the time
  starving,     // nothing but own TPCs, one TPC per launch
  flickering,   // another split at each decision, asked for again at once, leases that expire soon
  late,         // always over the hard time limit
};
inline constexpr unsigned kManners = 9;

// What the scheduler was last shown of all tenants together.
struct LastView {
  std::uint64_t decisions = 0;
  std::uint32_t queued = 0, inflight = 0, not_idle = 0;
};

struct HostileSet {
  std::unique_ptr<PolicySet> set;
  std::unique_ptr<LastView> last;
};
// `shape` must outlive the set.
HostileSet make_policies(Manner manner, bool wild_predictions, const GpuShape& shape, std::uint64_t seed);

}  // namespace lithos::test
