// SPDX-License-Identifier: Apache-2.0
// The C++20 face of the LithOS policy ABI: write an ordinary class, export it with one line.
//
//   #include <lithos/policy.hpp>
//   using namespace std::chrono_literals;
//
//   // Every tenant may use every TPC whose owner is idle.
//   class Generous {
//    public:
//     static constexpr const char* id = "org.example.generous";
//     static constexpr const char* version = "1.0.0";
//     static constexpr const char* summary = "Lends every idle TPC to everybody.";
//
//     struct Params { std::chrono::nanoseconds atom; };
//     static constexpr std::tuple params{
//         lithos::param<&Params::atom>(1, "atom", 250us).range(20us, 5ms).doc("Length of atoms on borrowed TPCs.")};
//
//     Generous(const lithos::Host&, const lithos::Gpu& gpu, const Params& values) : all_(gpu.all()), params_(values) {}
//
//     void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
//       for (const lithos::Tenant tenant : view.tenants()) {
//         lithos_lease& lease = answer.lease(tenant);
//         lease.usable[LITHOS_PRESSURE_IDLE] = all_;
//         lease.atom_ns = lithos::ns(params_.atom);
//       }
//     }
//
//    private:
//     lithos::TpcSet all_;
//     Params params_;
//   };
//   LITHOS_EXPORT_SCHEDULER(Generous)
//
// A class is a policy of the kind whose operation it has:
//   scheduler    void decide(const SchedView&, SchedAnswer&);   optional: void tenant_left(std::uint64_t)
//   predictor    Prediction predict(const PredictQuery&);       optional: void observe(const Observation&)
//   right-sizer  Size choose(const SizeQuery&);                 optional: void observe(const Observation&)
//   dvfs         ClockRequest plan(const PowerSample&)
// Optional for all: `license`; `params` with struct Params; `metrics`; void set_params(const Params&), which is
// mandatory once a parameter is .live(). Constructors: (Host, Gpu, Params) or any of them left out, in that order.
//
// Contract   policy_abi.h has the rules on threads, memory, time and what is forbidden; they hold here as they stand.
// Errors     Any operation may throw: the exception becomes a status and a text, the host uses its fallback for this
//            one decision and counts a fault. lithos::Error chooses the status. Nothing crosses the boundary.
// Cost       Wrappers are pointers; every call compiles to the C access it stands for.
// Depends on the standard library only. Everything is inline; the types live in an inline namespace, so that a host
// which has classes of the same names can link with it.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "lithos/detail/params.hpp"
#include "lithos/policy_abi.h"
#include "lithos/tpc_set.hpp"

namespace lithos {
inline namespace sdk {

// The names authors use for the structs of the ABI.
using Prediction = lithos_prediction;
using PredictQuery = lithos_predict_query;
using Observation = lithos_observation;
using Size = lithos_size;
using SizeQuery = lithos_size_query;
using ClockRequest = lithos_clock_request;

// Durations to and from the ABI's unsigned nanoseconds. Negative ones become 0.
constexpr std::uint64_t ns(std::chrono::nanoseconds duration) {
  return duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
}

constexpr bool has_flag(const lithos_op& op, std::uint32_t flag) { return (op.flags & flag) != 0; }

// Thrown by a policy to choose the status. Any other exception becomes LITHOS_E_EXCEPTION.
class Error : public std::runtime_error {
 public:
  Error(lithos_status status, const std::string& text) : std::runtime_error(text), status_(status) {}
  lithos_status status() const { return status_; }

 private:
  lithos_status status_;
};

// What the host offers. A pointer: copy it freely; valid until the policy's destructor has returned. [any]
class Host {
 public:
  explicit Host(const lithos_host* host) : host_(host) {}

  void debug(const char* text) const { log(LITHOS_LOG_DEBUG, text); }
  void info(const char* text) const { log(LITHOS_LOG_INFO, text); }
  void warning(const char* text) const { log(LITHOS_LOG_WARNING, text); }
  void error(const char* text) const { log(LITHOS_LOG_ERROR, text); }

  // `index` is the metric's position in the class's `metrics`.
  void add(std::uint32_t counter_index, double value = 1) const { metric(counter_index, value); }
  void set(std::uint32_t gauge_index, double value) const { metric(gauge_index, value); }

  // An interface asked for by id, or nullptr where this host does not offer it.
  const void* extension(const char* id) const { return host_->extension ? host_->extension(host_, id) : nullptr; }
  void fail(const char* text) const {
    if (host_->fail) host_->fail(host_, text);
  }
  const lithos_host* c() const { return host_; }

 private:
  void log(std::int32_t level, const char* text) const {
    if (host_->log) host_->log(host_, level, text);
  }
  void metric(std::uint32_t index, double value) const {
    if (host_->metric) host_->metric(host_, index, value);
  }
  const lithos_host* host_;
};

// The device. A copy of what the host said, so that it can be kept. Allocates when constructed.
class Gpu {
 public:
  explicit Gpu(const lithos_gpu_info& info)
      : tpcs_(info.tpcs), sms_per_tpc_(info.sms_per_tpc), gpcs_(info.gpcs), seed_(info.seed) {
    if (info.gpc_of_tpc != nullptr) gpc_of_tpc_.assign(info.gpc_of_tpc, info.gpc_of_tpc + info.tpcs);
    if (info.clocks_mhz != nullptr) clocks_mhz_.assign(info.clocks_mhz, info.clocks_mhz + info.clocks);
  }

  unsigned tpcs() const { return tpcs_; }
  unsigned sms_per_tpc() const { return sms_per_tpc_; }
  unsigned gpcs() const { return gpcs_; }
  TpcSet all() const { return TpcSet::first(tpcs_); }
  std::uint64_t seed() const { return seed_; }
  // 0xffff: no cluster of more blocks than a TPC has SMs can use this TPC, or the host does not know.
  unsigned gpc_of(unsigned tpc) const { return tpc < gpc_of_tpc_.size() ? gpc_of_tpc_[tpc] : 0xffffu; }
  // So many TPCs hold the launch, whichever they are. Its minimum; of blocks that wait for each other in clusters wider than a TPC more, since
  // those cannot use the TPCs of no GPC, nor in each GPC what is less than one of them needs.
  unsigned tpcs_that_hold(const lithos_op& op) const {
    if (op.cluster_blocks <= std::max(sms_per_tpc_, 1u) || (op.flags & LITHOS_OP_CO_RESIDENT) == 0) return op.min_tpcs;
    const unsigned per_tpc = op.blocks_per_tpc > 0 ? op.blocks_per_tpc : 1, cluster_tpcs = (op.cluster_blocks - 1) / per_tpc + 1;
    const std::uint64_t enough = std::uint64_t{op.min_tpcs} + outside_gpcs() + std::uint64_t{gpcs_} * (cluster_tpcs - 1);
    return enough < tpcs_ ? static_cast<unsigned>(enough) : tpcs_;
  }
  // Highest first; empty where clocks cannot be set.
  const std::vector<std::uint32_t>& clocks_mhz() const { return clocks_mhz_; }
  std::uint32_t max_clock_mhz() const { return clocks_mhz_.empty() ? 0 : clocks_mhz_.front(); }

 private:
  unsigned outside_gpcs() const {
    unsigned outside = tpcs_ - static_cast<unsigned>(gpc_of_tpc_.size());
    for (const std::uint16_t gpc : gpc_of_tpc_) outside += gpc == 0xffffu ? 1 : 0;
    return outside;
  }

  unsigned tpcs_, sms_per_tpc_, gpcs_;
  std::uint64_t seed_;
  std::vector<std::uint16_t> gpc_of_tpc_;
  std::vector<std::uint32_t> clocks_mhz_;
};

// An array of C structs whose element may be larger in the host than here. `Item` wraps one element.
template <class C, class Item>
class StridedRange {
 public:
  class iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = Item;
    iterator() = default;
    iterator(const StridedRange& range, std::uint32_t at) : base_(range.base_), stride_(range.stride_), at_(at) {}
    Item operator*() const { return StridedRange(base_, at_ + 1, stride_)[at_]; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    iterator operator++(int) {
      iterator old = *this;
      ++at_;
      return old;
    }
    bool operator==(const iterator& other) const { return at_ == other.at_; }

   private:
    const C* base_ = nullptr;
    std::size_t stride_ = 0;
    std::uint32_t at_ = 0;
  };

  StridedRange(const C* base, std::uint32_t count, std::size_t stride) : base_(base), stride_(stride), count_(count) {}
  std::uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Item operator[](std::uint32_t i) const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(base_) + i * stride_;
    return Item(*reinterpret_cast<const C*>(bytes), i);
  }
  iterator begin() const { return iterator(*this, 0); }
  iterator end() const { return iterator(*this, count_); }

 private:
  const C* base_;
  std::size_t stride_;
  std::uint32_t count_;
};

// One tenant as the view shows it: `tenant->queued_ns` reaches the C struct, the members below save casts.
class Tenant {
 public:
  Tenant(const lithos_tenant_view& view, std::uint32_t index) : view_(&view), index_(index) {}

  const lithos_tenant_view* operator->() const { return view_; }
  const lithos_tenant_view& operator*() const { return *view_; }
  std::uint32_t index() const { return index_; }  // as in lithos_tpc_view.owner; differs from decision to decision
  std::uint64_t id() const { return view_->tenant_id; }

  bool latency_critical() const { return view_->tenant_class == LITHOS_CLASS_LATENCY_CRITICAL; }
  bool throughput() const { return view_->tenant_class == LITHOS_CLASS_THROUGHPUT; }
  bool best_effort() const { return view_->tenant_class == LITHOS_CLASS_BEST_EFFORT; }
  bool idle() const { return view_->pressure == LITHOS_PRESSURE_IDLE; }
  bool pressed() const { return view_->pressure == LITHOS_PRESSURE_PRESSED; }

  TpcSet own() const { return view_->own; }
  TpcSet leased() const { return view_->leased; }
  // nullptr: nothing waits, or runs.
  const lithos_launch* head() const { return view_->head.op.op_id != 0 ? &view_->head : nullptr; }
  const lithos_launch* running() const { return view_->running.op.op_id != 0 ? &view_->running : nullptr; }
  // So many times as long its recent work would have taken with no launch on more TPCs (work_slowdown); 0: not known.
  double slowdown_on(unsigned tpcs, unsigned gpu_tpcs) const {
    double fewer = view_->work_slowdown[0];
    double fewer_at = point_tpcs(0, gpu_tpcs);
    if (tpcs <= fewer_at) return fewer * fewer_at / std::max(tpcs, 1u);
    for (unsigned point = 1; point < 4; ++point) {
      const double more = view_->work_slowdown[point], more_at = point_tpcs(point, gpu_tpcs);
      if (tpcs <= more_at) return more + (fewer - more) * (1.0 / tpcs - 1 / more_at) / (1 / fewer_at - 1 / more_at);
      fewer = more, fewer_at = more_at;
    }
    return fewer;
  }

 private:
  static unsigned point_tpcs(unsigned point, unsigned gpu_tpcs) { return std::max(1u, (gpu_tpcs * (point + 1) + 2) / 4); }

  const lithos_tenant_view* view_;
  std::uint32_t index_;
};

// One TPC: `tpc->busy_until_ns`.
class Tpc {
 public:
  Tpc(const lithos_tpc_view& view, std::uint32_t index) : view_(&view), index_(index) {}
  const lithos_tpc_view* operator->() const { return view_; }
  std::uint32_t index() const { return index_; }
  bool owned() const { return view_->owner != LITHOS_NOBODY; }
  bool borrowed() const { return view_->borrower != LITHOS_NOBODY; }

 private:
  const lithos_tpc_view* view_;
  std::uint32_t index_;
};

// Everything a scheduler may know. Valid during decide().
class SchedView {
 public:
  explicit SchedView(const lithos_sched_view& view) : view_(&view) {}

  const lithos_sched_view* operator->() const { return view_; }
  std::uint64_t now_ns() const { return view_->now_ns; }
  bool why(std::uint32_t bit) const { return (view_->why & bit) != 0; }  // LITHOS_WHY_*
  StridedRange<lithos_tenant_view, Tenant> tenants() const {
    return {view_->tenant, view_->tenants, view_->tenant_size};
  }
  Tenant tenant(std::uint32_t index) const { return tenants()[index]; }
  StridedRange<lithos_tpc_view, Tpc> tpcs() const { return {view_->tpc, view_->tpcs, view_->tpc_size}; }
  Tpc tpc(std::uint32_t index) const { return tpcs()[index]; }
  TpcSet all() const { return TpcSet::first(view_->tpcs); }
  TpcSet unowned() const { return view_->unowned; }

 private:
  const lithos_sched_view* view_;
};

// Where a scheduler writes its decision. Every lease is preset to a valid one; see lithos_lease.
class SchedAnswer {
 public:
  explicit SchedAnswer(lithos_sched_answer& answer) : answer_(&answer) {}

  lithos_lease& lease(std::uint32_t tenant_index) const {
    auto* bytes = reinterpret_cast<unsigned char*>(answer_->lease) + tenant_index * answer_->lease_size;
    return *reinterpret_cast<lithos_lease*>(bytes);
  }
  lithos_lease& lease(const Tenant& tenant) const { return lease(tenant.index()); }

  // Decide again by then at the latest. Of several calls the earliest time wins.
  void wake_by(std::uint64_t at_ns) const {
    if (answer_->next_decision_ns == 0 || at_ns < answer_->next_decision_ns) answer_->next_decision_ns = at_ns;
  }
  lithos_sched_answer* operator->() const { return answer_; }

 private:
  lithos_sched_answer* answer_;
};

// One operator's weight in a power sample: `weight->share`.
class OpWeight {
 public:
  OpWeight(const lithos_op_weight& weight, std::uint32_t index) : weight_(&weight), index_(index) {}
  const lithos_op_weight* operator->() const { return weight_; }
  std::uint32_t index() const { return index_; }

 private:
  const lithos_op_weight* weight_;
  std::uint32_t index_;
};

class PowerSample {
 public:
  explicit PowerSample(const lithos_power_sample& sample) : sample_(&sample) {}
  const lithos_power_sample* operator->() const { return sample_; }
  StridedRange<lithos_op_weight, OpWeight> ops() const { return {sample_->op, sample_->ops, sample_->op_size}; }

 private:
  const lithos_power_sample* sample_;
};

// ---- metrics: static constexpr std::tuple metrics{lithos::counter("lent_total", "TPCs", "TPCs lent.")}; -----------
consteval lithos_metric counter(const char* name, const char* unit, const char* doc) {
  return {sizeof(lithos_metric), LITHOS_METRIC_COUNTER, name, unit, doc};
}
consteval lithos_metric gauge(const char* name, const char* unit, const char* doc) {
  return {sizeof(lithos_metric), LITHOS_METRIC_GAUGE, name, unit, doc};
}

}  // namespace sdk
}  // namespace lithos

#include "lithos/detail/manifest.hpp"      // what a host reads before it runs anything of the library
#include "lithos/detail/policy_table.hpp"  // lithos::policy_table<Class>() and the trampolines

// Exports the library's entry symbol with one or more policies of any kinds. Once per library, at global scope.
#define LITHOS_EXPORT_POLICIES(...)                                                    \
  LITHOS_MANIFEST_PLACE static constexpr lithos_manifest lithos_policy_manifest_note = \
      ::lithos::detail::make_manifest<__VA_ARGS__>();                                  \
  extern "C" LITHOS_EXPORT const lithos_policy_library* LITHOS_POLICY_ENTRY(void) {    \
    return &::lithos::detail::PolicyLibrary<__VA_ARGS__>::kTable;                      \
  }

#define LITHOS_EXPORT_SCHEDULER(Class)                                                             \
  static_assert(::lithos::Scheduler<Class>,                                                        \
                "a scheduler needs: void decide(const lithos::SchedView&, lithos::SchedAnswer&)"); \
  LITHOS_EXPORT_POLICIES(Class)
#define LITHOS_EXPORT_PREDICTOR(Class)                                                         \
  static_assert(::lithos::Predictor<Class>,                                                    \
                "a predictor needs: lithos::Prediction predict(const lithos::PredictQuery&)"); \
  LITHOS_EXPORT_POLICIES(Class)
#define LITHOS_EXPORT_RIGHT_SIZER(Class)                                                                            \
  static_assert(::lithos::RightSizer<Class>, "a right-sizer needs: lithos::Size choose(const lithos::SizeQuery&)"); \
  LITHOS_EXPORT_POLICIES(Class)
#define LITHOS_EXPORT_DVFS(Class)                                                                                     \
  static_assert(::lithos::Dvfs<Class>, "a dvfs policy needs: lithos::ClockRequest plan(const lithos::PowerSample&)"); \
  LITHOS_EXPORT_POLICIES(Class)
