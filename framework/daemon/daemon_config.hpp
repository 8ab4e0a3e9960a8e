// SPDX-License-Identifier: Apache-2.0
// From a configuration file to what a daemon needs, or to every mistake at once. Nothing starts here. Control threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/engine_room.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

struct DaemonConfig {
  Config config;
  PolicySetConfig set;  // the one in force
  GpuShape gpu;
  KernelRules rules;
  std::string text;  // the file as read: what "last good" keeps
};

struct LoadedDaemonConfig {
  std::unique_ptr<DaemonConfig> config;  // null if there are diagnostics
  std::vector<Diagnostic> diagnostics;
};

// `set_name` empty: the only set of the file, or the one called "lithos". CASE/SET: of a case of the file, and `set` keeps that name.
// Policies are not looked at.
// `map_file`: a real GPU's TPCs, instead of those of the configuration's `gpu`; empty: the virtual GPU.
LoadedDaemonConfig load_daemon_config(const std::string& path, const std::string& set_name,
                                      const std::string& map_file = {});
LoadedDaemonConfig parse_daemon_config(const std::string& text, const std::string& file_name,
                                       const std::string& set_name, const std::string& map_file = {});

EngineRoomConfig engine_room_config(const DaemonConfig& config);

std::string join_lines(const std::vector<Diagnostic>& diagnostics);

}  // namespace lithos
