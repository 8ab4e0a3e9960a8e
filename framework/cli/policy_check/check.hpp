// SPDX-License-Identifier: Apache-2.0
// What a conformance check is, and what comes out of one. Checks are functions in tables, one table a level; each runs
// in a process of its own, loads the library afresh and may do with it what it likes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

enum class CheckStatus { pass, fail, crash, timeout, skip, warn };

// "PASS", …
const char* name_of(CheckStatus status);

struct Verdict {
  CheckStatus status = CheckStatus::pass;
  std::string found;  // one sentence about what was seen; may be empty for PASS
};
inline Verdict passed(std::string found = {}) { return {CheckStatus::pass, std::move(found)}; }
inline Verdict failed(std::string found) { return {CheckStatus::fail, std::move(found)}; }
inline Verdict warned(std::string found) { return {CheckStatus::warn, std::move(found)}; }
inline Verdict skipped(std::string why) { return {CheckStatus::skip, std::move(why)}; }

struct CheckInput {
  std::string path;
  std::string policy_id;  // which of the library's policies; empty for checks of the library
  std::uint64_t seed = 1;
};

inline constexpr std::uint32_t kAnyKind = 0;

struct Check {
  const char* name;    // "decisions.deterministic"
  const char* rule;    // what holds for every policy
  const char* remedy;  // what to do where it does not
  Verdict (*run)(const CheckInput& input);
  bool per_policy = true;         // false: once per library
  std::uint32_t kind = kAnyKind;  // LITHOS_KIND_*: only policies of this kind
};

// By level, 1 to 5.
std::span<const Check> library_checks();
std::span<const Check> parameter_checks();
std::span<const Check> lifecycle_checks();
std::span<const Check> decision_checks();
std::span<const Check> kind_checks();

struct Finding {
  const Check* check = nullptr;
  int level = 0;
  std::string policy_id;  // empty: the library
  Verdict verdict;
  Nanoseconds took{0};
};

struct CheckOptions {
  int level = 5;
  std::string include, exclude;  // regular expressions over check names, valid ones
  std::uint64_t seed = 1;
  Nanoseconds timeout{10'000'000'000};
  bool in_process = false;
};

// Every check that applies, in order of level. A library that cannot be loaded has one finding, and what its file says.
std::vector<Finding> check_policy_library_file(const std::string& path, const CheckOptions& options);

// No FAIL, CRASH or TIMEOUT.
bool acceptable(const std::vector<Finding>& findings);

}  // namespace lithos
