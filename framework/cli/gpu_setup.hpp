// SPDX-License-Identifier: Apache-2.0
// What stands between a CUDA program and the driver on this machine: where the real driver is, the folder that puts
// the shim before it, and where TPC maps are kept. For `lithos run`, `doctor` and `calibrate`.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"

namespace lithos {

// The libcuda.so.1 that a program started here would get, by the loader's own rules: asked in a process of its own.
// Where that is a shim already (lithos run inside lithos run) the driver behind it. Errors: unavailable.
Result<std::string> find_real_driver();

// <prefix>/lib/lithos/cuda/libcuda.so.1, or libcuda_queued.so.1: the one whose launches may wait. Errors: not_found, where this build has none.
Result<std::string> installed_shim(bool queued = false);

// A folder of this user's with libcuda.so.1 and libcuda.so (the shim) and liblithos_real_cuda.so.1 (the real driver), as
// symbolic links; made anew or brought up to date, safe against others that do the same. Errors: unavailable (nowhere
// to write, or the folder belongs to somebody else).
Result<std::string> make_shim_folder(const std::string& shim, const std::string& driver);

// Where `lithos calibrate` keeps maps, one "<uuid>.txt" for each GPU: LITHOS_MAP_DIR, else below XDG_CACHE_HOME or
// HOME/.cache. With a slash at the end.
std::string map_folder();

}  // namespace lithos
