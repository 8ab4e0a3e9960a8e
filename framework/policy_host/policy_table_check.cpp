// SPDX-License-Identifier: Apache-2.0
#include "policy_host/policy_table_check.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <set>
#include <string_view>

#include "policy_host/kinds.hpp"
#include "policy_host/params.hpp"

namespace lithos {
namespace {

// Limits that a sane library never meets; beyond them a table is garbage rather than large.
constexpr std::uint32_t kPoliciesMax = 256;
constexpr std::uint32_t kParamsMax = 256;
constexpr std::uint32_t kMetricsMax = 256;
constexpr std::size_t kTextMax = 4096;

bool is_text(const char* text) { return text != nullptr && strnlen(text, kTextMax) < kTextMax; }
bool is_nonempty_text(const char* text) { return is_text(text) && *text != '\0'; }

bool is_key(std::string_view key) {
  for (const char c : key)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return !key.empty() && (key.front() < '0' || key.front() > '9');
}

Status too_small(const std::string& what, std::uint32_t found, std::size_t expected) {
  return incompatible(fmt::format("{} has struct_size {}, expected at least {}", what, found, expected));
}

Status check_enum_param(const std::string& where, const lithos_param& param) {
  if (param.choices == nullptr || param.choices[0] == nullptr)
    return invalid_argument(where + " is an enum without choices");
  std::int64_t count = 0;
  while (param.choices[count] != nullptr) {
    if (!is_nonempty_text(param.choices[count])) return invalid_argument(where + " has an empty choice");
    ++count;
  }
  if (param.def.as.i64 < 0 || param.def.as.i64 >= count)
    return invalid_argument(
        fmt::format("{} has default index {}, expected 0 … {}", where, param.def.as.i64, count - 1));
  return {};
}

Status check_real_param(const std::string& where, const lithos_param& param) {
  const double low = param.min.as.f64, high = param.max.as.f64, def = param.def.as.f64;
  if (std::isnan(low) || std::isnan(high) || std::isnan(def)) return invalid_argument(where + " has NaN in its range");
  if (low > high) return invalid_argument(fmt::format("{} has min {} above max {}", where, low, high));
  if (def < low || def > high)
    return invalid_argument(fmt::format("{} has default {} outside its range {} … {}", where, def, low, high));
  return {};
}

Status check_integer_param(const std::string& where, const lithos_param& param) {
  const std::int64_t low = param.min.as.i64, high = param.max.as.i64, def = param.def.as.i64;
  if (low > high) return invalid_argument(fmt::format("{} has min {} above max {}", where, low, high));
  if (def < low || def > high)
    return invalid_argument(fmt::format("{} has default {} outside its range {} … {}", where, def, low, high));
  return {};
}

Status check_param(const std::string& owner, const lithos_param* param, std::uint32_t index) {
  const std::string numbered = fmt::format("{}: parameter {}", owner, index);
  if (param == nullptr) return invalid_argument(numbered + " is NULL");
  if (param->struct_size < sizeof(lithos_param)) return too_small(numbered, param->struct_size, sizeof(lithos_param));
  if (!is_text(param->key) || !is_key(param->key))
    return invalid_argument(numbered + " has no key in lower_snake_case");
  const std::string where = fmt::format("{}: parameter \"{}\"", owner, param->key);
  if (!is_text(param->unit) || !is_text(param->doc)) return invalid_argument(where + " has no unit or doc text");
  if (param->type < LITHOS_TYPE_BOOL || param->type > LITHOS_TYPE_STRING)
    return invalid_argument(fmt::format("{} has unknown type {}", where, param->type));
  const bool ranged =
      param->type != LITHOS_TYPE_BOOL && param->type != LITHOS_TYPE_ENUM && param->type != LITHOS_TYPE_STRING;
  if (param->def.type != param->type || (ranged && (param->min.type != param->type || param->max.type != param->type)))
    return invalid_argument(where + " has a default, min or max of another type");
  if (param->type == LITHOS_TYPE_ENUM) return check_enum_param(where, *param);
  if (param->type == LITHOS_TYPE_STRING) {
    if (!is_text(param->def.as.text)) return invalid_argument(where + " has no default text");
    return {};
  }
  if (param->type == LITHOS_TYPE_BOOL) {
    if (param->def.as.i64 != 0 && param->def.as.i64 != 1)
      return invalid_argument(fmt::format("{} has default {}, expected 0 or 1", where, param->def.as.i64));
    return {};
  }
  return is_real(param->type) ? check_real_param(where, *param) : check_integer_param(where, *param);
}

// The mandatory operation of each ops table is its first; the sizes are those of version 1.0.
struct OpsShape {
  std::size_t size;
  std::size_t mandatory_offset;
  const char* mandatory_name;
};
OpsShape policy_ops_shape(std::uint32_t kind) {
  switch (kind) {
    case LITHOS_KIND_SCHEDULER: return {sizeof(lithos_scheduler_ops), offsetof(lithos_scheduler_ops, decide), "decide"};
    case LITHOS_KIND_PREDICTOR:
      return {sizeof(lithos_predictor_ops), offsetof(lithos_predictor_ops, predict), "predict"};
    case LITHOS_KIND_RIGHT_SIZER:
      return {sizeof(lithos_right_sizer_ops), offsetof(lithos_right_sizer_ops, choose), "choose"};
    default: return {sizeof(lithos_dvfs_ops), offsetof(lithos_dvfs_ops, plan), "plan"};
  }
}
OpsShape service_ops_shape(std::uint32_t kind) {
  if (kind == LITHOS_SERVICE_POWER)
    return {sizeof(lithos_power_ops), offsetof(lithos_power_ops, apply_clock), "apply_clock"};
  return {offsetof(lithos_exporter_ops, wants), offsetof(lithos_exporter_ops, events), "events"};
}

Status check_ops(const std::string& owner, const void* ops, const OpsShape& shape) {
  if (ops == nullptr) return invalid_argument(owner + " has no operations table (ops is NULL)");
  std::uint32_t size = 0;
  std::memcpy(&size, ops, sizeof size);
  if (size < shape.size) return too_small(owner + ": operations table", size, shape.size);
  void (*mandatory)() = nullptr;
  std::memcpy(&mandatory, static_cast<const char*>(ops) + shape.mandatory_offset, sizeof mandatory);
  if (mandatory == nullptr)
    return invalid_argument(fmt::format("{}: mandatory operation {} is NULL", owner, shape.mandatory_name));
  return {};
}

bool any_live(const lithos_policy& policy) {
  for (std::uint32_t i = 0; i < policy.n_params; ++i)
    if ((policy.params[i]->flags & LITHOS_PARAM_LIVE) != 0) return true;
  return false;
}

}  // namespace

Status check_params(const std::string& owner, const lithos_param* const* params, std::uint32_t count) {
  if (count > kParamsMax)
    return invalid_argument(fmt::format("{} declares {} parameters, expected at most {}", owner, count, kParamsMax));
  if (count > 0 && params == nullptr) return invalid_argument(owner + " declares parameters but its table is NULL");
  std::set<std::string_view> keys;
  std::set<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (Status status = check_param(owner, params[i], i); !status.ok()) return status;
    if (!keys.insert(params[i]->key).second)
      return invalid_argument(fmt::format("{} declares parameter \"{}\" twice", owner, params[i]->key));
    if (!ids.insert(params[i]->id).second)
      return invalid_argument(fmt::format("{}: parameter \"{}\" has id {}, which another one has too", owner,
                                          params[i]->key, params[i]->id));
  }
  return {};
}

Status check_metrics(const std::string& owner, const lithos_metric* const* metrics, std::uint32_t count) {
  if (count > kMetricsMax)
    return invalid_argument(fmt::format("{} declares {} metrics, expected at most {}", owner, count, kMetricsMax));
  if (count > 0 && metrics == nullptr) return invalid_argument(owner + " declares metrics but its table is NULL");
  std::set<std::string_view> names;
  for (std::uint32_t i = 0; i < count; ++i) {
    const lithos_metric* metric = metrics[i];
    const std::string where = fmt::format("{}: metric {}", owner, i);
    if (metric == nullptr) return invalid_argument(where + " is NULL");
    if (metric->struct_size < sizeof(lithos_metric))
      return too_small(where, metric->struct_size, sizeof(lithos_metric));
    if (!is_text(metric->name) || !is_key(metric->name))
      return invalid_argument(where + " has no name in lower_snake_case");
    if (!is_text(metric->unit) || !is_text(metric->doc)) return invalid_argument(where + " has no unit or doc text");
    if (metric->type != LITHOS_METRIC_COUNTER && metric->type != LITHOS_METRIC_GAUGE)
      return invalid_argument(fmt::format("{} has unknown type {}", where, metric->type));
    if (!names.insert(metric->name).second)
      return invalid_argument(fmt::format("{} declares metric \"{}\" twice", owner, metric->name));
  }
  return {};
}

namespace {

// What policies and plugins have in common; `Item` is lithos_policy or lithos_service.
template <class Item>
Status check_item(const Item& item, const std::string& owner, const OpsShape& shape) {
  if (!is_text(item.version) || !is_text(item.summary) || !is_text(item.license))
    return invalid_argument(owner + " lacks a version, summary or license text");
  if (item.create == nullptr || item.destroy == nullptr)
    return invalid_argument(
        fmt::format("{}: mandatory operation {} is NULL", owner, item.create == nullptr ? "create" : "destroy"));
  if (Status status = check_ops(owner, item.ops, shape); !status.ok()) return status;
  if (Status status = check_params(owner, item.params, item.n_params); !status.ok()) return status;
  return check_metrics(owner, item.metrics, item.n_metrics);
}

struct Version {
  std::uint32_t major, minor;
};

// The head of a library table; `Table` is lithos_policy_library or lithos_service_library.
template <class Table>
Status check_head(const Table* table, const char* entry, const char* abi, Version ours) {
  if (table == nullptr) return invalid_argument(fmt::format("{}() returned NULL", entry));
  if (table->struct_size < sizeof(Table)) return too_small("the library table", table->struct_size, sizeof(Table));
  if (table->abi_major != ours.major)
    return incompatible(fmt::format("the library table says {} {}.{}, this host speaks {}.{}", abi, table->abi_major,
                                    table->abi_minor, ours.major, ours.minor));
  if (table->abi_minor > ours.minor)
    return incompatible(fmt::format("built for {} {}.{}, this host speaks {}.{}: it needs a newer LithOS", abi,
                                    table->abi_major, table->abi_minor, ours.major, ours.minor));
  return {};
}

Status check_service(const lithos_service* service) {
  if (service == nullptr) return invalid_argument("a plugin's table is NULL");
  if (service->struct_size < sizeof(lithos_service))
    return too_small("a plugin", service->struct_size, sizeof(lithos_service));
  if (!is_nonempty_text(service->id)) return invalid_argument("a plugin has no id");
  const std::string owner = fmt::format("plugin {}", service->id);
  if (service->kind < LITHOS_SERVICE_POWER || service->kind > LITHOS_SERVICE_EXPORTER)
    return invalid_argument(fmt::format("{} has kind {}, expected 1 (power) or 2 (exporter)", owner, service->kind));
  return check_item(*service, owner, service_ops_shape(service->kind));
}

}  // namespace

Status check_policy(const lithos_policy* policy) {
  if (policy == nullptr) return invalid_argument("a policy's table is NULL");
  if (policy->struct_size < sizeof(lithos_policy))
    return too_small("a policy", policy->struct_size, sizeof(lithos_policy));
  if (!is_nonempty_text(policy->id)) return invalid_argument("a policy has no id");
  const std::string owner = fmt::format("policy {}", policy->id);
  if (policy->kind < LITHOS_KIND_SCHEDULER || policy->kind > LITHOS_KIND_DVFS)
    return invalid_argument(fmt::format("{} has kind {}, expected 1 (scheduler) … 4 (dvfs)", owner, policy->kind));
  if (Status status = check_item(*policy, owner, policy_ops_shape(policy->kind)); !status.ok()) return status;
  if (any_live(*policy) && policy->set_param == nullptr)
    return invalid_argument(owner + " declares live parameters but its set_param is NULL");
  return {};
}

Status check_policy_library(const lithos_policy_library* library) {
  const Version ours{LITHOS_POLICY_ABI_MAJOR, LITHOS_POLICY_ABI_MINOR};
  if (Status status = check_head(library, LITHOS_POLICY_ENTRY_NAME, "policy ABI", ours); !status.ok()) return status;
  if (library->n_policies == 0 || library->n_policies > kPoliciesMax || library->policies == nullptr)
    return invalid_argument(fmt::format("the library holds {} policies, expected 1 … {}",
                                        library->policies == nullptr ? 0 : library->n_policies, kPoliciesMax));
  std::set<std::string_view> ids;
  for (std::uint32_t i = 0; i < library->n_policies; ++i) {
    if (Status status = check_policy(library->policies[i]); !status.ok()) return status;
    if (!ids.insert(library->policies[i]->id).second)
      return invalid_argument(fmt::format("the library holds policy {} twice", library->policies[i]->id));
  }
  return {};
}

Status check_service_library(const lithos_service_library* library) {
  const Version ours{LITHOS_SERVICE_ABI_MAJOR, LITHOS_SERVICE_ABI_MINOR};
  if (Status status = check_head(library, LITHOS_SERVICE_ENTRY_NAME, "service ABI", ours); !status.ok()) return status;
  if (library->n_services == 0 || library->n_services > kPoliciesMax || library->services == nullptr)
    return invalid_argument(fmt::format("the library holds {} plugins, expected 1 … {}",
                                        library->services == nullptr ? 0 : library->n_services, kPoliciesMax));
  std::set<std::string_view> ids;
  for (std::uint32_t i = 0; i < library->n_services; ++i) {
    if (Status status = check_service(library->services[i]); !status.ok()) return status;
    if (!ids.insert(library->services[i]->id).second)
      return invalid_argument(fmt::format("the library holds plugin {} twice", library->services[i]->id));
  }
  return {};
}

}  // namespace lithos
