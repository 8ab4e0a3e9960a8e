// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/read_file.hpp"
#include "config/inherit.hpp"
#include "config/sections.hpp"
#include "config/variations.hpp"

namespace lithos {
namespace {

void read_run(const TomlTable& table, RunConfig& run, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, "run", diagnostics);
  reader.duration("duration", run.duration, Nanoseconds{1'000'000});
  reader.duration("warmup", run.warmup);
  reader.count("seed", run.seed);
  reader.count("seeds", run.seeds, 1, 1000);
  reader.count("max_requests", run.max_requests);
  reader.finish();
  if (run.warmup >= run.duration)
    reader.complain(table.where,
                    fmt::format("run: warmup ({}) must be shorter than duration ({}), or nothing is counted",
                                format_duration(run.warmup), format_duration(run.duration)));
}

void read_transport(const TomlTable& table, TransportConfig& transport, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, "transport", diagnostics);
  reader.duration("delay", transport.delay);
  reader.duration("jitter", transport.jitter);
  reader.duration("reclaim_delay", transport.reclaim_delay);
  reader.duration("completion_delay", transport.completion_delay);
  reader.duration("decision_delay", transport.decision_delay);
  reader.number("loss", transport.loss, 0, 1);
  reader.number("reorder", transport.reorder, 0, 1);
  reader.duration("clock_offset", transport.clock_offset, Nanoseconds::min());
  reader.finish();
}

// What a set inherits (`like`) and is wrong has been reported where it stands.
void drop_inherited(std::vector<Diagnostic>& diagnostics, std::size_t before) {
  const auto same_place = [](const SourcePosition& a, const SourcePosition& b) { return a.line == b.line && a.column == b.column; };
  for (std::size_t i = diagnostics.size(); i-- > before;)
    for (std::size_t j = 0; j < before; ++j)
      if (same_place(diagnostics[i].where, diagnostics[j].where)) {
        diagnostics.erase(diagnostics.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
}

// A built-in name, or a file: anything that looks like a path must exist.
void read_gpu(TableReader& reader, std::string& gpu) {
  const TomlEntry* entry = reader.table().find("gpu");
  const auto* text = entry ? std::get_if<std::string>(&entry->value.data) : nullptr;
  const bool path =
      text && (text->find('/') != std::string::npos || text->ends_with(".toml") || text->ends_with(".json"));
  if (path) reader.file("gpu", gpu);
  else reader.text("gpu", gpu, {.example = "h200"});
}

void read_policy_path(TableReader& reader, std::vector<std::string>& folders) {
  for (const auto& [folder, where] : reader.texts_at("policy_path", "[\"/opt/acme/policies\"]")) {
    const std::string path = relative_to_file(folder, where.file);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) folders.push_back(path);
    else reader.complain(where, fmt::format("policy_path: no such folder: {}", path));
  }
}

void read_root(const TomlTable& root, Config& config, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(root, "", diagnostics);
  read_gpu(reader, config.gpu);
  reader.file("kernel_rules", config.kernel_rules);
  read_policy_path(reader, config.policy_path);
  reader.text("baseline", config.baseline);
  if (const TomlTable* run = reader.table_at("run")) read_run(*run, config.run, diagnostics);
  if (const TomlTable* transport = reader.table_at("transport"))
    read_transport(*transport, config.transport, diagnostics);
  for (const TomlTable* tenant : reader.tables_at("tenant"))
    config.tenants.push_back(read_tenant(*tenant, config.tenants.size(), diagnostics));
  for (const TomlTable* set : reader.tables_at("set")) {
    const std::size_t before = diagnostics.size();
    config.sets.push_back(read_policy_set(*set, config.sets.size(), diagnostics));
    drop_inherited(diagnostics, before);
  }
  for (const TomlTable* plugin : reader.tables_at("plugin"))
    config.plugins.push_back(read_plugin(*plugin, config.plugins.size(), diagnostics));
  for (const char* taken : {"case", "sweep"}) reader.any(taken);  // by variations.cpp: known, for suggestions
  reader.finish();
  if (!root.find("tenant")) reader.complain(root.where, "no [[tenant]]: at least one is needed");
  if (!root.find("set")) reader.complain(root.where, "no [[set]]: at least one set of policies is needed");
}

Config read_config(const TomlTable& root, const std::string& file_name, std::vector<Diagnostic>& diagnostics) {
  Config config;
  config.file = file_name;
  read_root(root, config, diagnostics);
  const std::size_t before = diagnostics.size();
  check_references(config, root, diagnostics);
  for (std::size_t i = diagnostics.size(); i-- > before + 1;)
    if (diagnostics[i].where.line == diagnostics[i - 1].where.line && diagnostics[i].where.column == diagnostics[i - 1].where.column)
      diagnostics.erase(diagnostics.begin() + static_cast<std::ptrdiff_t>(i));
  return config;
}

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  const SourcePosition& where = diagnostic.where;
  std::string text = where.line == 0
                         ? fmt::format("{}: {}", where.file, diagnostic.message)
                         : fmt::format("{}:{}:{}: {}", where.file, where.line, where.column, diagnostic.message);
  // Names and paths come from the file as they are: what would break the line or steer a terminal does not get out.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

ParsedConfig parse_config_text(const std::string& text, const std::string& file_name) {
  ParsedConfig parsed;
  ParsedToml toml = parse_toml(text, file_name);
  parsed.diagnostics = std::move(toml.diagnostics);
  if (!parsed.diagnostics.empty()) return parsed;

  std::vector<Variation> variations = take_variations(toml.root, parsed.diagnostics);
  resolve_like(toml.root, parsed.diagnostics);
  Config config = read_config(toml.root, file_name, parsed.diagnostics);
  for (Variation& variation : variations) {
    // What is wrong in the file itself is wrong at every point: said once.
    if (!parsed.diagnostics.empty()) break;
    parsed.points.push_back({variation.case_name, std::move(variation.settings), read_config(variation.root, file_name, parsed.diagnostics)});
  }
  sort_by_position(parsed.diagnostics);
  if (!parsed.diagnostics.empty()) {
    parsed.points.clear();
    return parsed;
  }
  if (parsed.points.empty()) parsed.points.push_back({"", {}, config});
  parsed.config = std::move(config);
  return parsed;
}

ParsedConfig parse_config_file(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text.ok()) return {std::nullopt, {{{path, 0, 0}, text.status().message()}}};
  return parse_config_text(text.value(), path);
}

}  // namespace lithos
