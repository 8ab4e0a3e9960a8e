// SPDX-License-Identifier: Apache-2.0
#include "sim/throughput_bound.hpp"

#include <algorithm>

namespace lithos {

double least_tpc_ns(const TenantProgram& program, unsigned tpcs) {
  double sum = 0;
  for (const TimeCurve& curve : program.curves) {
    double least = curve.ns(tpcs) * tpcs;
    for (unsigned n = 1; n < tpcs; ++n) least = std::min(least, curve.ns(n) * n);
    sum += least;
  }
  return sum;
}

double throughput_bound(const std::vector<BoundTenant>& tenants, unsigned tpcs) {
  constexpr double kNsPerSecond = 1e9;
  double left = tpcs * kNsPerSecond;  // TPC time in a second
  double shares = 0;
  std::vector<double> costs;  // of each other tenant's solo rate
  for (const BoundTenant& tenant : tenants) {
    const double cost = tenant.solo_rate_per_s * least_tpc_ns(*tenant.program, tpcs);
    if (cost <= 0) continue;
    if (!tenant.served_first) { costs.push_back(cost); continue; }
    shares += std::min(1.0, left / cost);
    left -= std::min(left, cost);
  }
  // All shares count the same, so the cheapest tenant comes first: the best that any division of `left` can do.
  std::sort(costs.begin(), costs.end());
  for (const double cost : costs) {
    shares += std::min(1.0, left / cost);
    left -= std::min(left, cost);
  }
  return shares;
}

}  // namespace lithos
