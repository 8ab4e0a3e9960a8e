// SPDX-License-Identifier: Apache-2.0
// An instantiated graph as calls that a stream can make one after another, so that its launch can be held between two of its nodes and
// each kernel of it be confined and cut like any other (docs/design/atoms.md).
//
// Made when the graph is instantiated, of values alone: the program may change or destroy the graph afterwards. A graph of which one node
// is not plainly a call of a stream has no such form, for the first reason found, and runs whole. What changes the exec ends the form for good.
//
// Threads: made and launched under the driver's own rule that an exec is used by one thread at a time; while a launch of it waits the
// nodes are only read, by whoever submits. It ends after everything that waits has been submitted.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/queue/queued_call.hpp"

namespace lithos::cuda::shim {

// Why a graph runs whole.
enum class WhyWhole : std::uint8_t {
  node,        // of a kind that is not made into a call
  copy,        // not along one line, or of memory that may be pageable
  kernel,      // its function or the layout of its parameters is not known
  attribute,   // cooperative and the like
  flags,       // of the instantiation
  objects,     // graphs of this program own objects
  context,     // not the one whose launches wait
  too_large,
  not_told,    // the driver does not say what is in it
  changed,     // after it was instantiated
};
inline constexpr unsigned kWhyWhole = 10;

struct UnrolledGraph {
  static constexpr std::size_t kNodesMost = 16'384;
  static constexpr std::size_t kArgumentBytesMost = std::size_t{4} << 20;

  std::vector<QueuedCall> nodes;  // in an order that the graph allows; without their stream. Empty: it has been changed and runs whole
  std::vector<std::unique_ptr<std::byte[]>> arguments;  // of the kernels
  std::uint64_t kernels = 0;
  std::uint64_t context = 0, contexts = 0;  // in which it was instantiated; Process::ended_contexts() then

  // Launches of one exec are ordered with each other on whatever streams, which the driver does not know of what goes node by node.
  CUevent over = nullptr;  // recorded behind each launch
  struct Place {           // of the last launch
    CUstream stream = nullptr;
    std::uint64_t version = 0;  // Queueing::streams_version(); 0: nowhere that compares
    friend bool operator==(const Place&, const Place&) = default;
  } last;
  bool launched = false;
  bool last_by_nodes = false;
  bool warm = false;  // all its kernels have been launched before

  // No context has ended since: its event, at least, may have gone with it.
  bool is_alive() const;
  // As a call of the stream on which `graph` has been called.
  QueuedCall node(std::size_t index, const QueuedCall& graph) const;
};

}  // namespace lithos::cuda::shim
