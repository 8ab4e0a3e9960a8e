// SPDX-License-Identifier: Apache-2.0
// From what a configuration says to what a policy declared: raw values with positions become a lithos_value each.
//
// Every mistake is reported at once: unknown keys (with a suggestion), a wrong type or unit (with an example), values
// outside the declared range (printed in the parameter's unit). Pure functions; any thread.
// The tables must have passed check_params() (policy_table_check.hpp).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

// Of a type (lithos_param::type): its values and bounds are f64, not i64.
constexpr bool is_real(std::uint32_t type) {
  return type == LITHOS_TYPE_F64 || type == LITHOS_TYPE_RATE_HZ || type == LITHOS_TYPE_FREQUENCY_HZ;
}

// Values in the order of the table, defaults filled in. Text values point into `texts` or the policy's own table.
struct ResolvedParams {
  std::vector<lithos_value> values;
  std::deque<std::string> texts;  // a deque: its strings never move
};

// `context` precedes the key in messages: "scheduler.params". `result` is complete only if nothing was wrong.
std::vector<Diagnostic> resolve_params(const std::map<std::string, RawValue>& given, const lithos_param* const* table,
                                       std::uint32_t count, const std::string& context, ResolvedParams& result);

// As people write it in TOML: "250us", "40GiB", "300/s", "1980MHz", "true", "fair".
std::string format_value(const lithos_param& param, const lithos_value& value);

// "20us … 5ms", "fair, strict", "true or false"; empty where everything of the type is allowed.
std::string format_range(const lithos_param& param);

}  // namespace lithos
