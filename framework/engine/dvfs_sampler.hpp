// SPDX-License-Identifier: Apache-2.0
// The DVFS policy's sample: which operators had which share of the last window's work, how busy the GPU was, what it drew. A window of
// kWindow ends at each plan; plans follow kPace unless the policy asked for another time. Not for more than one thread.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "engine/activity.hpp"
#include "engine/tenant.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

class DvfsSampler {
 public:
  static constexpr Nanoseconds kWindow{50'000'000};
  static constexpr Nanoseconds kPace{100'000'000};
  static constexpr std::size_t kOperatorsLimit = 1024;  // lightest beyond are left out of the sample

  DvfsSampler(std::uint32_t highest_mhz, double power_limit_w) : clock_mhz_(highest_mhz), wished_mhz_(highest_mhz),
      highest_mhz_(highest_mhz), power_limit_w_(power_limit_w) {}

  void on_clock(std::uint32_t mhz, double power_w) { clock_mhz_ = mhz; power_w_ = power_w; }
  std::uint32_t clock_mhz() const { return clock_mhz_; }
  double power_w() const { return power_w_; }

  // A launch or atom of the operator ran; before the window it is ignored.
  void ran(std::uint32_t slot, std::uint32_t op, OperatorEntry& entry, Nanoseconds duration, std::uint32_t tpcs);

  Nanoseconds next() const { return in_window_ ? plan_at_ : window_at_; }
  // To be called at next(). The clock to request, if it should change; else 0.
  std::uint32_t on_timer(std::vector<Tenant>& tenants, Activity& activity, PolicySet& policies, double slip, Nanoseconds now);
  // The tenant's operators are about to go.
  void forget(std::uint32_t slot);

 private:
  void open_window(std::vector<Tenant>& tenants, Activity& activity, Nanoseconds now);
  void weigh(const std::vector<Tenant>& tenants);

  std::vector<std::pair<std::uint32_t, std::uint32_t>> seen_;  // slot, operator: each once
  std::vector<lithos_op_weight> weights_;
  bool in_window_ = false;
  Nanoseconds window_at_{0}, plan_at_{0}, opened_at_{0};
  std::uint64_t busy_before_ = 0;
  std::uint32_t clock_mhz_, wished_mhz_, highest_mhz_;
  double power_w_ = std::numeric_limits<double>::quiet_NaN();
  double power_limit_w_;
};

}  // namespace lithos
