// SPDX-License-Identifier: Apache-2.0
// [[plugin]], and what it has in common with policies: parameters whose types are declared elsewhere.
#include <fmt/format.h>

#include "config/key_table.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

// What a policy's parameter can be; its type and range are the policy's to say.
struct ToRaw {
  std::optional<RawValue> operator()(const TomlArray&) const { return std::nullopt; }
  std::optional<RawValue> operator()(const TomlTable&) const { return std::nullopt; }
  std::optional<RawValue> operator()(const TomlDate&) const { return std::nullopt; }
  std::optional<RawValue> operator()(const auto& scalar) const { return RawValue{scalar, {}}; }
};

}  // namespace

void read_params(const TomlTable& table, const std::string& path, PolicyChoice& choice,
                 std::vector<Diagnostic>& diagnostics) {
  for (const TomlEntry& entry : table.entries) {
    std::optional<RawValue> raw = std::visit(ToRaw{}, entry.value.data);
    if (!raw) {
      diagnostics.push_back({entry.value.where, fmt::format("{}.{} = {}: a parameter is a number, text, true or false",
                                                            path, entry.key, to_text(entry.value))});
      continue;
    }
    raw->where = entry.value.where;
    choice.params.emplace(entry.key, std::move(*raw));
  }
}

namespace {

// What a file says, before it is seen which of the two kinds it means.
struct PluginSection {
  std::string exporter, power, set;
  PolicyChoice choice;
};

const KeyTable<PluginSection>& plugin_keys() {
  using S = PluginSection;
  static const KeyTable<S> keys(
      "[[plugin]]",
      {text_key("exporter", &S::exporter, "an exporter's id, or the id's last part: `\"jsonl\"`, `\"prometheus\"`",
                {.example = "jsonl", .unset = "this or `power`"}),
       text_key("power", &S::power, "power control likewise: `\"none\"`", {.example = "none", .unset = "this or `exporter`"}),
       own_key<S>("path", "file", "none", "a library outside the folders that are searched",
                  [](TableReader& reader, S& into) { reader.file("path", into.choice.path); }),
       own_key<S>("set", "name", "the first", "`lithos sim`: loaded for the first run of this set, and for no other",
                  [](TableReader& reader, S& into) { reader.name("set", into.set, {.example = "lithos"}); }),
       own_key<S>("params", "table", "the plugin's own", "parameters; their keys, units and ranges are the plugin's",
                  [](TableReader& reader, S& into) {
                    if (const TomlTable* params = reader.table_at("params"))
                      read_params(*params, reader.at("params"), into.choice, reader.diagnostics());
                  })});
  return keys;
}

}  // namespace

SectionFacts plugin_facts() { return plugin_keys().facts(); }

PluginConfig read_plugin(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("plugin[{}]", index), diagnostics);
  PluginSection section;
  section.choice.where = table.where;
  const std::size_t before = diagnostics.size();
  if (plugin_keys().read(reader, section)) reader.finish();
  PluginConfig plugin;
  plugin.kind = section.power.empty() ? PluginKind::exporter : PluginKind::power;
  plugin.choice = std::move(section.choice);
  plugin.choice.id = section.power.empty() ? section.exporter : section.power;
  plugin.set = section.set;
  for (const char* key : {"exporter", "power"})
    if (const TomlEntry* entry = table.find(key)) plugin.choice.where = entry->value.where;
  if (section.exporter.empty() == section.power.empty() && diagnostics.size() == before)
    reader.complain(table.where, fmt::format("{}: expected one of exporter = \"jsonl\" and power = \"none\"{}",
                                             reader.path(), section.power.empty() ? "" : ", not both"));
  return plugin;
}

}  // namespace lithos
