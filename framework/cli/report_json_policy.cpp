// SPDX-License-Identifier: Apache-2.0
#include "cli/report_json_policy.hpp"

#include <nlohmann/json.hpp>

namespace lithos {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson policy_json(const PolicyFacts& policy) {
  OrderedJson params = OrderedJson::array(), metrics = OrderedJson::array();
  for (const ParamFacts& param : policy.params)
    params.push_back({{"key", param.key},
                      {"type", param.type},
                      {"unit", param.unit},
                      {"default", param.def},
                      {"range", param.range},
                      {"live", param.live},
                      {"doc", param.doc}});
  for (const MetricFacts& metric : policy.metrics)
    metrics.push_back({{"name", metric.name}, {"type", metric.type}, {"unit", metric.unit}, {"doc", metric.doc}});
  return {{"id", policy.id},           {"version", policy.version}, {"kind", policy.kind},
          {"summary", policy.summary}, {"license", policy.license}, {"operations", policy.operations},
          {"params", params},          {"metrics", metrics}};
}

}  // namespace

std::string to_json(const std::vector<LibraryFacts>& libraries) {
  OrderedJson out{{"format", "lithos-policy-describe-1"}, {"libraries", OrderedJson::array()}};
  for (const LibraryFacts& library : libraries) {
    OrderedJson policies = OrderedJson::array();
    for (const PolicyFacts& policy : library.policies) policies.push_back(policy_json(policy));
    out["libraries"].push_back({{"path", library.path},
                                {"hash", library.hash},
                                {"size_bytes", library.bytes},
                                {"abi", library.abi},
                                {"sdk", library.sdk},
                                {"needed", library.needed},
                                {"policies", policies}});
  }
  return out.dump(2) + "\n";
}

std::string to_json(const std::string& file, std::uint64_t seed, const std::vector<Finding>& findings) {
  OrderedJson out{{"format", "lithos-policy-check-1"},
           {"file", file},
           {"seed", seed},
           {"conforms", acceptable(findings)},
           {"findings", OrderedJson::array()}};
  for (const Finding& finding : findings)
    out["findings"].push_back({{"check", finding.check->name},
                               {"level", finding.level},
                               {"policy", finding.policy_id},
                               {"status", name_of(finding.verdict.status)},
                               {"found", finding.verdict.found},
                               {"rule", finding.check->rule},
                               {"remedy", finding.check->remedy}});
  // Text that a policy hands over may be anything; what is not UTF-8 is replaced.
  return out.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace lithos
