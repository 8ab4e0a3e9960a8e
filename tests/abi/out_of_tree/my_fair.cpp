// SPDX-License-Identifier: Apache-2.0
// Everybody who works shares all TPCs in equal slices while their owners are idle.
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class MyFair {
 public:
  static constexpr const char* id = "org.example.my_fair";
  static constexpr const char* version = "0.1.0";
  static constexpr const char* summary = "Equal slices of what is idle.";

  struct Params {
    std::chrono::nanoseconds atom;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::atom>(1, "atom", 250us).range(20us, 5ms).doc("Length of atoms on borrowed TPCs.")};

  explicit MyFair(const lithos::Gpu& gpu, const Params& values) : gpu_(gpu), params_(values) {}

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    const unsigned share = gpu_.tpcs() / (view.tenants().size() + 1);
    for (const lithos::Tenant tenant : view.tenants()) {
      const unsigned begin = tenant.index() * share;
      answer.lease(tenant).usable[LITHOS_PRESSURE_IDLE] |= lithos::TpcSet::range(begin, begin + share);
      answer.lease(tenant).atom_ns = lithos::ns(params_.atom);
    }
  }

 private:
  lithos::Gpu gpu_;
  Params params_;
};
LITHOS_EXPORT_SCHEDULER(MyFair)
