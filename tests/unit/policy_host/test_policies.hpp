// SPDX-License-Identifier: Apache-2.0
// Policies that do what a test tells them, a small GPU, and a view of it. Plain C tables, so that a test can also break
// rules that the C++ face does not let anybody break.
#pragma once

#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "lithos/policy_abi.h"
#include "policy_host/policy_set.hpp"

namespace lithos::test {

// What the test policies do. Reset by each test's fixture.
struct Script {
  std::function<lithos_status(const lithos_sched_view*, lithos_sched_answer*)> decide;
  std::function<lithos_status(const lithos_predict_query*, lithos_prediction*)> predict;
  std::function<lithos_status(const lithos_size_query*, lithos_size*)> choose;
  std::function<lithos_status(const lithos_power_sample*, lithos_clock_request*)> plan;
  std::function<void(const lithos_observation*)> observe;
  std::function<void(std::uint64_t)> tenant_left;
  std::function<lithos_status()> create;
  std::function<lithos_status(std::uint32_t id, const lithos_value*)> set_param;
  const lithos_host* host = nullptr;
  std::vector<lithos_value> created_with;
  int alive = 0;
};
inline Script script;

inline lithos_status on_create(const lithos_host* host, const lithos_gpu_info*, const lithos_value* params,
                               std::uint32_t count, void** self) {
  script.host = host;
  script.created_with.assign(params, params + count);
  if (script.create) {
    if (const lithos_status status = script.create(); status < 0) return status;
  }
  ++script.alive;
  *self = &script;
  return LITHOS_OK;
}
inline void on_destroy(void*) { --script.alive; }
inline lithos_status on_set_param(void*, std::uint32_t id, const lithos_value* value) {
  return script.set_param ? script.set_param(id, value) : LITHOS_OK;
}
inline lithos_status on_decide(void*, const lithos_sched_view* view, lithos_sched_answer* answer) {
  return script.decide ? script.decide(view, answer) : LITHOS_OK;
}
inline void on_left(void*, std::uint64_t id) {
  if (script.tenant_left) script.tenant_left(id);
}
inline lithos_status on_predict(void*, const lithos_predict_query* query, lithos_prediction* out) {
  *out = {10, 20, 1};
  return script.predict ? script.predict(query, out) : LITHOS_OK;
}
inline lithos_status on_choose(void*, const lithos_size_query* query, lithos_size* out) {
  *out = {query->tpcs, 0, 1};
  return script.choose ? script.choose(query, out) : LITHOS_OK;
}
inline void on_observe(void*, const lithos_observation* seen) {
  if (script.observe) script.observe(seen);
}
inline lithos_status on_plan(void*, const lithos_power_sample* sample, lithos_clock_request* out) {
  return script.plan ? script.plan(sample, out) : LITHOS_OK;
}

inline constexpr lithos_scheduler_ops kSchedulerOps{sizeof(lithos_scheduler_ops), 0, &on_decide, &on_left};
inline constexpr lithos_predictor_ops kPredictorOps{sizeof(lithos_predictor_ops), 0, &on_predict, &on_observe};
inline constexpr lithos_right_sizer_ops kSizerOps{sizeof(lithos_right_sizer_ops), 0, &on_choose, &on_observe};
inline constexpr lithos_dvfs_ops kDvfsOps{sizeof(lithos_dvfs_ops), 0, &on_plan};

inline constexpr lithos_value i64(std::int64_t value, std::uint32_t type = LITHOS_TYPE_I64) {
  lithos_value out{type, 0, {}};
  out.as.i64 = value;
  return out;
}
inline constexpr lithos_value f64(double value, std::uint32_t type = LITHOS_TYPE_F64) {
  lithos_value out{type, 0, {}};
  out.as.f64 = value;
  return out;
}
inline constexpr lithos_value text(const char* value) {
  lithos_value out{LITHOS_TYPE_STRING, 0, {}};
  out.as.text = value;
  return out;
}

inline constexpr lithos_param kSlice{sizeof(lithos_param),
                                     1,
                                     "slice",
                                     "ns",
                                     "A slice.",
                                     LITHOS_TYPE_DURATION_NS,
                                     LITHOS_PARAM_LIVE,
                                     i64(250'000, LITHOS_TYPE_DURATION_NS),
                                     i64(20'000, LITHOS_TYPE_DURATION_NS),
                                     i64(5'000'000, LITHOS_TYPE_DURATION_NS),
                                     nullptr};
inline constexpr lithos_param kPicks{
    sizeof(lithos_param), 2, "picks", "TPCs", "How many.", LITHOS_TYPE_I64, 0, i64(4), i64(1), i64(64), nullptr};
inline constexpr std::array<const lithos_param*, 2> kParams{&kSlice, &kPicks};

inline constexpr lithos_metric kAsked{sizeof(lithos_metric), LITHOS_METRIC_COUNTER, "asked_total", "", "Questions."};
inline constexpr lithos_metric kLevel{sizeof(lithos_metric), LITHOS_METRIC_GAUGE, "level", "TPCs", "A level."};
inline constexpr std::array<const lithos_metric*, 2> kMetrics{&kAsked, &kLevel};

inline lithos_policy policy_of(PolicyKind kind) {
  lithos_policy out{};
  out.struct_size = sizeof out;
  out.kind = static_cast<std::uint32_t>(kind);
  out.version = "1.0.0";
  out.summary = "Does what the test says.";
  out.license = "Apache-2.0";
  out.create = &on_create;
  out.destroy = &on_destroy;
  switch (kind) {
    case PolicyKind::scheduler:
      out.id = "org.lithos.test.scheduler";
      out.ops = &kSchedulerOps;
      out.params = kParams.data();
      out.n_params = kParams.size();
      out.metrics = kMetrics.data();
      out.n_metrics = kMetrics.size();
      out.set_param = &on_set_param;
      break;
    case PolicyKind::predictor: out.id = "org.lithos.test.predictor", out.ops = &kPredictorOps; break;
    case PolicyKind::right_sizer: out.id = "org.lithos.test.right_sizer", out.ops = &kSizerOps; break;
    case PolicyKind::dvfs: out.id = "org.lithos.test.dvfs", out.ops = &kDvfsOps; break;
  }
  return out;
}

inline const lithos_policy kScheduler = policy_of(PolicyKind::scheduler);
inline const lithos_policy kPredictor = policy_of(PolicyKind::predictor);
inline const lithos_policy kRightSizer = policy_of(PolicyKind::right_sizer);
inline const lithos_policy kDvfs = policy_of(PolicyKind::dvfs);
inline PolicyTables all_tables() { return {&kScheduler, &kPredictor, &kRightSizer, &kDvfs}; }

inline constexpr std::array<std::uint16_t, 8> kGpcOfTpc{0, 0, 0, 0, 1, 1, 1, 0xffff};
inline constexpr std::array<std::uint32_t, 3> kClocks{1980, 1500, 1000};
inline lithos_gpu_info small_gpu() {
  return {sizeof(lithos_gpu_info), 8, 2, 2, kGpcOfTpc.data(), 7, kClocks.data(), kClocks.size(), 0};
}

inline lithos_tpc_set bits(std::uint64_t low) { return {{low, 0, 0, 0}}; }

// Two tenants on eight TPCs: "hp" owns 0 … 3, "be" owns nothing; 4 … 7 are unowned. The strides are wider than the
// structs, as those of a newer host would be.
class SmallView {
 public:
  SmallView() {
    for (Slot<lithos_lease>& slot : leases_) slot.padding.fill(0xabababab);
    hp().tenant_id = 1;
    hp().name = "hp";
    hp().tenant_class = LITHOS_CLASS_LATENCY_CRITICAL;
    hp().quota_tpcs = 4;
    hp().own = bits(0x0f);
    be().tenant_id = 2;
    be().name = "be";
    be().tenant_class = LITHOS_CLASS_BEST_EFFORT;
    for (std::uint32_t i = 0; i < 8; ++i) tpcs_[i].item = {i < 4 ? 0 : LITHOS_NOBODY, LITHOS_NOBODY, 0};
    view.struct_size = sizeof view;
    view.why = LITHOS_WHY_TIME;
    view.now_ns = 1'000'000;
    view.budget_ns = 50'000;
    view.tpcs = 8;
    view.tenants = 2;
    view.tenant_size = sizeof tenants_[0];
    view.tpc_size = sizeof tpcs_[0];
    view.tenant = &tenants_[0].item;
    view.tpc = &tpcs_[0].item;
    view.unowned = bits(0xf0);
    answer = {sizeof answer, 2, sizeof leases_[0], &leases_[0].item, 77};
  }
  SmallView(const SmallView&) = delete;
  SmallView& operator=(const SmallView&) = delete;

  lithos_tenant_view& hp() { return tenants_[0].item; }
  lithos_tenant_view& be() { return tenants_[1].item; }
  lithos_lease& lease(std::size_t i) { return leases_[i].item; }
  bool padding_untouched() const {
    for (const Slot<lithos_lease>& slot : leases_)
      for (const std::uint32_t word : slot.padding)
        if (word != 0xabababab) return false;
    return true;
  }

  lithos_sched_view view{};
  lithos_sched_answer answer{};

 private:
  template <class T>
  struct Slot {
    T item{};
    std::array<std::uint32_t, 4> padding{};
  };
  std::array<Slot<lithos_tenant_view>, 2> tenants_;
  std::array<Slot<lithos_tpc_view>, 8> tpcs_;
  std::array<Slot<lithos_lease>, 2> leases_;
};

// The lease `i` of an answer, for scripts.
inline lithos_lease& lease_of(lithos_sched_answer* answer, std::size_t i) {
  return *reinterpret_cast<lithos_lease*>(reinterpret_cast<unsigned char*>(answer->lease) + i * answer->lease_size);
}

inline std::unique_ptr<PolicySet> make_set(const PolicyTables& tables, GuardOptions guard = {}) {
  Result<std::unique_ptr<PolicySet>> made = PolicySet::from_tables(tables, small_gpu(), std::move(guard));
  if (!made.ok()) throw std::runtime_error(made.status().message());
  return std::move(made).value();
}

}  // namespace lithos::test
