// SPDX-License-Identifier: Apache-2.0
#include "config/table_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace lithos {
namespace {

constexpr std::size_t kMaxNameLength = 32;
constexpr std::size_t kMaxNearFiles = 3;

bool is_name(const std::string& text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= kMaxNameLength && std::all_of(text.begin(), text.end(), allowed);
}

std::string for_example(const std::string& key, const std::string& example) {
  return example.empty() ? "" : fmt::format(", for example {} = \"{}\"", key, example);
}

}  // namespace

const TomlEntry* TableReader::find(const std::string& key, const ReadOptions& options) {
  known_.push_back(key);
  const TomlEntry* entry = table_.find(key);
  if (!entry && options.required)
    complain(table_.where, fmt::format("{}: \"{}\" is missing{}", path_, key, for_example(key, options.example)));
  return entry;
}

void TableReader::wrong(const TomlEntry& entry, const std::string& expected) {
  complain(entry.value.where, fmt::format("{} = {}: {}", at(entry.key), to_text(entry.value), expected));
}

bool TableReader::text(const std::string& key, std::string& into, const ReadOptions& options) {
  const TomlEntry* entry = find(key, options);
  if (!entry) return false;
  const auto* value = std::get_if<std::string>(&entry->value.data);
  if (!value || value->empty()) {
    wrong(*entry, "expected text" + for_example(key, options.example));
    return false;
  }
  into = *value;
  return true;
}

bool TableReader::name(const std::string& key, std::string& into, const ReadOptions& options) {
  std::string value;
  if (!text(key, value, options)) return false;
  if (!is_name(value)) {
    wrong(*table_.find(key), fmt::format("a name is 1 to {} letters, digits, '_', '-' or '.'", kMaxNameLength));
    return false;
  }
  into = value;
  return true;
}

bool TableReader::flag(const std::string& key, bool& into) {
  const TomlEntry* entry = find(key, {});
  if (!entry) return false;
  const auto* value = std::get_if<bool>(&entry->value.data);
  if (value) into = *value;
  else wrong(*entry, "expected true or false");
  return value != nullptr;
}

bool TableReader::number(const std::string& key, double& into, double min, double max) {
  const TomlEntry* entry = find(key, {});
  if (!entry) return false;
  double value = std::nan("");
  if (const auto* real = std::get_if<double>(&entry->value.data)) value = *real;
  else if (const auto* integer = std::get_if<std::int64_t>(&entry->value.data)) value = static_cast<double>(*integer);
  if (!(value >= min && value <= max)) {  // also NaN
    wrong(*entry, fmt::format("expected a number from {} to {}", min, max));
    return false;
  }
  into = value;
  return true;
}

bool TableReader::count_u64(const std::string& key, std::uint64_t& into, std::uint64_t min, std::uint64_t max) {
  const TomlEntry* entry = find(key, {});
  if (!entry) return false;
  const auto* value = std::get_if<std::int64_t>(&entry->value.data);
  if (!value || *value < 0 || static_cast<std::uint64_t>(*value) < min || static_cast<std::uint64_t>(*value) > max) {
    const bool bounded = max < static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    wrong(*entry, bounded ? fmt::format("expected a whole number from {} to {}", min, max)
                          : fmt::format("expected a whole number, at least {}", min));
    return false;
  }
  into = static_cast<std::uint64_t>(*value);
  return true;
}

template <class T, class Parse>
bool TableReader::quantity(const std::string& key, T& into, Parse parse, const ReadOptions& options) {
  const TomlEntry* entry = find(key, options);
  if (!entry) return false;
  const auto* text = std::get_if<std::string>(&entry->value.data);
  if (!text) {
    // A bare number is the usual slip: parsing its text says which units there are.
    const auto hint = parse(to_text(entry->value));
    wrong(*entry, hint.ok() ? "expected text with a unit" : hint.status().message());
    return false;
  }
  const auto value = parse(*text);
  if (!value.ok()) {
    wrong(*entry, value.status().message());
    return false;
  }
  into = value.value();
  return true;
}

bool TableReader::duration(const std::string& key, Nanoseconds& into, Nanoseconds min, const ReadOptions& options) {
  Nanoseconds value{0};
  if (!quantity(key, value, parse_duration, options)) return false;
  if (value < min) {
    wrong(*table_.find(key), fmt::format("expected at least {}", format_duration(min)));
    return false;
  }
  into = value;
  return true;
}

bool TableReader::bytes(const std::string& key, std::uint64_t& into) { return quantity(key, into, parse_bytes, {}); }

bool TableReader::rate(const std::string& key, double& into, const ReadOptions& options) {
  double value = 0;
  if (!quantity(key, value, parse_rate, options)) return false;
  if (!(value > 0)) {
    wrong(*table_.find(key), "a rate must be above zero");
    return false;
  }
  into = value;
  return true;
}

std::optional<std::size_t> TableReader::choice_index(const std::string& key, const std::vector<std::string>& words,
                                                     const ReadOptions& options) {
  const TomlEntry* entry = find(key, options);
  if (!entry) return std::nullopt;
  const auto* value = std::get_if<std::string>(&entry->value.data);
  const auto found = value ? std::find(words.begin(), words.end(), *value) : words.end();
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::string near = value ? closest_word(*value, words) : "";
  wrong(*entry, fmt::format("expected one of \"{}\"{}", fmt::join(words, "\", \""),
                            near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  return std::nullopt;
}

const TomlEntry* TableReader::any(const std::string& key) { return find(key, {}); }

const TomlTable* TableReader::table_at(const std::string& key) {
  const TomlEntry* entry = find(key, {});
  if (!entry) return nullptr;
  const auto* value = std::get_if<TomlTable>(&entry->value.data);
  if (!value) wrong(*entry, fmt::format("expected a table, [{}] or {} = {{ … }}", at(key), key));
  return value;
}

std::vector<const TomlTable*> TableReader::tables_at(const std::string& key) {
  std::vector<const TomlTable*> tables;
  const TomlEntry* entry = find(key, {});
  if (!entry) return tables;
  const auto* array = std::get_if<TomlArray>(&entry->value.data);
  const auto is_table = [](const TomlValue& item) { return std::holds_alternative<TomlTable>(item.data); };
  if (!array || !std::all_of(array->items.begin(), array->items.end(), is_table)) {
    complain(entry->key_where, fmt::format("{0} is written with two brackets, [[{0}]], once for each", at(key)));
    return tables;
  }
  for (const TomlValue& item : array->items) tables.push_back(&std::get<TomlTable>(item.data));
  return tables;
}

std::vector<std::pair<std::string, SourcePosition>> TableReader::texts_at(const std::string& key,
                                                                          const std::string& example) {
  std::vector<std::pair<std::string, SourcePosition>> texts;
  const TomlEntry* entry = find(key, {});
  if (!entry) return texts;
  const auto* array = std::get_if<TomlArray>(&entry->value.data);
  const auto is_text = [](const TomlValue& item) {
    const auto* text = std::get_if<std::string>(&item.data);
    return text && !text->empty();
  };
  if (!array || array->items.empty() || !std::all_of(array->items.begin(), array->items.end(), is_text)) {
    wrong(*entry, fmt::format("expected a list of text, for example {} = {}", key, example));
    return texts;
  }
  for (const TomlValue& item : array->items) texts.emplace_back(std::get<std::string>(item.data), item.where);
  return texts;
}

bool TableReader::file(const std::string& key, std::string& into, const ReadOptions& options) {
  std::string value;
  if (!text(key, value, options)) return false;
  const std::string path = relative_to_file(value, table_.where.file);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    wrong(*table_.find(key), fmt::format("no such file: {}{}", path, near_files(path)));
    return false;
  }
  into = path;
  return true;
}

void TableReader::refuse(const std::string& key, const std::string& why) {
  known_.push_back(key);
  if (const TomlEntry* entry = table_.find(key)) complain(entry->key_where, fmt::format("{}: {}", at(key), why));
}

void TableReader::finish() {
  for (const TomlEntry& entry : table_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const bool table = std::holds_alternative<TomlTable>(entry.value.data);
    complain(entry.key_where, fmt::format("{}unknown {} \"{}\"{}", path_.empty() ? "" : path_ + ": ",
                                          table ? "table" : "key", entry.key, suggestion(entry.key, known_)));
  }
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known, const std::string& label) {
  const std::string near = closest_word(word, known);
  if (!near.empty()) return fmt::format("; did you mean \"{}\"?", near);
  return known.empty() ? "" : fmt::format("; {}: {}", label, fmt::join(known, ", "));
}

std::string relative_to_file(const std::string& path, const std::string& file) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

std::string near_files(const std::string& path) {
  const std::filesystem::path wanted(path);
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(wanted.has_parent_path() ? wanted.parent_path() : ".", error))
    if (entry.path().extension() == wanted.extension()) names.push_back(entry.path().filename().string());
  if (error) return fmt::format(" (and no folder {})", wanted.parent_path().string());
  std::sort(names.begin(), names.end());  // directory order is chance
  std::vector<std::string> near;
  while (near.size() < kMaxNearFiles) {
    const std::string best = closest_word(wanted.filename().string(), names);
    if (best.empty()) break;
    near.push_back(best);
    names.erase(std::find(names.begin(), names.end(), best));
  }
  return near.empty() ? "" : fmt::format("; near: {}", fmt::join(near, ", "));
}

}  // namespace lithos
