// SPDX-License-Identifier: Apache-2.0
// Tickets of events: which records and waits of an event have been called but not submitted yet.
//
// A wait means the record that was the event's latest when the wait was called. The driver only knows what has been submitted, so the
// operations on one event must be submitted so that each wait finds that record: a wait after every record called before it, a record after
// every operation called before it. A query or a synchronisation needs the latest record submitted. Sequence numbers are the order of calls.
// Not for more than one thread (the queues' lock).
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace lithos::cuda {

struct PendingCall {
  std::uint64_t stream = 0, sequence = 0;
};

class EventBook {
 public:
  void record_called(std::uint64_t event, PendingCall call) { events_[event].push_back({call, true}); }
  void wait_called(std::uint64_t event, PendingCall call) {
    const auto found = events_.find(event);
    // Nothing of the event is queued: the driver knows what the wait means. A later record must still come after it.
    (found != events_.end() ? found->second : events_[event]).push_back({call, false});
  }
  void submitted(std::uint64_t event, std::uint64_t sequence) {
    const auto found = events_.find(event);
    if (found == events_.end()) return;
    std::erase_if(found->second, [&](const Operation& op) { return op.call.sequence == sequence; });
    if (found->second.empty()) events_.erase(found);
  }
  // What must be submitted before the operation with this number; empty: nothing.
  std::optional<PendingCall> before(std::uint64_t event, std::uint64_t sequence, bool is_record) const {
    std::optional<PendingCall> last;
    for (const Operation& op : of(event))
      if (op.call.sequence < sequence && (is_record || op.is_record)) last = op.call;
    return last;
  }
  std::optional<PendingCall> latest_record(std::uint64_t event) const {
    return before(event, ~std::uint64_t{0}, false);
  }
  std::optional<PendingCall> latest(std::uint64_t event) const { return before(event, ~std::uint64_t{0}, true); }

 private:
  struct Operation {
    PendingCall call;
    bool is_record = false;
  };
  // In the order of their calls.
  const std::vector<Operation>& of(std::uint64_t event) const {
    static const std::vector<Operation> kNone;
    const auto found = events_.find(event);
    return found == events_.end() ? kNone : found->second;
  }

  std::unordered_map<std::uint64_t, std::vector<Operation>> events_;
};

}  // namespace lithos::cuda
