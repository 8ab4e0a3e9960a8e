// SPDX-License-Identifier: Apache-2.0
// NVIDIA's Multi-Process Service, by which several processes run on one GPU at the same time: its control daemon with folders of our own
// (GPU.md §8). Whatever MPS other folders belong to is looked at and never spoken to. Nothing waits without a limit.
// Errors: unavailable.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "cli/up/child_process.hpp"

namespace lithos {

struct MpsFolders {
  std::string pipe, log;
};
// Below `folder`, which need not exist yet.
MpsFolders mps_folders(const std::string& folder);
// By which a program finds it, or the control program.
EnvironmentChanges environment_of(const MpsFolders& folders);

// Makes the folders, starts the control daemon and waits until it answers. On failure nothing of it is left running.
Status start_mps(const MpsFolders& folders);
bool answers(const MpsFolders& folders);
// The processes that use it now.
Result<std::vector<pid_t>> mps_clients(const MpsFolders& folders);
// Ends it; its clients should have ended before. Fine if it does not run.
Status quit_mps(const MpsFolders& folders);

// Where programs look for MPS without us: CUDA_MPS_PIPE_DIRECTORY, else the default place.
std::string ambient_pipe_folder();
// That folder if a control daemon runs there; empty: none.
std::string mps_of_others();

}  // namespace lithos
