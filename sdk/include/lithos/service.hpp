// SPDX-License-Identifier: Apache-2.0
// The C++20 face of the LithOS service ABI: a plugin that acts is an ordinary class, exported with one line.
//
//   class Recorder {
//    public:
//     static constexpr const char* id = "org.example.recorder";
//     static constexpr const char* version = "1.0.0";
//     static constexpr const char* summary = "Counts what happens.";
//     void events(const lithos::EventRange& batch) { for (const lithos_event& event : batch) … }
//   };
//   LITHOS_EXPORT_EXPORTER(Recorder)
//
// A class is a plugin of the kind whose operation it has:
//   power      std::uint32_t apply_clock(std::uint32_t mhz)   → in force afterwards; optional: void read(PowerReading&)
//   exporter   void events(const EventRange&) or void sample(const MetricFamilies&), or both
//              optional: void flush(), std::uint64_t wants() const (1 << LITHOS_EVENT_*, …; without events(): none)
// Parameters, metrics, constructors and exceptions are as in policy.hpp; for const Gpu& a constructor may also take
// const lithos_service_gpu&. Rules on threads and memory: service_abi.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lithos/policy.hpp"
#include "lithos/service_abi.h"

namespace lithos {
inline namespace sdk {

using PowerReading = lithos_power_reading;

// Events, the families of a snapshot, the series of a family: C structs as they are, whose elements may be larger in the
// host than here (policy.hpp's StridedRange wraps its elements). Valid during events() or sample().
template <class T>
class StructRange {
 public:
  class iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = T;
    iterator() = default;
    iterator(const unsigned char* at, std::size_t stride) : at_(at), stride_(stride) {}
    const T& operator*() const { return *reinterpret_cast<const T*>(at_); }
    iterator& operator++() {
      at_ += stride_;
      return *this;
    }
    iterator operator++(int) {
      iterator old = *this;
      at_ += stride_;
      return old;
    }
    bool operator==(const iterator& other) const { return at_ == other.at_; }

   private:
    const unsigned char* at_ = nullptr;
    std::size_t stride_ = 0;
  };

  StructRange(const T* first, std::size_t count, std::size_t stride)
      : base_(reinterpret_cast<const unsigned char*>(first)), count_(count), stride_(stride) {}
  std::size_t size() const { return count_; }
  iterator begin() const { return {base_, stride_}; }
  iterator end() const { return {base_ + count_ * stride_, stride_}; }

 private:
  const unsigned char* base_;
  std::size_t count_, stride_;
};

// A batch of events. Valid during events().
using EventRange = StructRange<lithos_event>;

class MetricFamilies : public StructRange<lithos_metric_family> {
 public:
  explicit MetricFamilies(const lithos_metrics& metrics)
      : StructRange(metrics.families, metrics.n_families, metrics.family_size), metrics_(metrics) {}
  std::uint64_t time_ns() const { return metrics_.time_ns; }
  std::uint32_t gpu() const { return metrics_.gpu; }

 private:
  const lithos_metrics& metrics_;
};
inline StructRange<lithos_series> series_of(const lithos_metric_family& family) {
  return {family.series, family.n_series, family.series_size};
}

template <class S>
concept PowerControl = requires(S& s, std::uint32_t mhz) {
  { s.apply_clock(mhz) } -> std::convertible_to<std::uint32_t>;
};
template <class S>
concept TakesEvents = requires(S& s, const EventRange& batch) {
  s.events(batch);
};
template <class S>
concept TakesSamples = requires(S& s, const MetricFamilies& families) {
  s.sample(families);
};
template <class S>
concept Exporter = TakesEvents<S> || TakesSamples<S>;

namespace detail {

template <class S>
struct ServiceInstance {
  using Params = typename ParamsOf<S>::type;

  ServiceInstance(const lithos_host* c_host, const lithos_service_gpu& gpu, const Params& values)
      : host(c_host), service(make(host, gpu, values)) {}

  static S make(const Host& host, const lithos_service_gpu& gpu, const Params& values) {
    if constexpr (std::is_constructible_v<S, const Host&, const lithos_service_gpu&, const Params&>)
      return S(host, gpu, values);
    else if constexpr (std::is_constructible_v<S, const Host&, const lithos_service_gpu&>) return S(host, gpu);
    else return Instance<S>::make(host, *gpu.info, values);
  }

  Host host;
  S service;
};

template <class S>
ServiceInstance<S>& service_instance(void* self) {
  return *static_cast<ServiceInstance<S>*>(self);
}

template <class S>
struct ServiceLifecycle {
  static lithos_status create(const lithos_host* c_host, const lithos_service_gpu* gpu, const lithos_value* values,
                              std::uint32_t count, void** self) noexcept {
    return guarded(Host(c_host), [&] { *self = new ServiceInstance<S>(c_host, *gpu, read_params<S>(values, count)); });
  }
  static void destroy(void* self) noexcept { delete static_cast<ServiceInstance<S>*>(self); }
};

template <class S>
struct PowerTable {
  static lithos_status apply_clock(void* self, std::uint32_t clock_mhz, std::uint32_t* applied_mhz) noexcept {
    ServiceInstance<S>& in = service_instance<S>(self);
    return guarded(in.host, [&] { *applied_mhz = in.service.apply_clock(clock_mhz); });
  }
  static lithos_status read(void* self, lithos_power_reading* out) noexcept {
    ServiceInstance<S>& in = service_instance<S>(self);
    return guarded(in.host, [&] { in.service.read(*out); });
  }
  static constexpr lithos_power_ops kOps = [] {
    lithos_power_ops ops{sizeof(lithos_power_ops), 0, &apply_clock, nullptr};
    if constexpr (requires(S & s, PowerReading & out) { s.read(out); }) ops.read = &read;
    return ops;
  }();
};

template <class S>
struct ExporterTable {
  static lithos_status events(void* self, const lithos_event* batch, std::size_t count, std::size_t stride) noexcept {
    if constexpr (TakesEvents<S>) {
      ServiceInstance<S>& in = service_instance<S>(self);
      return guarded(in.host, [&] { in.service.events(EventRange(batch, count, stride)); });
    }
    return LITHOS_OK;
  }
  static std::uint64_t wants(void* self) noexcept {
    if constexpr (!TakesEvents<S>) return 0;
    else if constexpr (requires(const S& s) { s.wants(); }) return service_instance<S>(self).service.wants();
    else return ~std::uint64_t{0};
  }
  static lithos_status sample(void* self, const lithos_metrics* metrics) noexcept {
    ServiceInstance<S>& in = service_instance<S>(self);
    return guarded(in.host, [&] { in.service.sample(MetricFamilies(*metrics)); });
  }
  static lithos_status flush(void* self) noexcept {
    ServiceInstance<S>& in = service_instance<S>(self);
    return guarded(in.host, [&] { in.service.flush(); });
  }
  static constexpr lithos_exporter_ops kOps = [] {
    lithos_exporter_ops ops{sizeof(lithos_exporter_ops), 0, &events, nullptr, &wants, nullptr};
    if constexpr (requires(S & s) { s.flush(); }) ops.flush = &flush;
    if constexpr (TakesSamples<S>) ops.sample = &sample;
    return ops;
  }();
};

template <class S>
constexpr lithos_service make_service() {
  static_assert(Named<S>, "a plugin needs static constexpr const char* id, version and summary");
  static_assert(is_reverse_dns(S::id), "a plugin's id is reverse DNS in lower case: \"org.example.recorder\"");
  static_assert(PowerControl<S> != Exporter<S>, "a plugin has one kind: either apply_clock, or events and sample; see service.hpp");
  lithos_service out{};
  out.struct_size = sizeof(lithos_service);
  out.id = S::id;
  out.version = S::version;
  out.summary = S::summary;
  if constexpr (requires { S::license; }) out.license = S::license;
  else out.license = "";
  out.params = param_pointers<S>();
  out.n_params = param_count<S>();
  if constexpr (requires { S::metrics; }) {
    out.metrics = MetricTable<S>::kPointers.data();
    out.n_metrics = static_cast<std::uint32_t>(MetricTable<S>::kPointers.size());
  }
  out.create = &ServiceLifecycle<S>::create;
  out.destroy = &ServiceLifecycle<S>::destroy;
  if constexpr (PowerControl<S>) {
    out.kind = LITHOS_SERVICE_POWER;
    out.ops = &PowerTable<S>::kOps;
  } else {
    out.kind = LITHOS_SERVICE_EXPORTER;
    out.ops = &ExporterTable<S>::kOps;
  }
  return out;
}

template <class S>
inline constexpr lithos_service kService = make_service<S>();

template <class... S>
struct ServiceLibrary {
  static constexpr std::array<const lithos_service*, sizeof...(S)> kServices{&kService<S>...};
  static constexpr lithos_service_library kTable{sizeof(lithos_service_library),
                                                 LITHOS_SERVICE_ABI_MAJOR,
                                                 LITHOS_SERVICE_ABI_MINOR,
                                                 sizeof...(S),
                                                 kServices.data(),
                                                 "1.0.0"};
};

}  // namespace detail

// The C table of a plugin class, for tests that want no shared object.
template <class S>
constexpr const lithos_service& service_table() {
  return detail::kService<S>;
}

}  // namespace sdk
}  // namespace lithos

// Exports the library's entry symbol with one or more plugins of any kinds. Once per library, at global scope.
#define LITHOS_EXPORT_PLUGINS(...)                                                    \
  extern "C" LITHOS_EXPORT const lithos_service_library* LITHOS_SERVICE_ENTRY(void) { \
    return &::lithos::detail::ServiceLibrary<__VA_ARGS__>::kTable;                    \
  }
#define LITHOS_EXPORT_POWER(Class)                                                                               \
  static_assert(::lithos::PowerControl<Class>, "power control needs: std::uint32_t apply_clock(std::uint32_t)"); \
  LITHOS_EXPORT_PLUGINS(Class)
#define LITHOS_EXPORT_EXPORTER(Class)                                                                    \
  static_assert(::lithos::Exporter<Class>, "an exporter needs: void events(const lithos::EventRange&)"); \
  LITHOS_EXPORT_PLUGINS(Class)
