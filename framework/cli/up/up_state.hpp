// SPDX-License-Identifier: Apache-2.0
// What `lithos up` has started, kept as RUN/up.json: `lithos down` ends just that, `lithos run` finds by it what a tenant needs. Plain
// values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/status.hpp"
#include "cli/up/child_process.hpp"
#include "cli/up/mps_server.hpp"
#include "config/config.hpp"

namespace lithos {

// What the driver is told of a tenant before its program starts, where MPS is: nobody can change it later.
struct TenantLimits {
  std::string name;
  TenantClass tenant_class = TenantClass::best_effort;
  double thread_limit = 0;        // percent of the GPU's SMs; 0: none
  double own_share = 0;           // percent of the GPU's SMs that the set in force makes its own; 0: none
  std::uint32_t connections = 8;  // hardware work queues
  bool queued = false;            // its launches wait in queues
};

struct UpState {
  std::string config, set, state_folder, log;
  std::string map;                // TPC map; empty: the virtual GPU
  ProcessMark lithosd;            // its supervisor
  std::optional<MpsFolders> mps;  // only if we started it
  std::vector<TenantLimits> tenants;
};

std::vector<TenantLimits> limits_of(const Config& config, const PolicySetConfig& set, unsigned tpcs);

std::string state_file(const std::string& run_folder);
Status write_state(const std::string& run_folder, const UpState& state);
// not_found: nothing is up there; invalid_argument: the file cannot be read or is none of ours.
Result<UpState> read_state(const std::string& run_folder);

// What the program of a tenant needs in its environment besides the shim's own settings. A name that the configuration does not know is
// best effort, as for lithosd. Best effort runs below normal priority from its first launch on: the backstop that holds without lithosd
// and the shim, too (docs/design/hardware.md §8, §9). `by_masks` false: nothing in the process will confine it, so MPS keeps it to its own
// share where it has no thread_limit (docs/design/shim.md, "Without the hook"). Values that the caller's environment has already are left to it.
EnvironmentChanges environment_of(const UpState& state, const std::string& tenant, bool by_masks);

// What is known of a tenant; a name that the configuration does not know is best effort.
TenantLimits limits_of(const UpState& state, const std::string& tenant);

}  // namespace lithos
