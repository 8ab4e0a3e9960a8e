// SPDX-License-Identifier: Apache-2.0
// @name@: whoever has work shares what idle owners do not need, in equal slices.
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class @Class@ {
 public:
  static constexpr const char* id = "org.example.@name@";
  static constexpr const char* version = "0.1.0";
  static constexpr const char* summary = "Equal slices of idle owners' TPCs for everybody who has work.";

  struct Params {
    std::chrono::nanoseconds atom;
  };
  static constexpr std::tuple params{lithos::param<&Params::atom>(1, "atom", 400us)
                                         .range(50us, 20ms)
                                         .live()
                                         .doc("Length of the pieces that kernels on borrowed TPCs are cut into.")};

  explicit @Class@(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  // Every lease is preset to the tenant's own TPCs: what is not touched here is a valid answer.
  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    lithos::TpcSet spare = view.unowned();
    unsigned workers = 0, rank = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      spare |= tenant.own();
      workers += tenant.idle() ? 0 : 1;
    }
    for (const lithos::Tenant tenant : view.tenants()) {
      if (tenant.idle()) continue;
      const unsigned begin = spare.count() * rank / workers, end = spare.count() * (rank + 1) / workers;
      ++rank;
      lithos_lease& lease = answer.lease(tenant);
      lease.usable[LITHOS_PRESSURE_IDLE] |= spare.lowest(end) - spare.lowest(begin);  // while their owner is idle
      lease.atom_ns = lithos::ns(params_.atom);
      lease.outstanding_limit_ns = lithos::ns(params_.atom);  // so the owner never waits long
      lease.uncuttable_limit_ns = lithos::ns(10ms);
    }
  }

 private:
  Params params_;
};
LITHOS_EXPORT_SCHEDULER(@Class@)
