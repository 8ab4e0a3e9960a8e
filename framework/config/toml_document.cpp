// SPDX-License-Identifier: Apache-2.0
#include "config/toml_document.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

namespace lithos {
namespace {

constexpr std::size_t kMaxShown = 200;  // bytes of a text value in a message

SourcePosition position(const toml::source_region& region, const std::string& file) {
  return {file, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

TomlTable convert_table(const toml::table& table, const std::string& file);

TomlValue convert(const toml::node& node, const std::string& file) {
  TomlValue value{TomlDate{}, position(node.source(), file)};
  if (const auto* boolean = node.as_boolean()) value.data = boolean->get();
  else if (const auto* integer = node.as_integer()) value.data = integer->get();
  else if (const auto* number = node.as_floating_point()) value.data = number->get();
  else if (const auto* text = node.as_string()) value.data = text->get();
  else if (const auto* table = node.as_table()) value.data = convert_table(*table, file);
  else if (const auto* array = node.as_array()) {
    TomlArray items;
    for (const toml::node& item : *array) items.items.push_back(convert(item, file));
    value.data = std::move(items);
  }
  return value;
}

TomlTable convert_table(const toml::table& table, const std::string& file) {
  TomlTable converted;
  converted.where = position(table.source(), file);
  for (const auto& [key, node] : table)
    converted.entries.push_back({std::string(key.str()), position(key.source(), file), convert(node, file)});
  // toml++ sorts by key; messages and readers want the order of the file.
  std::stable_sort(converted.entries.begin(), converted.entries.end(), [](const TomlEntry& a, const TomlEntry& b) {
    return std::pair(a.key_where.line, a.key_where.column) < std::pair(b.key_where.line, b.key_where.column);
  });
  return converted;
}

}  // namespace

const TomlEntry* TomlTable::find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const TomlEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

ParsedToml parse_toml(const std::string& text, const std::string& file_name) {
  ParsedToml parsed;
  try {
    parsed.root = convert_table(toml::parse(std::string_view(text), file_name), file_name);
    parsed.root.where = {file_name, 1, 1};
  } catch (const toml::parse_error& error) {
    parsed.diagnostics.push_back(
        {position(error.source(), file_name), "not valid TOML: " + std::string(error.description())});
  }
  return parsed;
}

std::string to_text(const TomlValue& value) {
  struct Writer {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return fmt::format("{}", v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const {
      return v.size() > kMaxShown ? fmt::format("\"{}…\"", v.substr(0, kMaxShown)) : fmt::format("\"{}\"", v);
    }
    std::string operator()(const TomlDate&) const { return "a date"; }
    std::string operator()(const TomlArray& v) const { return v.items.empty() ? "[]" : "[ … ]"; }
    std::string operator()(const TomlTable& v) const { return v.entries.empty() ? "{}" : "{ … }"; }
  };
  return std::visit(Writer{}, value.data);
}

}  // namespace lithos
