// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <regex>

#include "config/read_file.hpp"
#include "config/table_reader.hpp"

namespace lithos {
namespace {

KernelRule read_rule(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("kernel[{}]", index), diagnostics);
  KernelRule rule;
  if (reader.text("pattern", rule.pattern, {.example = "^nvjet_sm90_", .required = true})) {
    try {
      const std::regex compiled(rule.pattern, std::regex::ECMAScript);
    } catch (const std::regex_error& error) {
      reader.complain(table.find("pattern")->value.where,
                      fmt::format("{} = \"{}\": not a regular expression (ECMAScript): {}", reader.at("pattern"),
                                  rule.pattern, error.what()));
    }
  }
  reader.choice<KernelNature>("nature", rule.nature,
                              {{"unknown", KernelNature::unknown},
                               {"independent", KernelNature::independent},
                               {"co_resident", KernelNature::co_resident},
                               {"never_touch", KernelNature::never_touch}},
                              {.example = "independent", .required = true});
  reader.flag("persistent", rule.persistent);
  // A rule that nobody can check is worse than none: an unaudited kernel is treated with care.
  reader.text("reason", rule.reason, {.example = "read in the library's source", .required = true});
  reader.finish();
  return rule;
}

}  // namespace

ParsedKernelRules parse_kernel_rules_text(const std::string& text, const std::string& file_name) {
  ParsedKernelRules parsed;
  ParsedToml toml = parse_toml(text, file_name);
  parsed.diagnostics = std::move(toml.diagnostics);
  if (!parsed.diagnostics.empty()) return parsed;

  KernelRules rules;
  TableReader reader(toml.root, "", parsed.diagnostics);
  for (const TomlTable* rule : reader.tables_at("kernel"))
    rules.rules.push_back(read_rule(*rule, rules.rules.size(), parsed.diagnostics));
  reader.finish();
  sort_by_position(parsed.diagnostics);
  if (parsed.diagnostics.empty()) parsed.rules = std::move(rules);
  return parsed;
}

ParsedKernelRules parse_kernel_rules_file(const std::string& path) {
  const Result<std::string> text = read_text_file(path);
  if (!text.ok()) return {std::nullopt, {{{path, 0, 0}, text.status().message()}}};
  return parse_kernel_rules_text(text.value(), path);
}

}  // namespace lithos
