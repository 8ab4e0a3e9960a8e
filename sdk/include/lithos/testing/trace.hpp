// SPDX-License-Identifier: Apache-2.0
// Recorded kernels for tests of predictors and right-sizers: reads the CSV files that the simulator runs.
//
//   for (const auto& kernel : lithos::testing::read_trace("resnet50_infer_b16.csv"))
//     policy.observe(kernel.observation(66));
//
// Errors     std::runtime_error with file and line. Columns are found by name; empty cells are skipped.
// Limits     blocks_per_tpc is worked out from registers, shared memory and threads as on an H200; flags are
//            CUTTABLE where the grid is larger than one wave of 66 TPCs, which is a guess good enough for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lithos/policy_abi.h"

namespace lithos::testing {

struct TraceKernel {
  std::string name;
  lithos_op op{};
  std::vector<std::pair<std::uint32_t, std::uint64_t>> measured;  // TPCs and nanoseconds, widest first

  // Of the next wider count that was measured; below the narrowest in proportion; 0 where nothing was measured.
  std::uint64_t time_ns(std::uint32_t tpcs) const {
    if (measured.empty()) return 0;
    auto best = measured.front();
    for (const auto& point : measured)
      if (point.first >= tpcs) best = point;
    return tpcs < best.first && best == measured.back() ? best.second * best.first / std::max(1u, tpcs) : best.second;
  }
  // The whole launch, alone, at the highest clock.
  lithos_observation observation(std::uint32_t tpcs, std::uint32_t clock_mhz = 1980) const {
    lithos_observation out{};
    out.op = op;
    out.tenant_id = 1;
    out.tpcs = tpcs;
    out.clock_mhz = clock_mhz;
    out.block_count = op.blocks;
    out.duration_ns = time_ns(tpcs);
    return out;
  }
};

namespace detail {

inline std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    else if (c == ',' && !quoted) cells.emplace_back();
    else if (c != '\r') cells.back() += c;
  }
  return cells;
}

inline std::uint32_t blocks_per_tpc(std::uint32_t threads, std::uint32_t registers, std::uint32_t shared_bytes) {
  constexpr std::uint32_t kThreads = 2048, kRegisters = 65536, kSharedBytes = 232448, kBlocks = 32, kSmsPerTpc = 2;
  std::uint32_t fit = std::min(kBlocks, kThreads / std::max(1u, threads));
  if (registers > 0 && threads > 0) fit = std::min(fit, kRegisters / (registers * threads));
  if (shared_bytes > 0) fit = std::min(fit, kSharedBytes / shared_bytes);
  return kSmsPerTpc * std::max(1u, fit);
}

// FNV-1a: the same kernel and shape have the same id in every test.
inline std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash == 0 ? 1 : hash;
}

}  // namespace detail

inline std::vector<TraceKernel> read_trace(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) throw std::runtime_error(path + ": cannot be read");
  std::map<std::string, std::size_t> column;
  const std::vector<std::string> header = detail::split_csv(line);
  for (std::size_t i = 0; i < header.size(); ++i) column[header[i]] = i;

  std::vector<TraceKernel> kernels;
  for (int number = 2; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    const std::vector<std::string> cells = detail::split_csv(line);
    const auto cell = [&](const char* name) -> std::string {
      const auto found = column.find(name);
      return found != column.end() && found->second < cells.size() ? cells[found->second] : std::string();
    };
    const auto whole = [&](const char* name, std::uint32_t otherwise) {
      const std::string text = cell(name);
      return text.empty() ? otherwise : static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
    };
    TraceKernel kernel;
    kernel.name = cell("kernel");
    lithos_op& op = kernel.op;
    op.blocks = whole("grid_x", 0) * whole("grid_y", 1) * whole("grid_z", 1);
    op.threads_per_block = whole("block_x", 0) * whole("block_y", 1) * whole("block_z", 1);
    if (op.blocks == 0 || op.threads_per_block == 0)
      throw std::runtime_error(path + ":" + std::to_string(number) + ": no grid or no block size");
    op.blocks_per_tpc =
        detail::blocks_per_tpc(op.threads_per_block, whole("regs_per_thread", 0), whole("smem_bytes", 0));
    op.cluster_blocks = std::max(1u, whole("cluster_x", 1) * whole("cluster_y", 1) * whole("cluster_z", 1));
    op.min_tpcs = 1;
    op.ordinal = whole("seq", 0);
    op.op_id =
        detail::hash_of(kernel.name + "/" + std::to_string(op.blocks) + "/" + std::to_string(op.threads_per_block));
    if (op.blocks > 66 * op.blocks_per_tpc) op.flags = LITHOS_OP_CUTTABLE;
    for (const std::uint32_t tpcs : {66u, 52u, 40u, 32u, 24u, 16u, 8u, 4u}) {
      const std::string text = cell(("tpc" + std::to_string(tpcs) + "_us").c_str());
      if (!text.empty())
        kernel.measured.emplace_back(tpcs, static_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr) * 1000));
    }
    if (kernel.measured.empty() && !cell("full_gpu_us").empty())
      kernel.measured.emplace_back(
          66u, static_cast<std::uint64_t>(std::strtod(cell("full_gpu_us").c_str(), nullptr) * 1000));
    kernels.push_back(std::move(kernel));
  }
  if (kernels.empty()) throw std::runtime_error(path + ": holds no kernel");
  return kernels;
}

}  // namespace lithos::testing
