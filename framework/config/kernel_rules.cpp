// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <regex>

#include "config/key_table.hpp"
#include "config/read_file.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

void read_pattern(TableReader& reader, std::string& pattern) {
  if (!reader.text("pattern", pattern, {.example = "^nvjet_sm90_", .required = true})) return;
  try {
    const std::regex compiled(pattern, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    reader.complain(reader.table().find("pattern")->value.where,
                    fmt::format("{} = \"{}\": not a regular expression (ECMAScript): {}", reader.at("pattern"), pattern,
                                error.what()));
  }
}

const KeyTable<KernelRule>& rule_keys() {
  using K = KernelRule;
  static const KeyTable<K> keys(
      "[[kernel]]",
      {own_key<K>("pattern", "text", "", "ECMAScript regular expression, searched for in the kernel's name",
                  [](TableReader& reader, K& into) { read_pattern(reader, into.pattern); }),
       choice_key("nature", &K::nature,
                  Choices<KernelNature>{{"unknown", KernelNature::unknown},
                                        {"independent", KernelNature::independent},
                                        {"co_resident", KernelNature::co_resident},
                                        {"never_touch", KernelNature::never_touch}},
                  "whether its blocks may wait for each other; `never_touch`: not held, limited, cut or right-sized",
                  {.required = true, .example = "independent"}),
       flag_key("persistent", &K::persistent, "one wave that pulls tiles: fewer TPCs stretch it, cutting buys nothing"),
       // A rule that nobody can check is worse than none: an unaudited kernel is treated with care.
       text_key("reason", &K::reason, "how anybody knows",
                {.required = true, .example = "read in the library's source"})});
  return keys;
}

KernelRule read_rule(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("kernel[{}]", index), diagnostics);
  KernelRule rule;
  if (rule_keys().read(reader, rule)) reader.finish();
  return rule;
}

}  // namespace

SectionFacts kernel_rule_facts() { return rule_keys().facts(); }

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
