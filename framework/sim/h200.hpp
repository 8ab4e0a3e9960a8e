// SPDX-License-Identifier: Apache-2.0
// The default device: the H200 that GPU.md was measured on, as shape and as model constants. Pure; any thread.
#pragma once

#include <string>

#include "base/status.hpp"
#include "engine/gpu_shape.hpp"

namespace lithos {

// 66 TPCs in 8 GPCs of 4, 8, 8, 8, 8, 8, 9 and 9, and 4 single TPCs that clusters of more than two blocks cannot use; mask bits with their holes
// (GPU.md §3).
GpuShape h200_shape();

// By the name in `gpu = "…"`: "h200". not_found names what exists.
Result<GpuShape> built_in_shape(const std::string& name);

}  // namespace lithos
