// SPDX-License-Identifier: Apache-2.0
// Typed reading of one TOML table, collecting every mistake.
//
//   TableReader reader(table, "tenant.hp", diagnostics);
//   reader.text("trace", tenant.trace, {.example = "traces/x.csv", .required = true});
//   reader.duration("slo", tenant.slo);
//   reader.finish();   // keys nobody asked for: "unknown key "slos"; did you mean "slo"?"
//
// A key that is absent leaves its variable as it was; one that is wrong adds a diagnostic and leaves it too. Each
// method makes its key known, so the list of keys that suggestions come from cannot fall behind the code. Main
// thread; outlives neither argument.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/toml_document.hpp"

namespace lithos {

struct ReadOptions {
  std::string example;  // how a right value is written, without the quotes of text
  bool required = false;
};

class TableReader {
 public:
  TableReader(const TomlTable& table, std::string path, std::vector<Diagnostic>& diagnostics)
      : table_(table), path_(std::move(path)), diagnostics_(diagnostics) {}

  const TomlTable& table() const { return table_; }
  std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }  // for readers of tables inside this one
  const std::string& path() const { return path_; }  // "set.lithos.scheduler", for messages
  // "tenant[2]" becomes "tenant.hp" as soon as the name is known.
  void rename(std::string path) { path_ = std::move(path); }

  bool text(const std::string& key, std::string& into, const ReadOptions& options = {});
  // A name people will type and tables will show: letters, digits, '_', '-', '.', at most 32 of them.
  bool name(const std::string& key, std::string& into, const ReadOptions& options = {});
  bool flag(const std::string& key, bool& into);
  bool number(const std::string& key, double& into, double min, double max);
  bool duration(const std::string& key, Nanoseconds& into, Nanoseconds min = Nanoseconds{0},
                const ReadOptions& options = {});
  bool bytes(const std::string& key, std::uint64_t& into);
  bool rate(const std::string& key, double& into, const ReadOptions& options = {});

  template <class Integer>
  bool count(const std::string& key, Integer& into, std::uint64_t min = 0,
             std::uint64_t max = std::numeric_limits<std::int64_t>::max()) {
    std::uint64_t value = into;
    if (!count_u64(key, value, min, max)) return false;
    into = static_cast<Integer>(value);
    return true;
  }

  template <class Enum>
  bool choice(const std::string& key, Enum& into, const std::vector<std::pair<std::string, Enum>>& choices,
              const ReadOptions& options = {}) {
    std::vector<std::string> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    const std::optional<std::size_t> index = choice_index(key, words, options);
    if (index) into = choices[*index].second;
    return index.has_value();
  }

  // The entry itself, of any type, or null if absent; the key counts as known.
  const TomlEntry* any(const std::string& key);
  const TomlTable* table_at(const std::string& key);                // [key] or key = { … }
  std::vector<const TomlTable*> tables_at(const std::string& key);  // [[key]], once per element
  std::vector<std::pair<std::string, SourcePosition>> texts_at(const std::string& key, const std::string& example);

  // A file: made relative to the folder of this file, and it must exist; the message lists names near to it.
  bool file(const std::string& key, std::string& into, const ReadOptions& options = {});

  // The key exists but has no meaning here: says why instead of "unknown".
  void refuse(const std::string& key, const std::string& why);
  // Reports every key that no method asked for.
  void finish();

  void complain(const SourcePosition& where, const std::string& message) { diagnostics_.push_back({where, message}); }
  std::string at(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

 private:
  const TomlEntry* find(const std::string& key, const ReadOptions& options);
  void wrong(const TomlEntry& entry, const std::string& expected);
  template <class T, class Parse>
  bool quantity(const std::string& key, T& into, Parse parse, const ReadOptions& options);
  bool count_u64(const std::string& key, std::uint64_t& into, std::uint64_t min, std::uint64_t max);
  std::optional<std::size_t> choice_index(const std::string& key, const std::vector<std::string>& words,
                                          const ReadOptions& options);

  const TomlTable& table_;
  std::string path_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<std::string> known_;
};

// "; did you mean "x"?", or "; known: a, b, c" when nothing is near.
std::string suggestion(const std::string& word, const std::vector<std::string>& known,
                       const std::string& label = "known keys");

// `path` as it can be opened: relative to the folder of `file`.
std::string relative_to_file(const std::string& path, const std::string& file);

// Names in the folder of a missing file that look like it, at most three, for a message; empty if there are none.
std::string near_files(const std::string& path);

}  // namespace lithos
