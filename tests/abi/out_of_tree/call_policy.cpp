// SPDX-License-Identifier: Apache-2.0
// Loads a scheduler and a power plugin that were built outside the tree, calls each once, and checks what came back.
// Exit code 0: all is well.
#include <cstdio>

#include "policy_host/catalog.hpp"
#include "policy_host/policy_set.hpp"
#include "policy_host/services.hpp"

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

constexpr std::uint32_t kClocks[] = {1980, 1000};
constexpr lithos_gpu_info kGpu{sizeof(lithos_gpu_info), 8, 2, 1, nullptr, 1, kClocks, 2, 0};

int call_scheduler(const char* path) {
  lithos::PolicyCatalog catalog({});
  lithos::PolicySetConfig config;
  config.scheduler.path = path;
  config.scheduler.params["atom"] = {std::string("1ms"), {}};
  const lithos::CreatedPolicySet made = lithos::PolicySet::create(config, catalog, kGpu);
  if (made.set == nullptr) return fail(to_string(made.diagnostics.at(0)));

  lithos_tenant_view tenant{};
  tenant.tenant_id = 1;
  tenant.quota_tpcs = 1;
  tenant.own = {{0x80, 0, 0, 0}};
  lithos_sched_view view{};
  view.struct_size = sizeof view;
  view.tpcs = 8;
  view.tenants = 1;
  view.tenant_size = sizeof tenant;
  view.tenant = &tenant;
  lithos_lease lease{};
  lithos_sched_answer answer{sizeof answer, 1, sizeof lease, &lease, 0};
  if (made.set->decide(view, answer) != lithos::AnsweredBy::policy) return fail("the fallback answered");
  if (lease.usable[0].words[0] != 0x8f || lease.usable[2].words[0] != 0x80) return fail("another lease than expected");
  if (lease.atom_ns != 1'000'000) return fail("the parameter did not arrive");
  return 0;
}

int call_power(const char* path) {
  lithos::PolicyChoice choice;
  choice.path = path;
  const auto made = lithos::create_power_service(choice, {}, {0, "", kGpu});
  if (made.service == nullptr) return fail(to_string(made.diagnostics.at(0)));
  const lithos::Result<std::uint32_t> applied = made.service->apply_clock(1980);
  return applied.ok() && applied.value() == 1980 ? 0 : fail("the clock was not applied");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("usage: abi_call_policy SCHEDULER.so POWER.so");
  return call_scheduler(argv[1]) + call_power(argv[2]);
}
