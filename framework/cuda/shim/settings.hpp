// SPDX-License-Identifier: Apache-2.0
// What `lithos run` tells the shim, through the environment (docs/design/shim.md lists the variables). Read once, when
// the program initialises CUDA; whatever cannot be read is as if it were not set, and said once.
#pragma once

#include <optional>
#include <string>

#include "base/tpc_set.hpp"
#include "config/config.hpp"
#include "engine/gpu_shape.hpp"

namespace lithos::cuda::shim {

enum class Unmanaged : std::uint8_t { run, limit, refuse };

struct Settings {
  std::string tenant;    // LITHOS_TENANT; empty: nobody asked for us, everything is passed on
  std::string socket;    // LITHOS_SOCKET: lithosd's; empty: no daemon
  std::string map_file;  // LITHOS_TPC_MAP: what `lithos calibrate` wrote; a folder, by uuid, where it ends with a slash
  std::string rules_file;  // LITHOS_KERNEL_RULES: lines "nature persistent pattern"
  std::string stats_file;  // LITHOS_STATS: counters as JSON when the program ends
  std::string times_file;  // LITHOS_TIMES: a line "launch completed-by-the-GPU's-clock" for each launch that was timed
  std::optional<TpcSet> fixed_tpcs;      // LITHOS_TPCS: "0-15,40"; confine to these, whoever else there is
  unsigned advertised_tpcs = 0;          // LITHOS_ADVERTISED_TPCS; 0: as the daemon says, else all
  std::uint64_t memory_limit_bytes = 0;  // LITHOS_MEMORY_LIMIT; 0: as the daemon says, else none
  Unmanaged unmanaged = Unmanaged::run;  // LITHOS_UNMANAGED
  bool hook = true;                      // LITHOS_HOOK=0: leave the tools interface to a profiler
  unsigned hang_limit_s = 30;            // LITHOS_HANG_LIMIT_S: name a kernel that runs longer; 0: never
  unsigned force_atoms = 0;              // LITHOS_FORCE_ATOMS: for tests; cut all that can be cut into so many parts
  unsigned hold_us = 0;                  // LITHOS_HOLD_US: for tests; with a lease for life: every launch is held for so long
  std::string wrong;                     // what could not be read, for one line of complaint
};

Settings read_settings();

// "0-15,40" → a set; nullopt: not of that form.
std::optional<TpcSet> parse_tpcs(const std::string& text);

KernelRules read_rules(const std::string& path);

}  // namespace lithos::cuda::shim
