// SPDX-License-Identifier: Apache-2.0
// A TOML file as a tree of values with positions. toml_document.cpp is the only file that knows which library parses
// TOML.
//
// Values and pure functions; any thread. TOML itself allows one syntax error to be reported (what follows it can't be
// trusted); everything about meaning is left to TableReader, which reports all mistakes at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace lithos {

struct TomlValue;
struct TomlEntry;

struct TomlArray {
  std::vector<TomlValue> items;
};

struct TomlTable {
  std::vector<TomlEntry> entries;
  SourcePosition where;
  const TomlEntry* find(std::string_view key) const;
};

struct TomlDate {};  // dates and times: nothing here takes one

struct TomlValue {
  std::variant<bool, std::int64_t, double, std::string, TomlDate, TomlArray, TomlTable> data;
  SourcePosition where;
};

struct TomlEntry {
  std::string key;
  SourcePosition key_where;
  TomlValue value;
};

struct ParsedToml {
  TomlTable root;                       // meaningful only if there are no diagnostics
  std::vector<Diagnostic> diagnostics;  // at most one
};

ParsedToml parse_toml(const std::string& text, const std::string& file_name);

// The value as one would write it, for messages: 10, "abc", true, [ … ], { … }. Long text is cut off.
std::string to_text(const TomlValue& value);

}  // namespace lithos
