// SPDX-License-Identifier: Apache-2.0
#include "policy_host/policy_totals.hpp"

namespace lithos {

PolicyTotals& PolicyTotals::operator+=(const PolicyTotals& other) {
  for (std::size_t k = 0; k < kPolicyKinds; ++k) {
    kinds[k].calls += other.kinds[k].calls;
    kinds[k].fallbacks += other.kinds[k].fallbacks;
    for (std::size_t r = 0; r < kFaultReasons; ++r) kinds[k].faults[r] += other.kinds[k].faults[r];
  }
  return *this;
}

PolicyTotals operator-(PolicyTotals now, const PolicyTotals& before) {
  for (std::size_t k = 0; k < kPolicyKinds; ++k) {
    now.kinds[k].calls -= before.kinds[k].calls;
    now.kinds[k].fallbacks -= before.kinds[k].fallbacks;
    for (std::size_t r = 0; r < kFaultReasons; ++r) now.kinds[k].faults[r] -= before.kinds[k].faults[r];
  }
  return now;
}

PolicyTotals totals_of(const PolicySet& set) {
  PolicyTotals out;
  for (const PolicyKind kind : kAllPolicyKinds) {
    PolicyTotals::Kind& one = out.of(kind);
    one.calls = set.calls(kind);
    one.fallbacks = set.fallbacks(kind);
    for (std::size_t r = 0; r < kFaultReasons; ++r) one.faults[r] = set.faults().of(kind, static_cast<FaultReason>(r));
  }
  return out;
}

}  // namespace lithos
