// SPDX-License-Identifier: Apache-2.0
#include "engine/dvfs_sampler.hpp"

#include <algorithm>

namespace lithos {

void DvfsSampler::ran(std::uint32_t slot, std::uint32_t op, OperatorEntry& entry, Nanoseconds duration, std::uint32_t tpcs) {
  if (!in_window_) return;
  if (entry.window_launches == 0) seen_.emplace_back(slot, op);
  entry.window_ns += to_u64(duration);
  entry.window_tpc_ns += to_u64(duration) * tpcs;
  ++entry.window_launches;
}

void DvfsSampler::forget(std::uint32_t slot) {
  std::erase_if(seen_, [slot](const auto& seen) { return seen.first == slot; });
}

void DvfsSampler::open_window(std::vector<Tenant>& tenants, Activity& activity, Nanoseconds now) {
  for (const auto& [slot, op] : seen_) {
    OperatorEntry& entry = tenants[slot].operators[op];
    entry.window_ns = entry.window_tpc_ns = 0;
    entry.window_launches = 0;
  }
  seen_.clear();
  busy_before_ = activity.busy_ns(now);
  opened_at_ = now;
  plan_at_ = std::max(plan_at_, now + kWindow);
  in_window_ = true;
}

void DvfsSampler::weigh(const std::vector<Tenant>& tenants) {
  weights_.clear();
  double total = 0;
  for (const auto& [slot, op] : seen_) total += static_cast<double>(tenants[slot].operators[op].window_ns);
  for (const auto& [slot, op] : seen_) {
    const OperatorEntry& entry = tenants[slot].operators[op];
    if (entry.window_ns == 0) continue;
    lithos_op_weight weight{};
    weight.op_id = entry.op.op_id;
    weight.tenant_id = tenants[slot].serial;
    weight.tenant_class = static_cast<std::uint32_t>(tenants[slot].spec.tenant_class);
    weight.bound = entry.op.bound;
    weight.share = static_cast<double>(entry.window_ns) / total;
    weight.mean_ns = entry.window_ns / entry.window_launches;
    weight.tpcs = static_cast<std::uint32_t>((entry.window_tpc_ns + entry.window_ns / 2) / entry.window_ns);
    weight.launches = entry.window_launches;
    weights_.push_back(weight);
  }
  std::stable_sort(weights_.begin(), weights_.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
  if (weights_.size() > kOperatorsLimit) weights_.resize(kOperatorsLimit);
}

std::uint32_t DvfsSampler::on_timer(std::vector<Tenant>& tenants, Activity& activity, PolicySet& policies, double slip,
                                    Nanoseconds now) {
  if (now < next()) return 0;
  if (!in_window_) {
    open_window(tenants, activity, now);
    return 0;
  }
  weigh(tenants);
  lithos_power_sample sample{};
  sample.struct_size = sizeof sample;
  sample.clock_mhz = clock_mhz_;
  sample.now_ns = to_u64(now);
  sample.window_ns = to_u64(now - opened_at_);
  sample.busy_share = sample.window_ns == 0 ? 0
      : static_cast<double>(activity.busy_ns(now) - busy_before_) / static_cast<double>(sample.window_ns);
  sample.power_w = power_w_;
  sample.power_limit_w = power_limit_w_;
  sample.slip = slip;
  sample.op = weights_.data();
  sample.op_size = sizeof(lithos_op_weight);
  sample.ops = static_cast<std::uint32_t>(weights_.size());
  const lithos_clock_request request = policies.plan(sample);
  in_window_ = false;
  plan_at_ = request.next_sample_ns == 0 ? now + kPace : from_u64(request.next_sample_ns);
  window_at_ = std::max(now, plan_at_ - kWindow);
  const std::uint32_t mhz = request.clock_mhz == 0 ? highest_mhz_ : request.clock_mhz;
  if (mhz == wished_mhz_) return 0;
  wished_mhz_ = mhz;
  return mhz;
}

}  // namespace lithos
