// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "config/config.hpp"

namespace lithos {
namespace {

// Damerau-Levenshtein distance with adjacent swaps ("solt" is one slip from "slot").
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string closest_word(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance =
      std::max<std::size_t>(1, word.size() / 3) + 1;  // farther than a third of the word is no slip
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  // "median" for "operator_median": the word is a whole part of just one candidate.
  if (best.empty() && word.size() >= 4) {
    const auto holds = [&](const std::string& candidate) { return candidate.find(word) != std::string::npos; };
    if (std::count_if(known.begin(), known.end(), holds) == 1) best = *std::find_if(known.begin(), known.end(), holds);
  }
  return best;
}

}  // namespace lithos
