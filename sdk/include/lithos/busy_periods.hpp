// SPDX-License-Identifier: Apache-2.0
// How long tenants are busy at a time, on average: from the end of one pause to the beginning of the next, as a scheduler sees it at its
// decisions. Bounded memory: 64 tenants, the newest of those that share a place. Not for more than one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "lithos/policy.hpp"

namespace lithos {
inline namespace sdk {

class BusyPeriods {
 public:
  // To be asked at every decision, with the tenant as it is now. Pauses up to `grace_ns` are none; the present busy period counts once it is
  // longer than the mean, so that a tenant which never pauses is busy for as long as it has been.
  double mean_ns(const Tenant& tenant, std::uint64_t now_ns, std::uint64_t grace_ns) {
    Known& known = of(tenant.id());
    if (tenant.idle()) {
      if (known.since_ns != 0) known.until_ns = tenant->idle_since_ns;
      return known.mean_ns;
    }
    const bool paused = known.until_ns > known.since_ns && tenant->active_since_ns > known.until_ns + grace_ns;
    if (paused) known.mean_ns += (static_cast<double>(known.until_ns - known.since_ns) - known.mean_ns) / kRemembered;
    if (paused || known.since_ns == 0) known.since_ns = tenant->active_since_ns;
    return std::max(known.mean_ns, static_cast<double>(now_ns) - static_cast<double>(known.since_ns));
  }

 private:
  static constexpr double kRemembered = 32;  // busy periods
  struct Known {
    std::uint64_t id = 0, since_ns = 0, until_ns = 0;
    double mean_ns = 0;
  };
  Known& of(std::uint64_t id) {
    Known& known = known_[id % known_.size()];
    if (known.id != id) known = {id, 0, 0, 0};
    return known;
  }
  std::array<Known, 64> known_;
};

}  // namespace sdk
}  // namespace lithos
