// SPDX-License-Identifier: Apache-2.0
#include "engine/places.hpp"

#include <algorithm>
#include <tuple>

#include "engine/ledger.hpp"

namespace lithos {

std::map<std::string, TpcSet> planned_places(const GpuShape& gpu, const std::vector<TenantConfig>& tenants, const PolicySetConfig& set) {
  struct Owner {
    const TenantConfig* tenant;
    unsigned quota;
  };
  std::vector<Owner> owners;
  for (const TenantConfig& tenant : tenants)
    if (const unsigned quota = quota_of(set, tenant); quota != 0 && takes_part(set, tenant)) owners.push_back({&tenant, quota});
  const auto rank = [](const Owner& owner) { return std::tuple(owner.tenant->tenant_class != TenantClass::latency_critical,
                                                               owner.tenant->tenant_class == TenantClass::best_effort, -static_cast<int>(owner.quota)); };
  std::stable_sort(owners.begin(), owners.end(), [&](const Owner& a, const Owner& b) { return rank(a) < rank(b); });
  const TpcMap map(gpu);
  Ledger ledger(map);
  std::map<std::string, TpcSet> places;
  for (const Owner& owner : owners)
    if (owner.quota <= ledger.unowned().count()) places[owner.tenant->name] = ledger.claim(Ledger::kNobody, owner.quota);
  return places;
}

TenantSpec configured_spec(const TenantConfig& tenant, const GpuShape& gpu, const std::vector<TenantConfig>& tenants, const PolicySetConfig& set) {
  TenantSpec spec;
  spec.name = tenant.name;
  spec.tenant_class = tenant.tenant_class;
  spec.quota_tpcs = quota_of(set, tenant);
  spec.slo = tenant.slo;
  spec.tolerates = tolerates_of(set, tenant);
  if (spec.quota_tpcs != 0) spec.place = planned_places(gpu, tenants, set)[tenant.name];
  return spec;
}

}  // namespace lithos
