// SPDX-License-Identifier: Apache-2.0
// What the reference says about a configuration, as values: `lithos config keys` prints it, docs/reference/toml.md holds
// what it printed, and a test compares the two. Made from the tables that the readers read by (key_table.hpp).
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace lithos {

struct KeyFacts {
  std::string key;
  std::string type;     // "time, at least 1us"
  std::string initial;  // the default as written() shows it, or words: "none"; empty: the key is required
  std::string doc;
};

struct SectionFacts {
  std::string title;  // "[run]"
  std::vector<KeyFacts> keys;
};

// Every section, in the order of the reference; the last one is of the file of kernel rules.
std::vector<SectionFacts> configuration_sections();

// A kind of quantity that is written with its unit: "time", {"ns", …}, "250us".
struct QuantityFacts {
  std::string name;
  std::string units;  // separated by spaces
  std::string example;
};
std::vector<QuantityFacts> quantities();

// A section's keys, and the quantities, as Markdown tables.
std::string to_markdown(const SectionFacts& section);
std::string to_markdown(const std::vector<QuantityFacts>& quantities);

// A value as the reference shows it: as a file writes it, between backticks.
std::string written(const std::string& text);
std::string written(bool value);
std::string written(double value);
std::string written(std::uint64_t value);
std::string written(Nanoseconds value);

// "number, 0 to 1"; "whole number, at least 1"; "time, at least 1us". Bounds that bound nothing are not shown.
std::string range_text(const std::string& type, double min, double max);
std::string range_text(const std::string& type, std::uint64_t min, std::uint64_t max);
std::string range_text(const std::string& type, Nanoseconds min);

}  // namespace lithos
