// SPDX-License-Identifier: Apache-2.0
// One tenant's part of the trace: a group with its queues, requests, lease and, once the file has no room for single
// atoms, sums over windows. Plain state over a TraceWriter; one thread.
#pragma once

#include <lithos/service_abi.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "tracks.hpp"

namespace lithos_perfetto {

class TenantTracks {
 public:
  TenantTracks(TraceWriter& out, std::string name, int rank);
  void joined(const lithos_event& event);

  const std::string& name() const { return name_; }
  void announce(const lithos_event& event);

  void atom(const lithos_event& event);
  void request(const lithos_event& event);
  void waiting(const lithos_event& event);
  void lease(const lithos_event& event, std::uint64_t every_ns);
  void instant(std::uint64_t at_ns, const std::string& text);

  void add_to_window(const lithos_event& event, std::uint64_t window_ns);
  void close_window();

 private:
  struct Queue {
    TrackId submits = 0;
    Lanes runs;
    std::uint64_t last_submit_ns = 0;
  };
  struct Window {
    std::uint64_t start_ns = 0, end_ns = 0, atoms = 0, tpc_ns = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> by_operator;  // TPC time
  };
  Queue& queue(std::uint32_t number);
  const std::string& operator_name(std::uint64_t op_id);

  TraceWriter& out_;
  std::string name_;
  TrackId group_, events_, announced_;
  Lanes requests_;
  Level own_, usable_;
  TrackId windows_ = 0, window_tpcs_ = 0;
  std::map<std::uint32_t, Queue> queues_;
  std::unordered_map<std::uint64_t, std::string> operators_;  // names
  Window window_;
  std::uint64_t window_written_ns_ = 0;
  std::vector<Argument> arguments_;  // kept for its capacity
};

std::uint32_t count_of(const lithos_tpc_set& set);

}  // namespace lithos_perfetto
