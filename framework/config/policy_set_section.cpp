// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/tpc_set.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

constexpr double kMaxSlip = 10.0;

// scheduler = "tpc_borrowing", or scheduler = { policy = …, path = …, params = { … } }, or the same as [set.scheduler].
PolicyChoice read_policy(TableReader& set, const std::string& role, const std::string& fallback,
                         std::vector<Diagnostic>& diagnostics) {
  PolicyChoice choice;
  choice.id = fallback;
  choice.where = set.table().where;
  const TomlEntry* entry = set.any(role);
  if (!entry) {
    if (fallback.empty())
      set.complain(choice.where,
                   fmt::format("{}: \"{}\" is missing, for example {} = \"tpc_borrowing\"", set.path(), role, role));
    return choice;
  }
  choice.where = entry->value.where;
  if (const auto* id = std::get_if<std::string>(&entry->value.data); id && !id->empty()) {
    choice.id = *id;
    return choice;
  }
  const auto* table = std::get_if<TomlTable>(&entry->value.data);
  if (!table) {
    set.complain(choice.where,
                 fmt::format("{} = {}: expected a policy's id as text, or a table [{}] with policy = \"…\"",
                             set.at(role), to_text(entry->value), set.at(role)));
    return choice;
  }
  TableReader reader(*table, set.at(role), diagnostics);
  reader.text("policy", choice.id, {.example = "tpc_borrowing", .required = true});
  if (const TomlEntry* policy = table->find("policy")) choice.where = policy->value.where;
  reader.file("path", choice.path);
  if (const TomlTable* params = reader.table_at("params"))
    read_params(*params, reader.at("params"), choice, diagnostics);
  reader.finish();
  return choice;
}

// quotas = { hp = 42, be = 24 }: keys are tenants' names, checked against them in check.cpp.
void read_quotas(const TomlTable& table, const std::string& path, std::map<std::string, std::uint32_t>& into,
                 std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, path, diagnostics);
  for (const TomlEntry& entry : table.entries) {
    std::uint32_t tpcs = 0;
    if (reader.count(entry.key, tpcs, 0, TpcSet::kMaxTpcs)) into[entry.key] = tpcs;
  }
}

void read_tolerances(const TomlTable& table, const std::string& path, std::map<std::string, Nanoseconds>& into,
                     std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, path, diagnostics);
  for (const TomlEntry& entry : table.entries) {
    Nanoseconds limit{0};
    if (reader.duration(entry.key, limit)) into[entry.key] = limit;
  }
}

}  // namespace

PolicySetConfig read_policy_set(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("set[{}]", index), diagnostics);
  PolicySetConfig set;
  set.where = table.where;
  reader.any("like");  // taken by inherit.cpp: known, for suggestions
  if (reader.name("name", set.name, {.example = "lithos", .required = true})) reader.rename("set." + set.name);
  reader.choice<Sharing>("sharing", set.sharing, {{"mps", Sharing::mps}, {"time_slicing", Sharing::time_slicing}});
  reader.flag("masks", set.masks);
  set.scheduler = read_policy(reader, "scheduler", "", diagnostics);
  set.predictor = read_policy(reader, "predictor", "operator_median", diagnostics);
  set.right_sizer = read_policy(reader, "right_sizer", "none", diagnostics);
  set.dvfs = read_policy(reader, "dvfs", "fixed", diagnostics);
  reader.number("slip", set.slip, 1.0, kMaxSlip);
  reader.duration("starvation_limit", set.starvation_limit, Nanoseconds{1'000});
  reader.duration("submit_ahead", set.submit_ahead);
  if (const TomlTable* quotas = reader.table_at("quotas"))
    read_quotas(*quotas, reader.at("quotas"), set.quotas, diagnostics);
  if (!set.masks && !set.quotas.empty())
    reader.complain(set.where, fmt::format("{}: quotas do not count where masks = false; leave one of them out", reader.path()));
  if (const TomlTable* tolerates = reader.table_at("tolerates"))
    read_tolerances(*tolerates, reader.at("tolerates"), set.tolerates, diagnostics);
  for (const auto& [name, where] : reader.texts_at("only", "[\"hp\"]")) set.only.push_back(name);
  reader.finish();
  return set;
}

}  // namespace lithos
