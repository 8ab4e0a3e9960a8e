// SPDX-License-Identifier: Apache-2.0
// Checks that need more than one section: unique names, names that refer to something, and what only the device can
// tell.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/sections.hpp"

namespace lithos {
namespace {

// "demo.toml:12:8" without the folder: both places are in the same file.
std::string short_place(const SourcePosition& where) { return fmt::format("line {}", where.line); }

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& items) {
  std::vector<std::string> names;
  for (const Named& item : items)
    if (!item.name.empty()) names.push_back(item.name);
  return names;
}

template <class Named>
void check_unique(const std::vector<Named>& items, const char* what, std::vector<Diagnostic>& diagnostics) {
  std::map<std::string, SourcePosition> first;
  for (const Named& item : items) {
    if (item.name.empty()) continue;  // already reported
    const auto [there, added] = first.emplace(item.name, item.where);
    if (!added)
      diagnostics.push_back(
          {item.where, fmt::format("{0} \"{1}\" is declared twice, first on {2}; give each {0} its own name", what,
                                   item.name, short_place(there->second))});
  }
}

class ReferenceChecker {
 public:
  ReferenceChecker(std::vector<std::string> tenants, std::vector<Diagnostic>& diagnostics)
      : tenants_(std::move(tenants)), diagnostics_(diagnostics) {}

  void check_tenant(const std::string& name, const SourcePosition& where, const std::string& key) {
    if (std::find(tenants_.begin(), tenants_.end(), name) != tenants_.end()) return;
    diagnostics_.push_back(
        {where, fmt::format("{}: there is no tenant \"{}\"{}", key, name, suggestion(name, tenants_, "tenants"))});
  }

  // The keys of quotas = { … } and tolerates = { … }, and the items of only = [ … ].
  void check_set(const TomlTable& set, const std::string& path) {
    for (const char* key : {"quotas", "tolerates"}) {
      const TomlEntry* entry = set.find(key);
      const auto* table = entry ? std::get_if<TomlTable>(&entry->value.data) : nullptr;
      if (!table) continue;
      for (const TomlEntry& item : table->entries)
        check_tenant(item.key, item.key_where, fmt::format("{}.{}", path, key));
    }
    const TomlEntry* only = set.find("only");
    const auto* names = only ? std::get_if<TomlArray>(&only->value.data) : nullptr;
    if (!names) return;
    for (const TomlValue& item : names->items)
      if (const auto* name = std::get_if<std::string>(&item.data); name && !name->empty())
        check_tenant(*name, item.where, path + ".only");
  }

 private:
  std::vector<std::string> tenants_;
  std::vector<Diagnostic>& diagnostics_;
};

}  // namespace

void check_references(const Config& config, const TomlTable& root, std::vector<Diagnostic>& diagnostics) {
  check_unique(config.tenants, "tenant", diagnostics);
  check_unique(config.sets, "set", diagnostics);

  ReferenceChecker references(names_of(config.tenants), diagnostics);
  const TomlEntry* sets = root.find("set");
  const auto* tables = sets ? std::get_if<TomlArray>(&sets->value.data) : nullptr;
  for (std::size_t i = 0; tables && i < tables->items.size() && i < config.sets.size(); ++i)
    if (const auto* table = std::get_if<TomlTable>(&tables->items[i].data))
      references.check_set(*table,
                           config.sets[i].name.empty() ? fmt::format("set[{}]", i) : "set." + config.sets[i].name);

  const std::vector<std::string> set_names = names_of(config.sets);
  for (const PluginConfig& plugin : config.plugins)
    if (!plugin.set.empty() && std::find(set_names.begin(), set_names.end(), plugin.set) == set_names.end())
      diagnostics.push_back({plugin.choice.where, fmt::format("plugin.set: there is no set \"{}\"{}", plugin.set,
                                                              suggestion(plugin.set, set_names, "sets"))});
  if (!config.baseline.empty() && std::find(set_names.begin(), set_names.end(), config.baseline) == set_names.end())
    diagnostics.push_back(
        {root.find("baseline")->value.where, fmt::format("baseline: there is no set \"{}\"{}", config.baseline,
                                                         suggestion(config.baseline, set_names, "sets"))});
}

bool takes_part(const PolicySetConfig& set, const TenantConfig& tenant) {
  return set.only.empty() || std::find(set.only.begin(), set.only.end(), tenant.name) != set.only.end();
}

std::uint32_t quota_of(const PolicySetConfig& set, const TenantConfig& tenant) {
  if (!set.masks) return 0;
  const auto own = set.quotas.find(tenant.name);
  return own == set.quotas.end() ? tenant.quota_tpcs : own->second;
}

std::uint32_t connections_of(const Config& config, const TenantConfig& tenant) {
  // On an H100 half of those that joined 32 PyTorch processes with 8 each were refused by the driver, and none with what it takes by itself
  // (docs/results/colocate, churn.json); with 2 each it has not been tried yet.
  constexpr std::size_t kForAll = 64, kMost = 8, kLeast = 2;
  if (tenant.connections != 0) return tenant.connections;
  return static_cast<std::uint32_t>(std::clamp(kForAll / std::max<std::size_t>(config.tenants.size(), 1), kLeast, kMost));
}

Nanoseconds tolerates_of(const PolicySetConfig& set, const TenantConfig& tenant) {
  const auto own = set.tolerates.find(tenant.name);
  return own == set.tolerates.end() ? tenant.tolerates : own->second;
}

std::vector<Diagnostic> check_against_device(const Config& config, unsigned tpcs) {
  std::vector<Diagnostic> diagnostics;
  for (const PolicySetConfig& set : config.sets) {
    std::uint64_t sum = 0;
    std::string parts;
    for (const TenantConfig& tenant : config.tenants) {
      const std::uint32_t quota = takes_part(set, tenant) ? quota_of(set, tenant) : 0;
      if (quota == 0) continue;
      sum += quota;
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", tenant.name, quota);
    }
    if (sum > tpcs)
      diagnostics.push_back({set.where, fmt::format("set.{}: quotas add up to {} TPCs ({}), and this GPU has {}",
                                                    set.name, sum, parts, tpcs)});
  }
  return diagnostics;
}

}  // namespace lithos
