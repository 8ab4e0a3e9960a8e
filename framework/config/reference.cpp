// SPDX-License-Identifier: Apache-2.0
#include "config/reference.hpp"

#include <fmt/format.h>

#include <limits>

#include "config/sections.hpp"

namespace lithos {

std::vector<SectionFacts> configuration_sections() {
  std::vector<SectionFacts> sections;
  for (const auto facts : {root_facts, run_facts, tenant_facts, arrivals_facts, set_facts, policy_facts, plugin_facts, case_facts,
                           sweep_facts, transport_facts, kernel_rule_facts})
    sections.push_back(facts());
  return sections;
}

std::string to_markdown(const SectionFacts& section) {
  std::string text = "| key | type | default | meaning |\n|---|---|---|---|\n";
  for (const KeyFacts& key : section.keys)
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.key, key.type, key.initial.empty() ? "required" : key.initial,
                        key.doc);
  return text;
}

std::string to_markdown(const std::vector<QuantityFacts>& quantities) {
  std::string text = "| quantity | units | for example |\n|---|---|---|\n";
  for (const QuantityFacts& quantity : quantities)
    text += fmt::format("| {} | `{}` | {} |\n", quantity.name, quantity.units, written(quantity.example));
  return text;
}

std::string written(const std::string& text) { return fmt::format("`\"{}\"`", text); }
std::string written(bool value) { return value ? "`true`" : "`false`"; }
std::string written(double value) { return fmt::format("`{}`", value); }
std::string written(std::uint64_t value) { return fmt::format("`{}`", value); }
std::string written(Nanoseconds value) { return written(format_duration(value)); }

std::string range_text(const std::string& type, double min, double max) {
  return fmt::format("{}, {} to {}", type, min, max);
}

std::string range_text(const std::string& type, std::uint64_t min, std::uint64_t max) {
  if (max < static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return fmt::format("{}, {} to {}", type, min, max);
  return min == 0 ? type : fmt::format("{}, at least {}", type, min);
}

std::string range_text(const std::string& type, Nanoseconds min) {
  if (min < Nanoseconds{0}) return type + ", may be negative";
  return min == Nanoseconds{0} ? type : fmt::format("{}, at least {}", type, format_duration(min));
}

}  // namespace lithos
