// SPDX-License-Identifier: Apache-2.0
// The arguments of `lithos policy new | describe | check | sim` as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace lithos {

// lithos policy new
struct PolicyNewArguments {
  std::string kind;
  std::string name;
  std::string folder = ".";  // in which the policy's folder is made
};

// lithos policy describe
struct PolicyDescribeArguments {
  std::vector<std::string> files;
  std::vector<std::string> policy_path;
  bool all = false;  // what the search folders hold, in place of files
  bool json = false;
  bool markdown = false;
};

// lithos policy check
struct PolicyCheckArguments {
  std::string file;
  int level = 5;        // 1 library, 2 parameters, 3 lifecycle, 4 decisions, 5 kind
  std::string include;  // regular expressions over check names; empty: all, none
  std::string exclude;
  std::uint64_t seed = 1;
  Nanoseconds timeout{10'000'000'000};  // of one check
  bool json = false;
  bool in_process = false;  // without isolation, for a debugger
};

// lithos policy sim
struct PolicySimArguments {
  std::string file;
  std::string service_trace;  // CSV; empty: the demo's
  std::string batch_trace;
  std::string quota;       // "42,24": TPCs of the service and of the batch job; empty: the whole GPU to the service
  std::string config_out;  // where the configuration that was made is left; empty: nowhere
  std::vector<std::string> sim_options;  // handed on to lithos sim as they are
};

}  // namespace lithos
