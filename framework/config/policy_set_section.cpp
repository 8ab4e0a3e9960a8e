// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/tpc_set.hpp"
#include "config/key_table.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

constexpr double kMaxSlip = 10.0;

const KeyTable<PolicyChoice>& policy_keys() {
  using P = PolicyChoice;
  static const KeyTable<P> keys(
      "A policy",
      {text_key("policy", &P::id, "its id, or the id's last part", {.required = true, .example = "tpc_borrowing"}),
       file_key("path", &P::path, "a library outside the folders that are searched", {.unset = "none"}),
       own_key<P>("params", "table", "the policy's own", "parameters; their keys, units and ranges are the policy's",
                  [](TableReader& reader, P& into) {
                    if (const TomlTable* params = reader.table_at("params"))
                      read_params(*params, reader.at("params"), into, reader.diagnostics());
                  })});
  return keys;
}

// scheduler = "tpc_borrowing", or scheduler = { policy = …, path = …, params = { … } }, or the same as [set.scheduler].
void read_policy(TableReader& set, const std::string& role, const std::string& fallback, PolicyChoice& choice) {
  choice.id = fallback;
  choice.where = set.table().where;
  const TomlEntry* entry = set.any(role);
  if (!entry) {
    if (fallback.empty())
      set.complain(choice.where,
                   fmt::format("{}: \"{}\" is missing, for example {} = \"tpc_borrowing\"", set.path(), role, role));
    return;
  }
  choice.where = entry->value.where;
  if (const auto* id = std::get_if<std::string>(&entry->value.data); id && !id->empty()) {
    choice.id = *id;
    return;
  }
  const auto* table = std::get_if<TomlTable>(&entry->value.data);
  if (!table) {
    set.complain(choice.where,
                 fmt::format("{} = {}: expected a policy's id as text, or a table [{}] with policy = \"…\"",
                             set.at(role), to_text(entry->value), set.at(role)));
    return;
  }
  TableReader reader(*table, set.at(role), set.diagnostics());
  if (const TomlEntry* policy = table->find("policy")) choice.where = policy->value.where;
  if (policy_keys().read(reader, choice)) reader.finish();
}

// `fallback` empty: the role must be given.
Key<PolicySetConfig> policy_key(const std::string& role, PolicyChoice PolicySetConfig::*place,
                                const std::string& fallback, const std::string& doc) {
  return own_key<PolicySetConfig>(
      role, "policy", fallback.empty() ? "" : written(fallback), doc,
      [=](TableReader& reader, PolicySetConfig& into) { read_policy(reader, role, fallback, into.*place); });
}

// quotas = { hp = 42, be = 24 }: keys are tenants' names, checked against them in check.cpp.
void read_quotas(TableReader& set, std::map<std::string, std::uint32_t>& into) {
  const TomlTable* table = set.table_at("quotas");
  if (!table) return;
  TableReader reader(*table, set.at("quotas"), set.diagnostics());
  for (const TomlEntry& entry : table->entries) {
    std::uint32_t tpcs = 0;
    if (reader.count(entry.key, tpcs, 0, TpcSet::kMaxTpcs)) into[entry.key] = tpcs;
  }
}

void read_tolerances(TableReader& set, std::map<std::string, Nanoseconds>& into) {
  const TomlTable* table = set.table_at("tolerates");
  if (!table) return;
  TableReader reader(*table, set.at("tolerates"), set.diagnostics());
  for (const TomlEntry& entry : table->entries) {
    Nanoseconds limit{0};
    if (reader.duration(entry.key, limit)) into[entry.key] = limit;
  }
}

const KeyTable<PolicySetConfig>& set_keys() {
  using S = PolicySetConfig;
  using R = TableReader;
  static const KeyTable<S> keys(
      "[[set]]",
      {// Taken by inherit.cpp: known here, for suggestions.
       own_key<S>("like", "text", "none", "a set above, from which comes all that this one does not say itself",
                  [](R& reader, S&) { reader.any("like"); }),
       name_key("set", &S::name, "what tables and `--set` call it", "lithos"),
       choice_key("sharing", &S::sharing,
                  Choices<Sharing>{{"mps", Sharing::mps}, {"time_slicing", Sharing::time_slicing}},
                  "what the hardware does when nobody masks"),
       flag_key(
           "masks", &S::masks,
           "`false`: no launch is confined and nobody owns TPCs, the hardware places blocks as it does without us; "
           "`quotas` do not count. For `shared`, and for other schedulers' hold, rates, limits and priorities without masks"),
       policy_key("scheduler", &S::scheduler, "", "who may use which TPCs ([below](#a-policy))"),
       policy_key("predictor", &S::predictor, "operator_median", "how long operators will take"),
       policy_key("right_sizer", &S::right_sizer, "none", "how many TPCs operators need"),
       policy_key("dvfs", &S::dvfs, "fixed", "the clock"),
       number_key("slip", &S::slip, "slowdown that right-sizer and DVFS may cause", 1.0, kMaxSlip),
       duration_key("starvation_limit", &S::starvation_limit, "a launch that waited this long runs anyway",
                    Nanoseconds{1'000}),
       duration_key(
           "submit_ahead", &S::submit_ahead,
           "predicted work that executors keep on the GPU for eager tenants; more hides longer round trips and "
           "cannot be taken back"),
       own_key<S>("quotas", "table", "the tenants'", "`{ hp = 42, be = 24 }`: TPCs by tenant",
                  [](R& reader, S& into) { read_quotas(reader, into.quotas); }),
       own_key<S>("tolerates", "table", "the tenants'", "`{ hp = \"5ms\" }`: by tenant",
                  [](R& reader, S& into) { read_tolerances(reader, into.tolerates); }),
       own_key<S>("only", "list of text", "all", "`[\"hp\"]`: tenants that take part", [](R& reader, S& into) {
         for (const auto& [name, where] : reader.texts_at("only", "[\"hp\"]")) into.only.push_back(name);
       })});
  return keys;
}

}  // namespace

SectionFacts set_facts() { return set_keys().facts(); }
SectionFacts policy_facts() { return policy_keys().facts(); }

PolicySetConfig read_policy_set(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("set[{}]", index), diagnostics);
  PolicySetConfig set;
  set.where = table.where;
  if (set_keys().read(reader, set)) reader.finish();
  if (!set.masks && !set.quotas.empty())
    reader.complain(set.where,
                    fmt::format("{}: quotas do not count where masks = false; leave one of them out", reader.path()));
  return set;
}

}  // namespace lithos
