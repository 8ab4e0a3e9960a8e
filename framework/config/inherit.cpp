// SPDX-License-Identifier: Apache-2.0
#include "config/inherit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/table_reader.hpp"

namespace lithos {
namespace {

TomlEntry* find(TomlTable& table, const std::string& key) {
  const auto found = std::find_if(table.entries.begin(), table.entries.end(), [&](const TomlEntry& e) { return e.key == key; });
  return found == table.entries.end() ? nullptr : &*found;
}

void put(TomlTable& table, const TomlEntry& entry) {
  if (TomlEntry* known = find(table, entry.key)) *known = entry;
  else table.entries.push_back(entry);
}

void erase(TomlTable& table, const std::string& key) {
  std::erase_if(table.entries, [&](const TomlEntry& entry) { return entry.key == key; });
}

// The same policy with some other parameters, or another policy, which inherits none.
void override_policy(TomlEntry& inherited, const TomlEntry& own) {
  const auto* says = std::get_if<TomlTable>(&own.value.data);
  TomlTable* base = as_policy_table(inherited);
  if (says == nullptr || base == nullptr) {
    inherited = own;
    return;
  }
  const std::string policy = text_of(*says, "policy");
  if (!policy.empty() && policy != text_of(*base, "policy")) {
    inherited = own;
    return;
  }
  for (const TomlEntry& entry : says->entries) {
    TomlEntry* params = entry.key == "params" ? find(*base, "params") : nullptr;
    auto* into = params == nullptr ? nullptr : std::get_if<TomlTable>(&params->value.data);
    const auto* from = std::get_if<TomlTable>(&entry.value.data);
    if (into == nullptr || from == nullptr) put(*base, entry);
    else for (const TomlEntry& param : from->entries) put(*into, param);
  }
  base->where = says->where;
}

TomlTable merged(TomlTable base, const TomlTable& own) {
  erase(base, "name");
  for (const TomlEntry& entry : own.entries) {
    TomlEntry* inherited = is_policy_role(entry.key) ? find(base, entry.key) : nullptr;
    if (inherited != nullptr) override_policy(*inherited, entry);
    else put(base, entry);
  }
  base.where = own.where;
  return base;
}

}  // namespace

bool is_policy_role(const std::string& key) {
  constexpr std::array kRoles{"scheduler", "predictor", "right_sizer", "dvfs"};
  return std::find(kRoles.begin(), kRoles.end(), key) != kRoles.end();
}

std::string text_of(const TomlTable& table, const std::string& key) {
  const TomlEntry* entry = table.find(key);
  const auto* text = entry == nullptr ? nullptr : std::get_if<std::string>(&entry->value.data);
  return text == nullptr ? "" : *text;
}

TomlTable* as_policy_table(TomlEntry& role) {
  if (auto* table = std::get_if<TomlTable>(&role.value.data)) return table;
  if (!std::holds_alternative<std::string>(role.value.data)) return nullptr;
  TomlTable table;
  table.where = role.value.where;
  table.entries.push_back({"policy", role.key_where, role.value});
  role.value.data = std::move(table);
  return &std::get<TomlTable>(role.value.data);
}

std::vector<TomlTable*> tables_of(TomlTable& root, const std::string& key) {
  std::vector<TomlTable*> tables;
  TomlEntry* entry = find(root, key);
  auto* array = entry == nullptr ? nullptr : std::get_if<TomlArray>(&entry->value.data);
  if (array == nullptr) return tables;
  for (TomlValue& item : array->items)
    if (auto* table = std::get_if<TomlTable>(&item.data)) tables.push_back(table);
  return tables;
}

std::vector<std::string> sets_like(const TomlTable& root, const std::string& name) {
  std::vector<std::string> names{name};
  TomlTable copy = root;
  for (const TomlTable* set : tables_of(copy, "set"))
    if (std::find(names.begin(), names.end(), text_of(*set, "like")) != names.end()) names.push_back(text_of(*set, "name"));
  return names;
}

void resolve_like(TomlTable& root, std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> above;
  const std::vector<TomlTable*> sets = tables_of(root, "set");
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const TomlEntry* like = sets[i]->find("like");
    const std::string name = text_of(*sets[i], "name");
    if (like != nullptr) {
      const std::string base = text_of(*sets[i], "like");
      const SourcePosition where = like->value.where;
      const auto found = std::find_if(sets.begin(), sets.begin() + static_cast<std::ptrdiff_t>(i),
                                      [&](const TomlTable* set) { return !base.empty() && text_of(*set, "name") == base; });
      const bool known = found != sets.begin() + static_cast<std::ptrdiff_t>(i);
      if (!known)
        diagnostics.push_back({where, fmt::format("set.{}.like = {}: expected the name of a set above this one{}", name,
                                                  to_text(like->value), suggestion(base, above, "sets above"))});
      TomlTable own = *sets[i];
      erase(own, "like");
      // Without its base the set would be reported for everything that it meant to inherit: it takes the first one's.
      *sets[i] = known ? merged(**found, own) : i > 0 ? merged(*sets[0], own) : own;
    }
    if (!name.empty()) above.push_back(name);
  }
}

}  // namespace lithos
