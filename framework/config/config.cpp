// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/inherit.hpp"
#include "config/key_table.hpp"
#include "config/read_file.hpp"
#include "config/sections.hpp"
#include "config/variations.hpp"

namespace lithos {
namespace {

const KeyTable<RunConfig>& run_keys() {
  static const KeyTable<RunConfig> keys(
      "[run]",
      {duration_key("duration", &RunConfig::duration, "simulated time, warm-up included", Nanoseconds{1'000'000}),
       duration_key("warmup", &RunConfig::warmup, "not counted"),
       count_key("seed", &RunConfig::seed, "everything random comes from it"),
       count_key("seeds", &RunConfig::seeds, "runs of each set: with `seed`, `seed` + 1, …", {.min = 1, .max = 1000}),
       count_key("max_requests", &RunConfig::max_requests,
                 "stop after so many requests of open-loop tenants; 0: by duration only")});
  return keys;
}

const KeyTable<TransportConfig>& transport_keys() {
  using T = TransportConfig;
  static const KeyTable<T> keys(
      "[transport]",
      {duration_key("delay", &T::delay, "until a record or lease is visible"),
       duration_key("jitter", &T::jitter, "up to so much on top of `delay`"),
       duration_key("reclaim_delay", &T::reclaim_delay, "until a borrower sees the owner's pressure"),
       duration_key("completion_delay", &T::completion_delay, "from a kernel's end until its tenant has seen it"),
       duration_key("decision_delay", &T::decision_delay, "the daemon wakes, decides, publishes"),
       number_key("loss", &T::loss, "share of records that are lost", 0, 1),
       number_key("reorder", &T::reorder, "share of records that are overtaken by the next", 0, 1),
       duration_key("clock_offset", &T::clock_offset, "the tenants' clocks minus the engine's", Nanoseconds::min())});
  return keys;
}

void read_run(const TomlTable& table, RunConfig& run, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, "run", diagnostics);
  if (run_keys().read(reader, run)) reader.finish();
  if (run.warmup >= run.duration)
    reader.complain(table.where,
                    fmt::format("run: warmup ({}) must be shorter than duration ({}), or nothing is counted",
                                format_duration(run.warmup), format_duration(run.duration)));
}

void read_transport(const TomlTable& table, TransportConfig& transport, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, "transport", diagnostics);
  if (transport_keys().read(reader, transport)) reader.finish();
}

// What a set inherits (`like`) and is wrong has been reported where it stands.
void drop_inherited(std::vector<Diagnostic>& diagnostics, std::size_t before) {
  const auto same_place = [](const SourcePosition& a, const SourcePosition& b) {
    return a.line == b.line && a.column == b.column;
  };
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

void read_sets(TableReader& reader, std::vector<PolicySetConfig>& sets) {
  for (const TomlTable* set : reader.tables_at("set")) {
    const std::size_t before = reader.diagnostics().size();
    sets.push_back(read_policy_set(*set, sets.size(), reader.diagnostics()));
    drop_inherited(reader.diagnostics(), before);
  }
}

const KeyTable<Config>& root_keys() {
  using R = TableReader;
  static const KeyTable<Config> keys(
      "Top level",
      {own_key<Config>("gpu", "text or file", written(Config{}.gpu), "the virtual GPU",
                       [](R& reader, Config& into) { read_gpu(reader, into.gpu); }),
       file_key("kernel_rules", &Config::kernel_rules,
                "which kernels' blocks may wait for each other ([below](#kernel-rules))",
                {.unset = "the shipped ones"}),
       own_key<Config>("policy_path", "list of folders", "none", "searched for policies before the installed ones",
                       [](R& reader, Config& into) { read_policy_path(reader, into.policy_path); }),
       text_key("baseline", &Config::baseline, "the set that the table compares p99 with", {.unset = "none"}),
       own_key<Config>("run", "table", "its keys' own", "how long, how often ([below](#run))",
                       [](R& reader, Config& into) {
                         if (const TomlTable* run = reader.table_at("run"))
                           read_run(*run, into.run, reader.diagnostics());
                       }),
       own_key<Config>("transport", "table", "its keys' own",
                       "imperfections between tenants and engine ([below](#transport))",
                       [](R& reader, Config& into) {
                         if (const TomlTable* transport = reader.table_at("transport"))
                           read_transport(*transport, into.transport, reader.diagnostics());
                       }),
       own_key<Config>("tenant", "tables", "", "one each, `[[tenant]]` ([below](#tenant))",
                       [](R& reader, Config& into) {
                         for (const TomlTable* tenant : reader.tables_at("tenant"))
                           into.tenants.push_back(read_tenant(*tenant, into.tenants.size(), reader.diagnostics()));
                       }),
       own_key<Config>("set", "tables", "", "one for each set of policies, `[[set]]` ([below](#set))",
                       [](R& reader, Config& into) { read_sets(reader, into.sets); }),
       own_key<Config>("plugin", "tables", "none", "one for each plugin, `[[plugin]]` ([below](#plugin))",
                       [](R& reader, Config& into) {
                         for (const TomlTable* plugin : reader.tables_at("plugin"))
                           into.plugins.push_back(read_plugin(*plugin, into.plugins.size(), reader.diagnostics()));
                       }),
       // These two are taken by variations.cpp: known here, for suggestions.
       own_key<Config>("case", "tables", "none",
                       "one for each variant of the rest, `[[case]]` ([below](#case-and-sweep))",
                       [](R& reader, Config&) { reader.any("case"); }),
       own_key<Config>("sweep", "tables", "none", "one for each axis of a grid, `[[sweep]]` ([below](#case-and-sweep))",
                       [](R& reader, Config&) { reader.any("sweep"); })});
  return keys;
}

void read_root(const TomlTable& root, Config& config, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(root, "", diagnostics);
  if (root_keys().read(reader, config)) reader.finish();
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
    if (diagnostics[i].where.line == diagnostics[i - 1].where.line &&
        diagnostics[i].where.column == diagnostics[i - 1].where.column)
      diagnostics.erase(diagnostics.begin() + static_cast<std::ptrdiff_t>(i));
  return config;
}

}  // namespace

SectionFacts root_facts() { return root_keys().facts(); }
SectionFacts run_facts() { return run_keys().facts(); }
SectionFacts transport_facts() { return transport_keys().facts(); }

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
    parsed.points.push_back({variation.case_name, std::move(variation.settings),
                             read_config(variation.root, file_name, parsed.diagnostics)});
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

Result<Config> config_of_case(const std::vector<ConfigPoint>& points, const std::string& name) {
  std::vector<std::string> known;
  for (const ConfigPoint& point : points) {
    if (point.case_name == name && !name.empty()) return point.config;
    if (!point.case_name.empty() && (known.empty() || known.back() != point.case_name)) known.push_back(point.case_name);
  }
  if (known.empty()) return not_found(fmt::format("no case is called \"{}\": the file has none", name));
  const std::string near = closest_word(name, known);
  return not_found(fmt::format("no case is called \"{}\"; {}", name,
                               near.empty() ? fmt::format("there are: {}", fmt::join(known, ", ")) : fmt::format("did you mean \"{}\"?", near)));
}

ParsedConfig parse_config_file(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text.ok()) return {std::nullopt, {{{path, 0, 0}, text.status().message()}}};
  return parse_config_text(text.value(), path);
}

}  // namespace lithos
