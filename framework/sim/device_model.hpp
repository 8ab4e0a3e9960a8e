// SPDX-License-Identifier: Apache-2.0
// The constants of the virtual GPU: one set for everything it does, each with its source. docs/design/virtual-gpu.md
// tells how well they reproduce the measurements, and which of them are assumptions. Plain values; any thread.
#pragma once

#include "base/time.hpp"
#include "engine/gpu_shape.hpp"
#include "executor/cut_cost.hpp"

namespace lithos {

struct DeviceModel {
  // ---- launching --------------------------------------------------------------------------------------------------
  Nanoseconds eager_launch_gap{20'000};  // CPU time per launch of an eager framework: 6–8 ms for 333 kernels (measured)
  Nanoseconds launch_latency{3'000};     // submission of a kernel to an idle stream until its first block runs
  Nanoseconds graph_launch_latency{6'000};  // likewise a graph
  Nanoseconds stream_gap{1'200};  // end of a kernel to start of the next on its stream (traces: median 1.1–1.2 µs)
  Nanoseconds graph_node_gap{0};  // likewise inside a graph, where it hides in the profiler's durations
  Nanoseconds mps_gap{780};  // more between kernels under MPS: 1.603 − 1.379 ms for 285 kernels of one graph (measured)
  Nanoseconds contended_gap{1'700};  // more on a stream while another MPS client works, unless this one's priority is
                                     // higher; graphs are spared (1.3–2 µs, docs/design/hardware.md §8, §9)

  // ---- atoms, by a prelude that reads a constant bank (docs/design/hardware.md §2) --------------------------------
  CutCost cut;  // shared with the decision when to cut

  // ---- blocks leaving ---------------------------------------------------------------------------------------------
  // Of the last wave's time (a persistent kernel is one wave), in which its blocks leave one after the other: the tails of
  // persistent kernels are 2–8 % (docs/design/hardware.md §1).
  double drain_share = 0.04;

  // ---- interference -----------------------------------------------------------------------------------------------
  double interference = 1.0;           // slowdown of a fully shared-bound kernel by a neighbour on all TPCs
  double saturating_warps_per_sm = 8;  // resident warps that keep an SM's pipelines busy (two per scheduler)

  // ---- time slicing -----------------------------------------------------------------------------------------------
  Nanoseconds time_slice{2'250'000};   // a turn: what the other context got of each 3.77 ms cycle (measured)
  Nanoseconds context_switch{50'000};  // saving one context and restoring the other: the rest of that cycle

  // ---- clock and power (power_model.hpp; sources in docs/design/prediction.md) --------------------------------------
  Nanoseconds clock_change_latency{50'000'000};  // request to new frequency
  double floor_power_w = 64;       // at rest, clocks down
  double idle_clock_power_w = 56;  // more with the clocks up and nothing running
  double compute_power_w = 580;    // more with all TPCs computing at the highest clock: 700 W, the board's limit
  double stalled_power_w = 87;     // more with all TPCs waiting for memory at the highest clock: of the TPCs …
  double memory_power_w = 93;      // … and of the memory, at any clock: 300 W together with what idles
  double voltage_floor = 0.75;     // lowest voltage over that at the highest clock …
  double voltage_ridge = 0.55;     // … which holds up to this share of the highest clock; from there on it rises linearly
};

DeviceModel h200_model();

}  // namespace lithos
