// SPDX-License-Identifier: Apache-2.0
// Strict priority by class: latency-critical before throughput before best effort. While anybody of a higher class has work, the classes
// below submit nothing; what they have already submitted runs to its end, on low-priority streams. Within a class everybody uses
// everything. Where a higher class owns the TPCs the lower ones see its pressure before each submission, so that the hold needs no
// decision; elsewhere it comes with the next one.
//
// As published (CUDA_MPS_CLIENT_PRIORITY, stream priorities) there is no hold and no limit: the classes below submit at once, and the
// hardware prefers the blocks of the highest class whenever a block ends. Give nobody a quota then: no launch is confined.
#include <algorithm>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Priority {
 public:
  static constexpr const char* id = "org.lithos.scheduler.priority";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Strict priority by class, at launch boundaries.";
  static constexpr const char* license = "Apache-2.0";

  enum class Mechanisms : std::uint8_t { lithos, published };
  struct Params {
    std::chrono::nanoseconds outstanding;
    Mechanisms mechanisms;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::outstanding>(1, "outstanding_limit", 100us).range(0us, 20ms).live()
          .doc("Predicted work that a lower class may have submitted beyond the launch that runs, on TPCs of others."),
      lithos::param<&Params::mechanisms>(2, "mechanisms", Mechanisms::lithos).choices("lithos", "published")
          .doc("published: the hardware's client priorities alone, without hold, limit or mask.")};

  explicit Priority(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    std::uint32_t highest = LITHOS_CLASS_BEST_EFFORT;  // smaller numbers come first
    for (const lithos::Tenant tenant : view.tenants())
      if (!tenant.idle()) highest = std::min(highest, tenant->tenant_class);
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      if (params_.mechanisms == Mechanisms::published) {
        by_the_hardware(view, tenant, lease);
        continue;
      }
      const lithos::TpcSet at_any_pressure = view.unowned() | owned_by_equals(view, tenant);
      for (auto& usable : lease.usable) usable |= at_any_pressure;
      lease.usable[LITHOS_PRESSURE_IDLE] = view.all();
      lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
      lease.uncuttable_limit_ns = lithos::ns(kNoLimit);
      lease.flags = LITHOS_LEASE_LOW_PRIORITY;
      if (tenant->tenant_class > highest) lease.flags |= LITHOS_LEASE_HOLD;
    }
  }

 private:
  static constexpr std::chrono::nanoseconds kNoLimit = 1h;

  static void by_the_hardware(const lithos::SchedView& view, const lithos::Tenant& tenant, lithos_lease& lease) {
    for (auto& usable : lease.usable) usable = view.all();
    lease.outstanding_limit_ns = lease.uncuttable_limit_ns = lithos::ns(kNoLimit);
    lease.flags = LITHOS_LEASE_UNMASKED | (tenant.latency_critical() ? 0 : LITHOS_LEASE_LOW_PRIORITY);
  }

  // TPCs whose owner is of the same class or a lower one: nothing to wait for.
  static lithos::TpcSet owned_by_equals(const lithos::SchedView& view, const lithos::Tenant& self) {
    lithos::TpcSet tpcs;
    for (const lithos::Tenant other : view.tenants())
      if (other->tenant_class >= self->tenant_class) tpcs |= other.own();
    return tpcs;
  }

  Params params_;
};
LITHOS_EXPORT_SCHEDULER(Priority)
