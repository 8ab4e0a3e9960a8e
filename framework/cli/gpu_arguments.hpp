// SPDX-License-Identifier: Apache-2.0
// Arguments of the commands that run CUDA programs and look at the machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lithos {

// lithos run
struct RunArguments {
  std::string tenant;
  std::string run_folder;  // where lithosd's sockets are; empty: LITHOS_RUN_DIR, else the default
  bool no_daemon = false;
  std::string tpcs;               // "0-15": confine to these, without a daemon
  std::string unmanaged = "run";  // run, limit, refuse
  std::string map;                // file or folder; empty: what calibrate keeps
  std::string kernel_rules;       // TOML; empty: the shipped ones
  std::string stats;              // counters as JSON, when the program ends
  std::string memory_limit;       // "8GiB"; empty: the daemon's
  std::uint32_t advertised_tpcs = 0;
  bool no_hook = false;
  std::vector<std::string> program;
};

// lithos doctor
struct DoctorArguments {
  std::string run_folder;
  bool json = false;
};

// lithos calibrate
struct CalibrateArguments {
  std::string output;  // empty: the map folder
  int device = 0;
  std::uint32_t timeout_s = 60;
};

}  // namespace lithos
