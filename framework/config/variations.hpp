// SPDX-License-Identifier: Apache-2.0
// One file, many configurations: [[case]] (named groups of settings, one after the other) and [[sweep]] (values of one key; several
// sweeps make a grid). Internal to framework/config.
//
//   [[case]]                         [[sweep]]
//   name = "bert"                    key = "set.lithos.scheduler.params.atom"
//   [case.tenant.hp]                 values = ["100us", "400us"]
//   trace = "bert.csv"
//
// Settings are written into the tree before it is read, so a wrong one is reported like any other mistake, where it stands.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/toml_document.hpp"

namespace lithos {

struct Variation {
  std::string case_name;          // empty: the file has no cases
  std::vector<Setting> settings;  // of sweeps
  TomlTable root;                 // with everything set, cases and sweeps taken out, `like` resolved
};

inline constexpr std::size_t kVariationsMax = 2'000;

// Takes [[case]] and [[sweep]] out of the tree and returns one variation per point of the grid; none if the file has neither.
std::vector<Variation> take_variations(TomlTable& root, std::vector<Diagnostic>& diagnostics);

}  // namespace lithos
