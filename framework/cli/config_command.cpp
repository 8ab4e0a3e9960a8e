// SPDX-License-Identifier: Apache-2.0
// lithos config check: everything `lithos sim` would find wrong before it starts.
// lithos config keys: what there is to say in a configuration, from the tables that read it.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/load.hpp"
#include "config/reference.hpp"
#include "config/table_reader.hpp"

namespace lithos {
namespace {

// "[[tenant]]" → "tenant": what a person types.
std::string typed(const std::string& title) {
  std::string word;
  for (const char c : title)
    if (c != '[' && c != ']') word += c;
  return word;
}

}  // namespace

ExitCode run_config_check(const ConfigCheckArguments& arguments, Console& console) {
  bool all_good = true;
  for (const std::string& path : arguments.files) {
    const LoadedConfig loaded = load_config(path, arguments.policy_path);
    if (loaded.diagnostics.empty()) {
      console.out << fmt::format("{}: ok: {} tenants, {} sets\n", path, loaded.config.tenants.size(),
                                 loaded.config.sets.size());
      continue;
    }
    all_good = false;
    console.err << render_diagnostics(path, loaded.diagnostics);
  }
  return all_good ? ExitCode::ok : ExitCode::bad_input;
}

ExitCode run_config_keys(const ConfigKeysArguments& arguments, Console& console) {
  const std::string wanted = typed(arguments.section);
  std::vector<std::string> known;
  for (const SectionFacts& section : configuration_sections()) {
    known.push_back(typed(section.title));
    if (wanted.empty() || wanted == known.back())
      console.out << fmt::format("## {}\n\n{}\n", section.title, to_markdown(section));
  }
  if (wanted.empty()) console.out << fmt::format("## Quantities\n\n{}", to_markdown(quantities()));
  if (wanted.empty() || std::find(known.begin(), known.end(), wanted) != known.end()) return ExitCode::ok;
  console.err << fmt::format("lithos: no section \"{}\"{}\n", arguments.section, suggestion(wanted, known, "sections"));
  return ExitCode::usage;
}

}  // namespace lithos
