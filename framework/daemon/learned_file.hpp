// SPDX-License-Identifier: Apache-2.0
// What has been observed of operators (engine/observation_log.hpp), as a file in the state folder: a daemon that starts again predicts and
// right-sizes as the last one did, whichever policies it has, because facts are kept and not what a policy made of them.
//
// Text, so that a person can read it: a version, the GPU, one line per operator, TPC count and clock, a checksum over all before it. It is
// taken whole or not at all: another version, another GPU, a missing line or a changed digit is an error that says so, and nothing is learnt.
// Which tenant it was is not kept: tenants are numbered anew at each start. Control thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

struct LearnedDevice {
  std::string name;  // without spaces
  std::uint32_t tpcs = 0;
};

std::string learned_text(const LearnedDevice& device, std::span<const lithos_observation> learned);
// invalid_argument: says what is wrong, beginning with `path`.
Result<std::vector<lithos_observation>> parse_learned(const std::string& path, const std::string& text,
                                                      const LearnedDevice& device);

}  // namespace lithos
