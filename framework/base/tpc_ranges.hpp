// SPDX-License-Identifier: Apache-2.0
// A set of TPCs as text that people read and scripts split: "0-41,60". Pure; any thread.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/tpc_set.hpp"

namespace lithos {

inline std::string to_ranges(const TpcSet& set) {
  std::string text;
  for (unsigned tpc = 0; tpc < TpcSet::kMaxTpcs; ++tpc) {
    if (!set.has(tpc)) continue;
    unsigned last = tpc;
    while (last + 1 < TpcSet::kMaxTpcs && set.has(last + 1)) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(tpc) + (last > tpc ? "-" + std::to_string(last) : "");
    tpc = last;
  }
  return text;
}

// Empty: not of that form, or beyond what a set holds.
inline std::optional<TpcSet> from_ranges(std::string_view text) {
  TpcSet set;
  const auto number = [&text](unsigned& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value >= TpcSet::kMaxTpcs) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  while (!text.empty()) {
    unsigned first = 0;
    if (!number(first)) return std::nullopt;
    unsigned last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      if (!number(last) || last < first) return std::nullopt;
    }
    set |= TpcSet::range(first, last + 1);
    if (text.empty()) break;
    if (!text.starts_with(',') || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
  }
  return set;
}

}  // namespace lithos
