// SPDX-License-Identifier: Apache-2.0
// What happens before each exported driver function, worked out once from its class in the reviewed table (cuda/queue/driver_calls.hpp)
// and, where that is not all there is to say, from the table in actions.cpp: which argument is the stream, which one the event.
#pragma once

#include <cstdint>

namespace lithos::cuda::shim {

enum class ActionKind : std::uint8_t {
  pass,             // nothing
  all_at_once,      // what waits anywhere goes first, urgently
  all,              // … patiently: the call waits for the GPU anyway, or may
  stream,           // what waits on its stream goes first, patiently
  join,             // joins its stream's queue
  join_if_pinned,   // likewise, if its host memory cannot change under it; else as `stream`
  record,           // of an event: joins its stream's queue
  wait,             // for an event: joins its stream's queue
  stream_query,     // not ready while something of the stream waits
  event_query,      // not ready while the record waits
  event_elapsed,    // likewise, of two
  event_wait,       // the thread itself waits: the record goes first, patiently
  event_end,        // records and waits go first, urgently
  begin_capture,
  end_capture,
  set_function_attribute,
  set_kernel_attribute,
  end_stream,
  end_context,
  change_graph,     // an instantiated one: what waits goes first, urgently, and from now on it runs whole
  graph_owns,       // an object of the program's: a graph that does never runs node by node
  share_event,      // with other processes, which do not know what waits here
};

struct Action {
  ActionKind kind = ActionKind::all_at_once;
  std::uint8_t stream = 0, event = 0;  // which argument
  bool per_thread = false;             // its stream 0 is the thread's own
};

// Of the trampoline with this number.
const Action& action(unsigned index);

}  // namespace lithos::cuda::shim
