// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_sample.hpp"

#include <algorithm>

#include "base/tpc_ranges.hpp"

namespace lithos {
namespace {

std::uint64_t count_of(const Json& json, const std::string& key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, json.integer_of(key)));
}

TpcSet set_of(const Json& json, const std::string& key) { return from_ranges(json.text_of(key)).value_or(TpcSet{}); }

// The same thing in the answer before; null: it is new.
const Json& same_in(const Json& list, const Json& one, const std::string& key) {
  static const Json kNone;
  for (const Json& other : list.items_or_none())
    if (other.text_of(key) == one.text_of(key) && other.integer_of("incarnation") == one.integer_of("incarnation"))
      return other;
  return kNone;
}

// A counter that fell belongs to another life of its owner.
double growth(const Json& now, const Json& before, const std::string& key) {
  const double grown = now.number_of(key) - before.number_of(key);
  return grown >= 0 ? grown : now.number_of(key);
}

TopTenant tenant_of(const Json& now, const Json& before, double seconds) {
  TopTenant tenant;
  tenant.name = now.text_of("name");
  tenant.tenant_class = now.text_of("class");
  tenant.quota_tpcs = static_cast<std::uint32_t>(count_of(now, "quota_tpcs"));
  tenant.own = set_of(now, "own");
  tenant.leased = set_of(now, "leased");
  tenant.working = set_of(now, "working");
  tenant.queued = now.integer_of("queued", -1);
  tenant.in_flight = count_of(now, "device_in_flight");
  tenant.requests_per_s = growth(now, before, "requests_completed") / seconds;
  tenant.atoms_per_s = growth(now, before, "atoms_completed") / seconds;
  tenant.p50_ms = now["latency_ns"].number_of("p50") / 1e6;
  tenant.p99_ms = now["latency_ns"].number_of("p99") / 1e6;
  tenant.slo_ms = now.number_of("slo_ns") / 1e6;
  tenant.slo_attainment = now["slo_attainment"].is_null() ? -1 : now.number_of("slo_attainment");
  return tenant;
}

void add_kernels(const Json& now, const Json& before, double seconds, std::vector<TopKernel>& kernels) {
  for (const Json& op : now["operators"].items_or_none()) {
    const Json& earlier = same_in(before["operators"], op, "name");
    const double runs = growth(op, earlier, "launches") + growth(op, earlier, "atoms");
    const double ns = growth(op, earlier, "ns"), tpc_ns = growth(op, earlier, "tpc_ns");
    if (runs <= 0 || ns <= 0) continue;
    kernels.push_back({now.text_of("name"), op.text_of("name"), tpc_ns, runs / seconds, ns / runs / 1e3, tpc_ns / ns,
                       static_cast<std::uint32_t>(count_of(op, "wanted_tpcs"))});
  }
}

void rank(std::vector<TopKernel>& kernels) {
  double all = 0;
  for (const TopKernel& kernel : kernels) all += kernel.share;
  for (TopKernel& kernel : kernels) kernel.share /= std::max(all, 1.0);
  std::stable_sort(kernels.begin(), kernels.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
}

}  // namespace

TopSample sample_of(const Json& status, const Json& before) {
  TopSample sample;
  sample.gpu = status.text_of("gpu");
  sample.device = status.text_of("device");
  sample.set = status.text_of("set");
  sample.tpcs = static_cast<unsigned>(std::min<std::uint64_t>(count_of(status, "tpcs"), TpcSet::kMaxTpcs));
  sample.uptime_s = status.number_of("uptime_s");
  const bool same_daemon = before.is_object() && before.integer_of("pid") == status.integer_of("pid");
  static const Json kNone;
  const Json& earlier = same_daemon ? before : kNone;
  sample.seconds = same_daemon ? std::max(1e-3, sample.uptime_s - before.number_of("uptime_s")) : 0;
  const double seconds = same_daemon ? sample.seconds : std::max(1e-3, sample.uptime_s);
  sample.clock_mhz = status.number_of("clock_mhz");
  sample.power_w = status.number_of("power_w");
  sample.decisions_per_s = growth(status, earlier, "decisions") / seconds;
  const Json& policies = status["policies"];
  sample.generation = policies.integer_of("generation");
  sample.swaps = policies.integer_of("swaps");
  sample.in_probation = policies.flag_of("in_probation");
  for (const Json& policy : policies["policies"].items_or_none())
    sample.policies.push_back({policy.text_of("kind"), policy.text_of("policy"), policy.text_of("version"),
                               policy.integer_of("fallbacks"), policy.integer_of("faults")});
  for (const Json& tenant : status["tenant_list"].items_or_none()) {
    const Json& same = same_in(earlier["tenant_list"], tenant, "name");
    sample.tenants.push_back(tenant_of(tenant, same, seconds));
    sample.atoms_per_s += sample.tenants.back().atoms_per_s;
    add_kernels(tenant, same, seconds, sample.kernels);
  }
  rank(sample.kernels);
  return sample;
}

Json to_json(const TopSample& sample) {
  Json policies = Json::array(), tenants = Json::array(), kernels = Json::array();
  for (const TopPolicy& policy : sample.policies) {
    Json one = Json::object();
    policies.add(one.set("kind", policy.kind).set("policy", policy.id).set("version", policy.version));
  }
  for (const TopTenant& tenant : sample.tenants) {
    Json one = Json::object();
    one.set("name", tenant.name).set("class", tenant.tenant_class).set("quota_tpcs", tenant.quota_tpcs);
    one.set("own", to_ranges(tenant.own))
        .set("leased", to_ranges(tenant.leased))
        .set("working", to_ranges(tenant.working));
    one.set("working_tpcs", tenant.working.count()).set("queued", tenant.queued).set("in_flight", tenant.in_flight);
    one.set("requests_per_s", tenant.requests_per_s).set("atoms_per_s", tenant.atoms_per_s);
    one.set("p50_ms", tenant.p50_ms).set("p99_ms", tenant.p99_ms).set("slo_ms", tenant.slo_ms);
    tenants.add(one.set("slo_attainment", tenant.slo_attainment));
  }
  for (const TopKernel& kernel : sample.kernels) {
    Json one = Json::object();
    one.set("tenant", kernel.tenant).set("name", kernel.name).set("share", kernel.share).set("per_s", kernel.per_s);
    kernels.add(
        one.set("mean_us", kernel.mean_us).set("mean_tpcs", kernel.mean_tpcs).set("wanted_tpcs", kernel.wanted_tpcs));
  }
  Json json = Json::object();
  json.set("uptime_s", sample.uptime_s).set("seconds", sample.seconds).set("gpu", sample.gpu).set("tpcs", sample.tpcs);
  json.set("set", sample.set).set("generation", sample.generation).set("swaps", sample.swaps);
  json.set("decisions_per_s", sample.decisions_per_s).set("atoms_per_s", sample.atoms_per_s);
  json.set("clock_mhz", sample.clock_mhz).set("power_w", sample.power_w);
  return json.set("policies", policies).set("tenants", tenants).set("kernels", kernels);
}

}  // namespace lithos
