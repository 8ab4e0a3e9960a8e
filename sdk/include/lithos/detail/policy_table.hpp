// SPDX-License-Identifier: Apache-2.0
// How policy.hpp turns a class into the C tables of policy_abi.h. Included by policy.hpp only; nothing here is for
// authors but policy_table<Class>(), by which a test reaches a policy without a shared object.
#pragma once

#include <array>
#include <atomic>
#include <exception>
#include <new>
#include <string_view>

#include "lithos/policy.hpp"

namespace lithos {
inline namespace sdk {

template <class P>
concept Scheduler = requires(P& p, const SchedView& view, SchedAnswer& answer) {
  p.decide(view, answer);
};
template <class P>
concept Predictor = requires(P& p, const PredictQuery& query) {
  { p.predict(query) } -> std::convertible_to<Prediction>;
};
template <class P>
concept RightSizer = requires(P& p, const SizeQuery& query) {
  { p.choose(query) } -> std::convertible_to<Size>;
};
template <class P>
concept Dvfs = requires(P& p, const PowerSample& sample) {
  { p.plan(sample) } -> std::convertible_to<ClockRequest>;
};

namespace detail {

template <class P>
concept Named = requires {
  { P::id } -> std::convertible_to<const char*>;
  { P::version } -> std::convertible_to<const char*>;
  { P::summary } -> std::convertible_to<const char*>;
};

consteval bool is_reverse_dns(std::string_view id) {
  bool dot = false;
  for (const char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')) return false;
    dot = dot || c == '.';
  }
  return dot && !id.empty() && id.front() != '.' && id.back() != '.';
}

struct NoParams {};
template <class P>
struct ParamsOf {
  using type = NoParams;
};
template <HasParams P>
struct ParamsOf<P> {
  using type = typename ParamTable<P>::Params;
};

// The host's values as the author's struct.
template <class P>
typename ParamsOf<P>::type read_params([[maybe_unused]] const lithos_value* values, std::uint32_t count) {
  typename ParamsOf<P>::type params{};
  if (count != param_count<P>()) throw Error(LITHOS_E_INVALID, "wrong number of parameters from the host");
  if constexpr (HasParams<P>)
    for (std::size_t i = 0; i < ParamTable<P>::kCount; ++i) ParamTable<P>::assign(params, i, values[i]);
  return params;
}

// Calls body(); what it throws becomes a status and, through host.fail(), a text.
template <class Body>
lithos_status guarded(const Host& host, Body&& body) noexcept {
  try {
    body();
    return LITHOS_OK;
  } catch (const Error& error) {
    host.fail(error.what());
    return error.status() < 0 ? error.status() : LITHOS_E_EXCEPTION;
  } catch (const std::bad_alloc&) {
    host.fail("out of memory");
    return LITHOS_E_NO_MEMORY;
  } catch (const std::exception& error) {
    host.fail(error.what());
    return LITHOS_E_EXCEPTION;
  } catch (...) {
    host.fail("an exception that is not a std::exception");
    return LITHOS_E_EXCEPTION;
  }
}

// One instance: the author's object, and what the trampolines need besides.
template <class P>
struct Instance {
  using Params = typename ParamsOf<P>::type;

  Instance(const lithos_host* c_host, const lithos_gpu_info& gpu, const Params& values)
      : host(c_host), params(values), policy(make(host, gpu, values)) {}

  static P make(const Host& host, const lithos_gpu_info& gpu, const Params& values) {
    if constexpr (std::is_constructible_v<P, const Host&, const Gpu&, const Params&>) return P(host, Gpu(gpu), values);
    else if constexpr (std::is_constructible_v<P, const Host&, const Gpu&>) return P(host, Gpu(gpu));
    else if constexpr (std::is_constructible_v<P, const Host&, const Params&>) return P(host, values);
    else if constexpr (std::is_constructible_v<P, const Gpu&, const Params&>) return P(Gpu(gpu), values);
    else if constexpr (std::is_constructible_v<P, const Host&>) return P(host);
    else if constexpr (std::is_constructible_v<P, const Gpu&>) return P(Gpu(gpu));
    else if constexpr (std::is_constructible_v<P, const Params&> && HasParams<P>) return P(values);
    else {
      static_assert(std::is_default_constructible_v<P>,
                    "a policy's constructor takes (const Host&, const Gpu&, const Params&), any of them left out");
      return P();
    }
  }

  Host host;
  Params params;  // as last set, for set_param
  P policy;
};

template <class P>
Instance<P>& instance(void* self) {
  return *static_cast<Instance<P>*>(self);
}

// The operations common to all kinds.
template <class P>
struct Lifecycle {
  static lithos_status create(const lithos_host* c_host, const lithos_gpu_info* gpu, const lithos_value* values,
                              std::uint32_t count, void** self) noexcept {
    return guarded(Host(c_host), [&] { *self = new Instance<P>(c_host, *gpu, read_params<P>(values, count)); });
  }

  static void destroy(void* self) noexcept { delete static_cast<Instance<P>*>(self); }

  static lithos_status set_param(void* self, std::uint32_t id, const lithos_value* value) noexcept {
    Instance<P>& in = instance<P>(self);
    return guarded(in.host, [&] {
      typename Instance<P>::Params changed = in.params;
      if (!ParamTable<P>::assign_live(changed, id, *value))
        throw Error(LITHOS_E_INVALID, "no live parameter has this id");
      in.policy.set_params(changed);
      in.params = changed;
    });
  }
};

template <class P>
struct SchedulerTable {
  static lithos_status decide(void* self, const lithos_sched_view* view, lithos_sched_answer* answer) noexcept {
    Instance<P>& in = instance<P>(self);
    return guarded(in.host, [&] {
      SchedAnswer out(*answer);
      in.policy.decide(SchedView(*view), out);
    });
  }
  static void tenant_left(void* self, std::uint64_t tenant_id) noexcept {
    Instance<P>& in = instance<P>(self);
    (void)guarded(in.host, [&] { in.policy.tenant_left(tenant_id); });
  }
  static constexpr lithos_scheduler_ops kOps = [] {
    lithos_scheduler_ops ops{sizeof(lithos_scheduler_ops), 0, &decide, nullptr};
    if constexpr (requires(P & p) { p.tenant_left(std::uint64_t{}); }) ops.tenant_left = &tenant_left;
    return ops;
  }();
};

template <class P>
void observe(void* self, const lithos_observation* seen) noexcept {
  Instance<P>& in = instance<P>(self);
  (void)guarded(in.host, [&] { in.policy.observe(*seen); });
}
template <class P>
concept Observer = requires(P& p, const Observation& seen) {
  p.observe(seen);
};

template <class P>
struct PredictorTable {
  static lithos_status predict(void* self, const lithos_predict_query* query, lithos_prediction* out) noexcept {
    Instance<P>& in = instance<P>(self);
    return guarded(in.host, [&] {
      const Prediction answer = in.policy.predict(*query);
      out->p50_ns = answer.p50_ns;
      // No instruction, but two stores: compilers would gather both numbers in one register first, which takes as long as a division.
      std::atomic_signal_fence(std::memory_order_seq_cst);
      out->p99_ns = answer.p99_ns;
      out->confidence = answer.confidence;
    });
  }
  static constexpr lithos_predictor_ops kOps = [] {
    lithos_predictor_ops ops{sizeof(lithos_predictor_ops), 0, &predict, nullptr};
    if constexpr (Observer<P>) ops.observe = &observe<P>;
    return ops;
  }();
};

template <class P>
struct RightSizerTable {
  static lithos_status choose(void* self, const lithos_size_query* query, lithos_size* out) noexcept {
    Instance<P>& in = instance<P>(self);
    return guarded(in.host, [&] { *out = in.policy.choose(*query); });
  }
  static constexpr lithos_right_sizer_ops kOps = [] {
    lithos_right_sizer_ops ops{sizeof(lithos_right_sizer_ops), 0, &choose, nullptr};
    if constexpr (Observer<P>) ops.observe = &observe<P>;
    return ops;
  }();
};

template <class P>
struct DvfsTable {
  static lithos_status plan(void* self, const lithos_power_sample* sample, lithos_clock_request* out) noexcept {
    Instance<P>& in = instance<P>(self);
    return guarded(in.host, [&] {
      const lithos_clock_request request = in.policy.plan(PowerSample(*sample));
      out->clock_mhz = request.clock_mhz;
      out->next_sample_ns = request.next_sample_ns;
    });
  }
  static constexpr lithos_dvfs_ops kOps{sizeof(lithos_dvfs_ops), 0, &plan};
};

template <class P>
consteval std::uint32_t kind_of() {
  constexpr int operations = Scheduler<P> + Predictor<P> + RightSizer<P> + Dvfs<P>;
  static_assert(operations != 0, "a policy needs decide, predict, choose or plan, with the signature policy.hpp shows");
  static_assert(operations <= 1, "a policy has one kind: split a class with several of decide, predict, choose, plan");
  if constexpr (Scheduler<P>) return LITHOS_KIND_SCHEDULER;
  else if constexpr (Predictor<P>) return LITHOS_KIND_PREDICTOR;
  else if constexpr (RightSizer<P>) return LITHOS_KIND_RIGHT_SIZER;
  else return LITHOS_KIND_DVFS;
}

template <class P>
constexpr const void* ops_of() {
  if constexpr (Scheduler<P>) return &SchedulerTable<P>::kOps;
  else if constexpr (Predictor<P>) return &PredictorTable<P>::kOps;
  else if constexpr (RightSizer<P>) return &RightSizerTable<P>::kOps;
  else return &DvfsTable<P>::kOps;
}

template <class P>
struct MetricTable {
  static constexpr auto kEntries =
      std::apply([](auto... metric) { return std::array<lithos_metric, sizeof...(metric)>{metric...}; }, P::metrics);
  static constexpr auto kPointers = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<const lithos_metric*, sizeof...(I)>{&kEntries[I]...};
  }
  (std::make_index_sequence<kEntries.size()>{});
};

template <class P>
constexpr lithos_policy make_policy() {
  static_assert(Named<P>, "a policy needs static constexpr const char* id, version and summary");
  static_assert(is_reverse_dns(P::id), "a policy's id is reverse DNS in lower case: \"org.example.my_fair\"");
  lithos_policy out{};
  out.struct_size = sizeof(lithos_policy);
  out.kind = kind_of<P>();
  out.id = P::id;
  out.version = P::version;
  out.summary = P::summary;
  if constexpr (requires { P::license; }) out.license = P::license;
  else out.license = "";
  out.params = param_pointers<P>();
  out.n_params = param_count<P>();
  if constexpr (requires { P::metrics; }) {
    out.metrics = MetricTable<P>::kPointers.data();
    out.n_metrics = static_cast<std::uint32_t>(MetricTable<P>::kPointers.size());
  }
  out.create = &Lifecycle<P>::create;
  out.destroy = &Lifecycle<P>::destroy;
  if constexpr (HasParams<P>) {
    if constexpr (ParamTable<P>::kAnyLive) {
      static_assert(
          requires(P & p, const typename ParamTable<P>::Params& changed) { p.set_params(changed); },
          "a policy with a .live() parameter needs: void set_params(const Params&)");
      out.set_param = &Lifecycle<P>::set_param;
    }
  }
  out.ops = ops_of<P>();
  return out;
}

template <class P>
inline constexpr lithos_policy kPolicy = make_policy<P>();

template <class... P>
struct PolicyLibrary {
  static constexpr std::array<const lithos_policy*, sizeof...(P)> kPolicies{&kPolicy<P>...};
  static constexpr lithos_policy_library kTable{sizeof(lithos_policy_library),
                                                LITHOS_POLICY_ABI_MAJOR,
                                                LITHOS_POLICY_ABI_MINOR,
                                                sizeof...(P),
                                                kPolicies.data(),
                                                "1.0.0"};
};

}  // namespace detail

// The C table of a policy class, for tests that want no shared object.
template <class P>
constexpr const lithos_policy& policy_table() {
  return detail::kPolicy<P>;
}

}  // namespace sdk
}  // namespace lithos
