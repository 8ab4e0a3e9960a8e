// SPDX-License-Identifier: Apache-2.0
// What has been observed of operators, so that a predictor or right-sizer that takes another's place need not start from nothing: policies own
// opinions, the host owns facts and tells them again (DESIGN.md §6).
//
// One entry per operator, TPC count and clock, of clean observations of whole launches; its duration is a mean that forgets. Bounded: what was
// not seen for longest makes room. add() allocates nothing. Values; one thread.
//
// It is also what a daemon keeps over a restart (daemon/learned_file.hpp), read a part at a time.
#pragma once

#include <vector>

#include "lithos/operator_memory.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

class ObservationLog {
 public:
  static constexpr std::size_t kEntries = 4096;  // at least; 112 bytes each

  // Others than clean observations of whole launches are ignored.
  void add(const lithos_observation& seen) {
    if (seen.neighbour_tpcs != 0 || seen.block_count != seen.op.blocks || seen.duration_ns == 0) return;
    lithos_observation& known = table_.get(key_of(seen));
    const std::uint64_t before = known.duration_ns;
    known = seen;
    if (before != 0) known.duration_ns = before - before / 4 + seen.duration_ns / 4;
  }

  // Tells some, about `most`, from `place` on, which begins at 0 and is moved on. True: there is more to tell.
  template <class Tell>  // void(const lithos_observation&)
  bool replay(std::size_t& place, std::size_t most, Tell&& tell) const {
    return table_.for_some(place, most, [&](const lithos_observation& seen) {
      if (seen.duration_ns != 0) tell(seen);
    });
  }

  // One of kParts: a few microseconds' worth, so that decisions go on in between.
  static constexpr std::size_t kParts = 16;
  void append_part(std::size_t part, std::vector<lithos_observation>& out) const {
    table_.for_each_of(part, kParts, [&](const lithos_observation& seen) {
      if (seen.duration_ns != 0) out.push_back(seen);
    });
  }

 private:
  static std::uint64_t key_of(const lithos_observation& seen) {
    return spread_key(seen.op.op_id ^ spread_key(std::uint64_t{seen.tpcs} << 32 | seen.clock_mhz));
  }
  BoundedTable<lithos_observation> table_{kEntries};
};

}  // namespace lithos
