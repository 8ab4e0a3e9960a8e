// SPDX-License-Identifier: Apache-2.0
// Arguments of the commands that run CUDA programs and look at the machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"

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
  bool queued = false;            // its launches may wait; also if the configuration that is up says so
  std::vector<std::string> program;
};

// lithos up
struct UpArguments {
  std::string config, set;
  std::string run_folder;    // empty: LITHOS_RUN_DIR, else the default
  std::string state_folder;  // empty: "state" in the run folder
  std::string device;        // "virtual", or a TPC map; empty: this machine's GPU
  int gpu = 0;               // CUDA's number of it
  bool no_mps = false;
  std::vector<std::string> policy_path;
  std::uint32_t timeout_s = 30;  // of each step
};

// lithos down
struct DownArguments {
  std::string run_folder;
  bool force = false;
};

// lithos bench colocate
struct ColocateArguments {
  std::string config, out;
  std::string case_name;            // empty: the file has none
  std::vector<std::string> ways;    // empty: all
  std::vector<double> rates;        // per second, of the tenant whose latency counts; empty: the configuration's
  Nanoseconds duration{15'000'000'000};
  std::string best_effort;          // its model; empty: the configuration's
  std::string tenants_folder = ".";
  std::string device;               // "virtual", or a TPC map; empty: this machine's GPU
  std::vector<std::string> policy_path;
  bool no_mps = false;              // sets under lithosd go without
  unsigned swaps = 0;
  std::string swap_set = "tpc_borrowing";
  Nanoseconds within{0};            // no way begins later; 0: all do
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
