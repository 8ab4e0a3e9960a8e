// SPDX-License-Identifier: Apache-2.0
// What ran of one operator, for people: per-operator tables of `lithos sim --operators`. Plain values.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "engine/record.hpp"

namespace lithos {

struct OperatorTotals {
  std::uint64_t launches = 0;  // whole ones
  std::uint64_t atoms = 0;     // parts of the others
  std::uint64_t ns = 0;        // of both
  std::uint64_t tpc_ns = 0;
  std::array<std::uint64_t, kCoverageKinds> went{};  // launches by Coverage; a graph's kernels go with the graph

  // How most launches went, and so why they were cut or not; `none` if there was none.
  Coverage usually(Coverage none) const {
    const auto most = std::max_element(went.begin(), went.end());
    return *most == 0 ? none : static_cast<Coverage>(most - went.begin());
  }
  void add(Nanoseconds duration, std::uint32_t tpcs, bool whole) {
    (whole ? launches : atoms) += 1;
    ns += to_u64(duration);
    tpc_ns += to_u64(duration) * tpcs;
  }
};

struct OperatorReport {
  std::string name;            // the kernel's; graphs: the graph's
  bool graph = false;          // its kernels are operators of their own
  std::uint32_t blocks = 0;
  std::uint32_t bound = 0;     // LITHOS_BOUND_*
  std::uint32_t wanted_tpcs = 0;  // the right-sizer's answer; 0: as many as there are
  Nanoseconds predicted{0};    // a whole launch on the whole device
  OperatorTotals totals;
};

}  // namespace lithos
