// SPDX-License-Identifier: Apache-2.0
// What each function of the driver API means to queued work: may it go to the driver while launches wait here, or what must go before?
// Correct by default, fast by exception (DESIGN.md §4): what is not known submits everything first. Submitting ignores limits and hold and
// never waits for completion. Immutable data; any thread; no allocation.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lithos::cuda {

enum class CallClass : std::uint8_t {
  harmless,        // its answer and effect do not depend on queued work, and it changes nothing for it
  stream_ordered,  // joins the queue of its stream: its arguments are values, or copied with it
  submits_stream,  // what is queued on its stream goes first, with all that waits for in turn
  submits_all,     // what is queued anywhere in the process goes first
  launch,          // a kernel launch: joins the queue
  graph_launch,    // a graph launch: joins the queue if its nodes can go one by one
  event,           // tickets: event_book.hpp
  capture,         // capture of a stream: never queued
  lifecycle,       // creates or destroys what the queues are keyed by; submits_all if it destroys
  function_state,  // submits_all if it changes the function's value, else harmless
  resolve,         // hands out driver functions
};
const char* name_of(CallClass call_class);

struct DriverCall {
  std::string_view name;  // without version and stream variant: cuMemcpyAsync for cuMemcpyAsync_ptsz
  CallClass call_class;
  std::string_view reason;
};

std::span<const DriverCall> driver_calls();

// Null: not in the table. `symbol` may carry suffixes: _v2, _ptds, _ptsz.
const DriverCall* find_driver_call(std::string_view symbol);

inline CallClass class_of_driver_call(std::string_view symbol) {
  const DriverCall* call = find_driver_call(symbol);
  return call == nullptr ? CallClass::submits_all : call->call_class;
}

}  // namespace lithos::cuda
