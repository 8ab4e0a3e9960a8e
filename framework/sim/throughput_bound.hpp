// SPDX-License-Identifier: Apache-2.0
// What no scheduler can pass: an upper bound on the sum of tenants' shares of solo on one GPU.
//
// Every kernel has a size at which it uses up the least TPC time: on fewer TPCs it finishes later, on more its TPCs wait for what they
// share (time_curve.hpp). The bound lets every kernel run at that size, next to any other, without interference, gaps, borders between
// kernels or deadlines, and gives the TPC time that latency-critical tenants leave to whoever makes the most of it. What is above the
// bound would need TPC time that does not exist. Pure functions; any thread.
#pragma once

#include <vector>

#include "sim/inputs.hpp"

namespace lithos {

struct BoundTenant {
  const TenantProgram* program = nullptr;
  double solo_rate_per_s = 0;  // requests or iterations, alone on the whole GPU
  bool served_first = false;   // latency-critical: what it asks for alone it gets
};

// TPC time of one request or iteration when each of its kernels has the size that costs least.
double least_tpc_ns(const TenantProgram& program, unsigned tpcs);

// In shares of solo: 1 is one tenant alone.
double throughput_bound(const std::vector<BoundTenant>& tenants, unsigned tpcs);

}  // namespace lithos
