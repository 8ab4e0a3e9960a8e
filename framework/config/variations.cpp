// SPDX-License-Identifier: Apache-2.0
#include "config/variations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "config/inherit.hpp"
#include "config/key_table.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

using Path = std::vector<std::string>;

struct Axis {
  std::string key;    // as written
  std::string label;  // what tables show
  Path path;
  SourcePosition key_where;
  std::vector<TomlValue> values;
  std::vector<std::string> sets;  // that it changes; empty: all
};

struct CaseMember {
  std::string group, name;  // "tenant", "hp"
  SourcePosition where;
};

struct Case {
  std::string name;
  std::vector<CaseMember> members;  // whose keys it changes
  std::vector<std::pair<Path, TomlEntry>> settings;
};

std::vector<std::string> names_in(TomlTable& root, const std::string& group) {
  std::vector<std::string> names;
  for (const TomlTable* table : tables_of(root, group)) names.push_back(text_of(*table, "name"));
  return names;
}

TomlTable* named(TomlTable& root, const std::string& group, const std::string& name) {
  for (TomlTable* table : tables_of(root, group))
    if (text_of(*table, "name") == name) return table;
  return nullptr;
}

TomlEntry& entry_at(TomlTable& table, const std::string& key, const SourcePosition& where) {
  for (TomlEntry& entry : table.entries)
    if (entry.key == key) return entry;
  TomlTable empty;
  empty.where = where;
  table.entries.push_back({key, where, {std::move(empty), where}});
  return table.entries.back();
}

// Writes the value at the path; a message if there is something else in the way.
std::string set_at(TomlTable& root, const Path& path, const SourcePosition& key_where, const TomlValue& value) {
  const bool grouped = path.front() == "tenant" || path.front() == "set";
  TomlTable* table = grouped ? named(root, path.front(), path[1]) : &root;
  if (table == nullptr) return fmt::format("there is no {} \"{}\"", path.front(), path[1]);
  for (std::size_t i = grouped ? 2 : 0; i + 1 < path.size(); ++i) {
    TomlEntry& entry = entry_at(*table, path[i], key_where);
    table = is_policy_role(path[i]) ? as_policy_table(entry) : std::get_if<TomlTable>(&entry.value.data);
    if (table == nullptr) return fmt::format("{} is not a table", path[i]);
  }
  TomlEntry& entry = entry_at(*table, path.back(), key_where);
  entry.value = value;
  return "";
}

// "set.lithos.scheduler.params.atom" → its parts; names may have dots of their own.
Path split(TomlTable& root, const std::string& key, std::string& wrong) {
  static const std::vector<std::string> kGroups{"tenant", "set", "run", "transport", "gpu", "kernel_rules"};
  const std::string group = key.substr(0, key.find('.'));
  if (std::find(kGroups.begin(), kGroups.end(), group) == kGroups.end()) {
    wrong = fmt::format("a key begins with one of {}{}", "tenant, set, run, transport, gpu",
                        suggestion(group, kGroups, "known"));
    return {};
  }
  Path path{group};
  std::string rest = key.size() > group.size() ? key.substr(group.size() + 1) : "";
  if (group == "tenant" || group == "set") {
    const std::vector<std::string> names = names_in(root, group);
    std::string best;
    for (const std::string& name : names)
      if ((rest == name || rest.starts_with(name + ".")) && name.size() > best.size()) best = name;
    if (best.empty()) {
      const std::string word = rest.substr(0, rest.find('.'));
      wrong = fmt::format("there is no {} \"{}\"{}", group, word, suggestion(word, names, group + "s"));
      return {};
    }
    path.push_back(best);
    rest = rest.size() > best.size() ? rest.substr(best.size() + 1) : "";
    if (rest.empty())
      wrong = fmt::format("names a whole {}; add a key of it, for example {}.{}.{}", group, group, best,
                          group == "set" ? "slip" : "slo");
  }
  while (!rest.empty()) {
    path.push_back(rest.substr(0, rest.find('.')));
    rest = rest.size() > path.back().size() ? rest.substr(path.back().size() + 1) : "";
  }
  if (path.size() < 2 && group != "gpu" && group != "kernel_rules") wrong = "names a whole section; add a key of it";
  return wrong.empty() ? path : Path{};
}

void read_values(TableReader& reader, std::vector<TomlValue>& into) {
  const TomlEntry* values = reader.any("values");
  const auto* array = values == nullptr ? nullptr : std::get_if<TomlArray>(&values->value.data);
  if (array != nullptr && !array->items.empty()) {
    into = array->items;
    return;
  }
  reader.complain(
      values == nullptr ? reader.table().where : values->value.where,
      fmt::format("{}.values: expected a list, for example values = [\"100us\", \"400us\"]", reader.path()));
}

const KeyTable<Axis>& sweep_keys() {
  static const KeyTable<Axis> keys(
      "[[sweep]]",
      {text_key("key", &Axis::key,
                "what changes: `set.lithos.scheduler.params.atom`, `tenant.hp.slo`, `run.duration`, …",
                {.required = true, .example = "set.lithos.scheduler.params.atom"}),
       text_key("name", &Axis::label, "what tables call it", {.example = "atom", .unset = "the key's last part"}),
       own_key<Axis>("values", "list", "", "`[\"100us\", \"400us\"]`: one after the other",
                     [](TableReader& reader, Axis& into) { read_values(reader, into.values); })});
  return keys;
}

void read_sweep(TomlTable& root, const TomlTable& table, std::size_t index, std::vector<Axis>& axes,
                std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("sweep[{}]", index), diagnostics);
  Axis axis;
  if (sweep_keys().read(reader, axis)) reader.finish();
  if (axis.key.empty()) return;
  axis.key_where = table.find("key")->value.where;
  std::string wrong;
  axis.path = split(root, axis.key, wrong);
  if (!wrong.empty())
    diagnostics.push_back({axis.key_where, fmt::format("{}.key = \"{}\": {}", reader.path(), axis.key, wrong)});
  if (axis.label.empty()) axis.label = axis.key.substr(axis.key.rfind('.') + 1);
  if (axis.path.size() > 1 && axis.path[0] == "set") axis.sets = sets_like(root, axis.path[1]);
  if (!axis.path.empty() && !axis.values.empty()) axes.push_back(std::move(axis));
}

// [case.run] and [case.transport]: each key of them.
void read_case_section(TableReader& reader, const std::string& section, Case& into) {
  const TomlTable* keys = reader.table_at(section);
  if (keys == nullptr) return;
  for (const TomlEntry& entry : keys->entries) into.settings.push_back({{section, entry.key}, entry});
}

// [case.tenant.hp] and [case.set.lithos]: each key of them. Whether there is a tenant or set of that name is known to
// those who see the whole file.
void read_case_group(TableReader& reader, const std::string& group, Case& into) {
  const TomlTable* members = reader.table_at(group);
  if (members == nullptr) return;
  for (const TomlEntry& member : members->entries) {
    const auto* keys = std::get_if<TomlTable>(&member.value.data);
    if (keys == nullptr) {
      reader.complain(member.value.where,
                      fmt::format("{}.{}.{}: expected a table of keys and values", reader.path(), group, member.key));
      continue;
    }
    into.members.push_back({group, member.key, member.key_where});
    for (const TomlEntry& entry : keys->entries) into.settings.push_back({{group, member.key, entry.key}, entry});
  }
}

const KeyTable<Case>& case_keys() {
  using R = TableReader;
  const auto section = [](const std::string& name, const std::string& doc) {
    return own_key<Case>(name, "table", "none", doc,
                         [name](R& reader, Case& into) { read_case_section(reader, name, into); });
  };
  const auto group = [](const std::string& name, const std::string& doc) {
    return own_key<Case>(name, "table of tables", "none", doc,
                         [name](R& reader, Case& into) { read_case_group(reader, name, into); });
  };
  static const KeyTable<Case> keys(
      "[[case]]",
      {name_key("case", &Case::name, "what tables call it", "bert"), section("run", "keys of `[run]` that differ"),
       section("transport", "keys of `[transport]` that differ"),
       group("tenant", "`tenant.hp = { slo = \"30ms\" }`: keys of tenants that differ"),
       group("set", "likewise, of sets")});
  return keys;
}

void read_case(TomlTable& root, const TomlTable& table, std::size_t index, std::vector<Case>& cases,
               std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("case[{}]", index), diagnostics);
  Case one;
  if (case_keys().read(reader, one)) reader.finish();
  for (const CaseMember& member : one.members) {
    const std::vector<std::string> names = names_in(root, member.group);
    if (std::find(names.begin(), names.end(), member.name) == names.end())
      diagnostics.push_back(
          {member.where, fmt::format("{}: there is no {} \"{}\"{}", reader.path(), member.group, member.name,
                                     suggestion(member.name, names, member.group + "s"))});
  }
  for (const Case& other : cases)
    if (!one.name.empty() && other.name == one.name)
      diagnostics.push_back(
          {table.where, fmt::format("case \"{}\" is declared twice; give each its own name", one.name)});
  cases.push_back(std::move(one));
}

std::vector<TomlTable> take(TomlTable& root, const std::string& key, std::vector<Diagnostic>& diagnostics) {
  std::vector<TomlTable> taken;
  TableReader reader(root, "", diagnostics);
  for (const TomlTable* table : reader.tables_at(key)) taken.push_back(*table);
  std::erase_if(root.entries, [&](const TomlEntry& entry) { return entry.key == key; });
  return taken;
}

// At most one of the points that differ only in what does not concern a set runs it: where those axes have their first value.
void drop_repeated_sets(TomlTable& root, const std::vector<Axis>& axes, const std::vector<std::size_t>& at) {
  for (TomlEntry& entry : root.entries) {
    if (entry.key != "set") continue;
    auto* sets = std::get_if<TomlArray>(&entry.value.data);
    if (sets == nullptr) return;
    std::erase_if(sets->items, [&](const TomlValue& item) {
      const auto* set = std::get_if<TomlTable>(&item.data);
      const std::string name = set == nullptr ? "" : text_of(*set, "name");
      for (std::size_t a = 0; a < axes.size(); ++a) {
        const bool concerned =
            axes[a].sets.empty() || std::find(axes[a].sets.begin(), axes[a].sets.end(), name) != axes[a].sets.end();
        if (!concerned && at[a] > 0) return true;
      }
      return false;
    });
  }
}

std::string shown(const TomlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  const auto* table = std::get_if<TomlTable>(&value.data);
  if (table == nullptr) return to_text(value);
  std::string text;  // { hp = 42, be = 24 } → "42/24"
  for (const TomlEntry& entry : table->entries) text += (text.empty() ? "" : "/") + shown(entry.value);
  return text;
}

Variation make_variation(const TomlTable& root, const Case* one, const std::vector<Axis>& axes,
                         const std::vector<std::size_t>& at, std::vector<Diagnostic>& diagnostics) {
  Variation variation;
  variation.root = root;
  if (one != nullptr) {
    variation.case_name = one->name;
    for (const auto& [path, entry] : one->settings)
      if (const std::string wrong = set_at(variation.root, path, entry.key_where, entry.value); !wrong.empty())
        diagnostics.push_back({entry.key_where, fmt::format("case.{}: {}", one->name, wrong)});
  }
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const TomlValue& value = axes[a].values[at[a]];
    if (const std::string wrong = set_at(variation.root, axes[a].path, axes[a].key_where, value); !wrong.empty())
      diagnostics.push_back({axes[a].key_where, fmt::format("sweep {}: {}", axes[a].key, wrong)});
    variation.settings.push_back({axes[a].key, axes[a].label, shown(value), axes[a].sets});
  }
  resolve_like(variation.root, diagnostics);
  drop_repeated_sets(variation.root, axes, at);
  return variation;
}

// Counts through the grid, the last axis fastest; false after the last point.
bool advance(std::vector<std::size_t>& at, const std::vector<Axis>& axes) {
  for (std::size_t a = axes.size(); a-- > 0;) {
    if (++at[a] < axes[a].values.size()) return true;
    at[a] = 0;
  }
  return false;
}

}  // namespace

SectionFacts case_facts() { return case_keys().facts(); }
SectionFacts sweep_facts() { return sweep_keys().facts(); }

std::vector<Variation> take_variations(TomlTable& root, std::vector<Diagnostic>& diagnostics) {
  std::vector<Variation> variations;
  const std::vector<TomlTable> case_tables = take(root, "case", diagnostics);
  const std::vector<TomlTable> sweep_tables = take(root, "sweep", diagnostics);
  if (case_tables.empty() && sweep_tables.empty()) return variations;
  std::vector<Case> cases;
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < case_tables.size(); ++i) read_case(root, case_tables[i], i, cases, diagnostics);
  for (std::size_t i = 0; i < sweep_tables.size(); ++i) read_sweep(root, sweep_tables[i], i, axes, diagnostics);
  std::size_t points = std::max<std::size_t>(cases.size(), 1);
  for (const Axis& axis : axes) points = points > kVariationsMax ? points : points * axis.values.size();
  if (points > kVariationsMax)
    diagnostics.push_back({root.where, fmt::format("cases and sweeps make more than {} combinations", kVariationsMax)});
  if (!diagnostics.empty()) return variations;
  for (std::size_t c = 0; c < std::max<std::size_t>(cases.size(), 1); ++c) {
    std::vector<std::size_t> at(axes.size(), 0);
    do {
      variations.push_back(make_variation(root, cases.empty() ? nullptr : &cases[c], axes, at, diagnostics));
    } while (diagnostics.size() < 50 && advance(at, axes));
  }
  return variations;
}

}  // namespace lithos
