// SPDX-License-Identifier: Apache-2.0
// Every shipped policy as it comes from its library, on an H200-like GPU, asked by bytes and answered as text.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "policy_host/catalog.hpp"
#include "policy_host/policy_set.hpp"
#include "unit/policies/random_questions.hpp"

namespace lithos::test {

inline constexpr std::uint32_t kTpcs = 66;

inline const lithos_gpu_info& gpu_info() {
  static const std::array<std::uint16_t, kTpcs> kGpcs = [] {
    std::array<std::uint16_t, kTpcs> gpcs{};
    for (std::uint32_t tpc = 0; tpc < kTpcs; ++tpc) gpcs[tpc] = static_cast<std::uint16_t>(tpc / 9);
    return gpcs;
  }();
  static constexpr std::array<std::uint32_t, 5> kClocks{1980, 1700, 1400, 1100, 345};
  static const lithos_gpu_info kInfo{sizeof(lithos_gpu_info), kTpcs, 2, 8, kGpcs.data(), 7, kClocks.data(), kClocks.size(), 0};
  return kInfo;
}

inline std::vector<FoundPolicy> shipped_policies(PolicyCatalog& catalog) {
  std::vector<FoundPolicy> shipped;
  for (const FoundPolicy& found : catalog.list())
    if (found.library != nullptr) shipped.push_back(found);
  return shipped;
}

inline std::unique_ptr<PolicySet> only(const lithos_policy& policy) {
  PolicyTables tables;
  switch (policy.kind) {
    case LITHOS_KIND_SCHEDULER: tables.scheduler = &policy; break;
    case LITHOS_KIND_PREDICTOR: tables.predictor = &policy; break;
    case LITHOS_KIND_RIGHT_SIZER: tables.right_sizer = &policy; break;
    default: tables.dvfs = &policy; break;
  }
  Result<std::unique_ptr<PolicySet>> set = PolicySet::from_tables(tables, gpu_info());
  return set.ok() ? std::move(set).value() : nullptr;
}

// What the guard had to correct though nothing that a view says excuses it; empty: nothing. Values that no engine would send may mislead
// a policy, so other corrections say nothing against it.
inline std::string broken_rules(const PolicySet& set) {
  std::string broken;
  for (const PolicyKind kind : kAllPolicyKinds)
    for (const FaultReason reason : {FaultReason::exception, FaultReason::error_status, FaultReason::unknown_tpcs,
                                     FaultReason::unknown_flags, FaultReason::bad_rate, FaultReason::unknown_clock})
      if (set.faults().of(kind, reason) > 0) broken += std::string(name_of(reason)) + ' ';
  return broken;
}

// One conversation with a policy; each step asks something and appends the answer's bytes.
class Conversation {
 public:
  Conversation(const lithos_policy& policy, Bytes bytes) : kind_(policy.kind), set_(only(policy)), bytes_(bytes) {}

  PolicySet& set() { return *set_; }
  bool done() const { return bytes_.done(); }
  const std::string& answers() const { return answers_; }

  void step() {
    switch (kind_) {
      case LITHOS_KIND_SCHEDULER: return decide();
      case LITHOS_KIND_PREDICTOR: return predict();
      case LITHOS_KIND_RIGHT_SIZER: return choose();
      default: return plan();
    }
  }

 private:
  template <class T>
  void note(const T& answer) { answers_.append(reinterpret_cast<const char*>(&answer), sizeof answer); }

  void decide() {
    if (bytes_.one_in(50)) set_->tenant_left(1 + bytes_.below(RandomView::kTenantsMax));
    view_.fill(bytes_, kTpcs);
    set_->decide(view_.view, view_.answer);
    for (std::uint32_t i = 0; i < view_.view.tenants; ++i) note(view_.leases[i]);
    note(view_.answer.next_decision_ns);
  }
  void predict() {
    set_->observe(random_observation(bytes_, kTpcs));
    lithos_predict_query query{};
    query.op = random_op(bytes_);
    query.tenant_id = 1;
    query.tpcs = 1 + bytes_.below(kTpcs);
    query.clock_mhz = 1980;
    query.neighbour_tpcs = bytes_.below(kTpcs);
    note(set_->predict(query));
  }
  void choose() {
    set_->observe(random_observation(bytes_, kTpcs));
    lithos_size_query query{};
    query.op = random_op(bytes_);
    query.tenant_id = 1;
    query.tenant_class = 1 + bytes_.below(3);
    query.tpcs = 1 + bytes_.below(kTpcs);
    query.slip = 1 + 0.1 * bytes_.below(20);
    const lithos_size size = set_->choose(query);
    note(size.tpcs);
    note(size.expected_slowdown);
  }
  void plan() {
    std::array<lithos_op_weight, 4> weights{};
    for (lithos_op_weight& weight : weights)
      weight = {1 + bytes_.below(40), 1, 1 + bytes_.below(3), bytes_.below(3), bytes_.real(0.25), bytes_.number(1'000'000),
                bytes_.number32(kTpcs), bytes_.number32(1000)};
    lithos_power_sample sample{};
    sample.struct_size = sizeof sample;
    sample.clock_mhz = bytes_.number32(1980);
    sample.now_ns = now_ns_ += 100'000'000;
    sample.window_ns = 100'000'000;
    sample.busy_share = bytes_.real(1);
    sample.power_w = bytes_.real(700);
    sample.power_limit_w = 700;
    sample.slip = 1.1;
    sample.op = weights.data();
    sample.op_size = sizeof weights[0];
    sample.ops = bytes_.below(weights.size() + 1);
    note(set_->plan(sample).clock_mhz);
  }

  std::uint32_t kind_;
  std::unique_ptr<PolicySet> set_;
  Bytes bytes_;
  RandomView view_;
  std::uint64_t now_ns_ = 0;
  std::string answers_;
};

}  // namespace lithos::test
