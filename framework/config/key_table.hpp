// SPDX-License-Identifier: Apache-2.0
// All that there is to know about the keys of one section, said once: how each is read, what it is by default, and what
// the reference says about it (docs/reference/toml.md).
//
//   const KeyTable<RunConfig>& run_keys() {
//     static const KeyTable<RunConfig> keys("[run]", {
//         duration_key("warmup", &RunConfig::warmup, "not counted"),
//         count_key("seeds", &RunConfig::seeds, "runs of each set", {.min = 1, .max = 1000})});
//     return keys;
//   }
//   TableReader reader(table, "run", diagnostics);
//   if (run_keys().read(reader, run)) reader.finish();
//
// Defaults are those of a default-constructed Section, written as a file would write them. A section's keys become known
// to the reader by being in its table, so suggestions for misspelt ones come from here too. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "config/reference.hpp"
#include "config/table_reader.hpp"

namespace lithos {

template <class Section>
struct Key {
  KeyFacts facts;                                      // without the default, which initial() knows
  std::function<bool(TableReader&, Section&)> read;    // false: absent or wrong
  std::function<std::string(const Section&)> initial;  // how a file would write the value; empty: required
  std::function<bool(const Section&)> applies = {};    // null: always
  std::string otherwise = {};                          // why it has no meaning where it does not apply
  bool decisive = false;                               // without it nothing can be said about the others

  // The key has a meaning only where `condition` holds; elsewhere the file is told `why`.
  Key when(std::function<bool(const Section&)> condition, std::string why) && {
    applies = std::move(condition);
    otherwise = std::move(why);
    return std::move(*this);
  }
  Key decides() && {
    decisive = true;
    return std::move(*this);
  }
};

template <class Section>
class KeyTable {
 public:
  KeyTable(std::string title, std::vector<Key<Section>> keys) : title_(std::move(title)), keys_(std::move(keys)) {}

  // False: a decisive key is missing or wrong, the rest was not looked at, and finish() would complain about it.
  bool read(TableReader& reader, Section& into) const {
    for (const Key<Section>& key : keys_) {
      if (key.applies && !key.applies(into)) reader.refuse(key.facts.key, key.otherwise);
      else if (!key.read(reader, into) && key.decisive) return false;
    }
    return true;
  }

  SectionFacts facts() const {
    SectionFacts section{title_, {}};
    const Section untouched{};
    for (const Key<Section>& key : keys_) {
      section.keys.push_back(key.facts);
      if (key.initial) section.keys.back().initial = key.initial(untouched);
    }
    return section;
  }

 private:
  std::string title_;
  std::vector<Key<Section>> keys_;
};

// What may be said about a key beside its name, place and doc.
struct KeyNotes {
  bool required = false;
  std::string example = {};  // for the message where it is missing or no text
  std::string unset = {};    // what its default means, where the value does not say it: "none", "the device's"
};

namespace key_table {

// The default as the reference shows it: nothing for what is required, a word for what stands for "not set".
template <class Section, class Write>
std::function<std::string(const Section&)> initial(const KeyNotes& notes, Write write) {
  if (notes.required) return nullptr;
  if (!notes.unset.empty()) return [word = notes.unset](const Section&) { return word; };
  return write;
}

}  // namespace key_table

// ---- one function for each type of value ---------------------------------------------------------------------------

template <class Section>
Key<Section> text_key(std::string key, std::string Section::*place, std::string doc, KeyNotes notes = {}) {
  return {{key, "text", "", std::move(doc)},
          [=](TableReader& reader, Section& into) {
            return reader.text(key, into.*place, {.example = notes.example, .required = notes.required});
          },
          key_table::initial<Section>(notes, [=](const Section& from) { return written(from.*place); })};
}

// The name of the section itself, by which messages call it from then on: "tenant[2]" becomes "tenant.hp".
template <class Section>
Key<Section> name_key(std::string group, std::string Section::*place, std::string doc, std::string example) {
  return {{"name", "name", "", std::move(doc)},
          [=](TableReader& reader, Section& into) {
            if (!reader.name("name", into.*place, {.example = example, .required = true})) return false;
            reader.rename(group + "." + into.*place);
            return true;
          },
          nullptr};
}

template <class Section>
Key<Section> file_key(std::string key, std::string Section::*place, std::string doc, KeyNotes notes) {
  return {{key, "file", "", std::move(doc)},
          [=](TableReader& reader, Section& into) {
            return reader.file(key, into.*place, {.example = notes.example, .required = notes.required});
          },
          key_table::initial<Section>(notes, [=](const Section& from) { return written(from.*place); })};
}

template <class Section>
Key<Section> flag_key(std::string key, bool Section::*place, std::string doc) {
  return {{key, "true or false", "", std::move(doc)},
          [=](TableReader& reader, Section& into) { return reader.flag(key, into.*place); },
          [=](const Section& from) { return written(from.*place); }};
}

template <class Section>
Key<Section> number_key(std::string key, double Section::*place, std::string doc, double min, double max) {
  return {{key, range_text("number", min, max), "", std::move(doc)},
          [=](TableReader& reader, Section& into) { return reader.number(key, into.*place, min, max); },
          [=](const Section& from) { return written(from.*place); }};
}

struct CountRange {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();
};
template <class Section, class Integer>
Key<Section> count_key(std::string key, Integer Section::*place, std::string doc, CountRange range = {},
                       KeyNotes notes = {}) {
  return {{key, range_text("whole number", range.min, range.max), "", std::move(doc)},
          [=](TableReader& reader, Section& into) { return reader.count(key, into.*place, range.min, range.max); },
          key_table::initial<Section>(
              notes, [=](const Section& from) { return written(static_cast<std::uint64_t>(from.*place)); })};
}

template <class Section>
Key<Section> duration_key(std::string key, Nanoseconds Section::*place, std::string doc,
                          Nanoseconds min = Nanoseconds{0}, KeyNotes notes = {}) {
  return {{key, range_text("time", min), "", std::move(doc)},
          [=](TableReader& reader, Section& into) {
            return reader.duration(key, into.*place, min, {.example = notes.example, .required = notes.required});
          },
          key_table::initial<Section>(notes, [=](const Section& from) { return written(from.*place); })};
}

// Sizes and rates: zero is "not set" in all of ours, so `notes` says what that means.
template <class Section>
Key<Section> bytes_key(std::string key, std::uint64_t Section::*place, std::string doc, KeyNotes notes) {
  return {{key, "size", "", std::move(doc)},
          [=](TableReader& reader, Section& into) { return reader.bytes(key, into.*place); },
          key_table::initial<Section>(notes, nullptr)};
}
template <class Section>
Key<Section> rate_key(std::string key, double Section::*place, std::string doc, KeyNotes notes) {
  return {{key, "rate", "", std::move(doc)},
          [=](TableReader& reader, Section& into) {
            return reader.rate(key, into.*place, {.example = notes.example, .required = notes.required});
          },
          key_table::initial<Section>(notes, nullptr)};
}

template <class Enum>
using Choices = std::vector<std::pair<std::string, Enum>>;
template <class Section, class Enum>
Key<Section> choice_key(std::string key, Enum Section::*place, Choices<Enum> choices, std::string doc,
                        KeyNotes notes = {}) {
  std::string type;
  for (const auto& [word, value] : choices) type += (type.empty() ? "" : ", ") + written(word);
  return {{key, "one of " + type, "", std::move(doc)},
          [=](TableReader& reader, Section& into) {
            return reader.choice<Enum>(key, into.*place, choices,
                                       {.example = notes.example, .required = notes.required});
          },
          key_table::initial<Section>(notes, [=](const Section& from) {
            for (const auto& [word, value] : choices)
              if (value == from.*place) return written(word);
            return std::string();
          })};
}

// Whatever has a way of its own: `read(reader, section)`; `initial` empty: required.
template <class Section, class Read>
Key<Section> own_key(std::string key, std::string type, std::string initial, std::string doc, Read read) {
  Key<Section> made{{std::move(key), std::move(type), "", std::move(doc)},
                    [read = std::move(read)](TableReader& reader, Section& into) {
                      read(reader, into);
                      return true;
                    },
                    nullptr};
  if (!initial.empty()) made.initial = [initial = std::move(initial)](const Section&) { return initial; };
  return made;
}

}  // namespace lithos
