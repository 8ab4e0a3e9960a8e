// SPDX-License-Identifier: Apache-2.0
// A GPU's TPC map as `lithos calibrate` writes it: a line "tpc BIT GPC" for each TPC ("-" for no GPC), in logical order.
// Read by the shim and by lithosd. Plain C files: the shim runs in other people's programs.
#pragma once

#include <optional>
#include <string>

#include "engine/gpu_shape.hpp"

namespace lithos::cuda {

// nullopt: not such a file.
std::optional<GpuShape> read_map(const std::string& path);

}  // namespace lithos::cuda
