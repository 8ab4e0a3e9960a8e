// SPDX-License-Identifier: Apache-2.0
// [[plugin]], and what it has in common with policies: parameters whose types are declared elsewhere.
#include <fmt/format.h>

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

PluginConfig read_plugin(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("plugin[{}]", index), diagnostics);
  PluginConfig plugin;
  plugin.choice.where = table.where;
  std::string exporter, power;
  const bool is_exporter = reader.text("exporter", exporter, {.example = "jsonl"});
  const bool is_power = reader.text("power", power, {.example = "nvml"});
  plugin.kind = is_power ? PluginKind::power : PluginKind::exporter;
  plugin.choice.id = is_power ? power : exporter;
  if (is_exporter == is_power && (is_exporter || (!table.find("exporter") && !table.find("power"))))
    reader.complain(table.where, fmt::format("{}: expected one of exporter = \"jsonl\" and power = \"nvml\"{}",
                                             reader.path(), is_exporter ? ", not both" : ""));
  for (const char* key : {"exporter", "power"})
    if (const TomlEntry* entry = table.find(key)) plugin.choice.where = entry->value.where;
  reader.file("path", plugin.choice.path);
  reader.name("set", plugin.set, {.example = "lithos"});
  if (const TomlTable* params = reader.table_at("params"))
    read_params(*params, reader.at("params"), plugin.choice, diagnostics);
  reader.finish();
  return plugin;
}

}  // namespace lithos
