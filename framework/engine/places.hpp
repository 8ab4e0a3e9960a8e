// SPDX-License-Identifier: Apache-2.0
// Where the TPCs of configured tenants are. Whole GPCs go to those that choose first, and clusters need them: BERT-large on 48 TPCs takes 1.95 ms
// where it chose first and 2.5 where two smaller tenants had (H100: eleven clusters of eight blocks fit, or ten). So the order in which
// processes come up must not matter. Pure; any thread. Source: GPU.md §3.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tpc_set.hpp"
#include "config/config.hpp"
#include "engine/engine.hpp"
#include "engine/gpu_shape.hpp"

namespace lithos {

// By tenant's name, of those with a quota in this set: latency-critical ones choose first, and of each class the largest. Missing: a tenant
// for whom too little is left; it takes what is free when it joins.
std::map<std::string, TpcSet> planned_places(const GpuShape& gpu, const std::vector<TenantConfig>& tenants, const PolicySetConfig& set);

// What the configuration says of one of its tenants in this set, for Engine::join.
TenantSpec configured_spec(const TenantConfig& tenant, const GpuShape& gpu, const std::vector<TenantConfig>& tenants, const PolicySetConfig& set);

}  // namespace lithos
