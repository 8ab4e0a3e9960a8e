// SPDX-License-Identifier: Apache-2.0
// Which of a tenant's operators may be tried on fewer TPCs just now: few at a time, so that it is not slowed as a whole while it is learnt.
//
// Time is counted in the tenant's observations. Allocates nothing; a handful of comparisons. A value; not for more than one thread.
#pragma once

#include <array>
#include <cstdint>

namespace lithos {
inline namespace sdk {

class Probes {
 public:
  static constexpr std::uint64_t kLasts = 8192;  // observations, after which another operator may be tried in its place

  // Whether the operator may be tried, which takes `share` of the tenant's time and has been seen on so many TPC counts: one always may, more
  // if their shares together are at most `most`, eight at most. It may be until it is seen on a further count.
  bool may_try(std::uint64_t op_id, double share, unsigned counts, std::uint64_t now, double most) {
    Probe* place = nullptr;
    double trying = 0;
    for (Probe& probe : probes_) {
      if (probe.until <= now) probe = Probe{};
      if (probe.op_id == op_id) return true;
      if (probe.op_id == 0) place = &probe;
      trying += probe.share;
    }
    if (place == nullptr || (trying > 0 && trying + share > most)) return false;
    *place = {op_id, share, counts, now + kLasts};
    return true;
  }

  // The operator has been seen, on so many TPC counts by now.
  void seen(std::uint64_t op_id, unsigned counts) {
    for (Probe& probe : probes_)
      if (probe.op_id == op_id && counts > probe.counts) probe = Probe{};
  }

 private:
  struct Probe {
    std::uint64_t op_id = 0;
    double share = 0;
    unsigned counts = 0;
    std::uint64_t until = 0;
  };
  std::array<Probe, 8> probes_{};
};

}  // namespace sdk
}  // namespace lithos
