// SPDX-License-Identifier: Apache-2.0
// What an executor needs of a device: take an atom, or a whole graph, on a stream, confined to TPCs. Implemented by the virtual GPU
// and by the CUDA shim. Work of one queue runs in submission order. submit never blocks.
#pragma once

#include <cstdint>
#include <span>

#include "base/ids.hpp"
#include "base/status.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/operator.hpp"

namespace lithos {

struct AtomSubmission {
  TenantId tenant{};
  QueueId queue{};
  LaunchId launch{};
  const KernelInfo* kernel = nullptr;
  std::uint32_t first_block = 0;
  std::uint32_t block_count = 0;
  bool cut = false;           // goes through the prelude: blocks below first_block start and leave at once
  bool masked = true;         // false: leave the driver's own mask alone
  bool low_priority = false;
  TpcSet tpcs;
};

struct GraphSubmission {
  TenantId tenant{};
  QueueId queue{};
  LaunchId launch{};
  const GraphInfo* graph = nullptr;
  std::span<const TpcSet> node_tpcs;  // [graph->nodes.size()], baked at the first launch; must outlive the submission
  bool masked = true;
};

// Times are the device's. `node` as in Record.
struct Completion {
  TenantId tenant{};
  QueueId queue{};
  LaunchId launch{};
  std::uint32_t first_block = 0;
  std::uint32_t block_count = 0;
  std::uint32_t node = 0;
  Nanoseconds started{0};
  Nanoseconds completed{0};
};

class Device {
 public:
  virtual ~Device() = default;
  virtual Status submit(const AtomSubmission& atom) = 0;
  virtual Status submit_graph(const GraphSubmission& graph) = 0;
};

}  // namespace lithos
