// SPDX-License-Identifier: Apache-2.0
// lithosd as a detached process: started until it is ready, ended in an orderly way. Nothing waits without a limit. Errors: unavailable,
// with what its log says; invalid_argument, where that is the configuration.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "cli/up/child_process.hpp"

namespace lithos {

inline constexpr const char* kVirtualDevice = "virtual";

struct LithosdOptions {
  std::string config, set;
  std::string device;  // a TPC map, or kVirtualDevice
  std::string run_folder, state_folder, log;
  std::vector<std::string> policy_path = {};
  Nanoseconds ready_within{30'000'000'000};
};

// With its supervisor, whose mark is returned. Ready means: it said so (sd_notify) and its admin socket answers.
Result<ProcessMark> start_lithosd(const LithosdOptions& options);
inline constexpr Nanoseconds kLithosdEndLimit{10'000'000'000};
// SIGTERM to the supervisor, which passes it on. False: it runs still.
bool end_lithosd(const ProcessMark& supervisor, Nanoseconds at_most);

}  // namespace lithos
