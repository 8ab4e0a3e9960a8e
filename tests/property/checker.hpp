// SPDX-License-Identifier: Apache-2.0
// The safety rules of DESIGN.md §5 as they can be seen from outside: told of every launch, submission, record, completion and lease, it
// says which rule was broken. It shares no code with engine and executor beyond their plain types, so a mistake there is seen here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "engine/lease.hpp"
#include "engine/record.hpp"
#include "executor/device.hpp"
#include "executor/executor.hpp"

namespace lithos::test {

// What one tenant can see at this moment.
struct Visible {
  Lease lease;
  std::map<std::uint32_t, PressureWord> words;  // by tenant slot
};

class Checker {
 public:
  explicit Checker(const GpuShape& gpu) : gpu_(gpu) {}

  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }

  struct Launched {
    LaunchId id{};
    const KernelInfo* kernel = nullptr;
    const GraphInfo* graph = nullptr;
    std::uint32_t next_block = 0;
    bool urgent = false;
  };
  struct Flying {
    LaunchId id{};
    std::uint32_t first_block = 0, blocks = 0;
    const GraphInfo* graph = nullptr;
    TpcSet spinning, foreign;
    Nanoseconds predicted{0}, submitted_at{0};
    bool long_whole = false;
    bool done_on_device = false;
    std::uint64_t order = 0;
  };
  struct Queue {
    LaunchPath path{};
    std::deque<Launched> pending;  // not fully submitted
    std::deque<Flying> flying;     // not seen as completed by the executor
    Nanoseconds idle_since{0};     // nothing in flight and a head that waits, since
    Nanoseconds last_seen{0};      // completion
  };
  struct Tenant {
    bool present = false;
    TpcSet own;
    std::map<std::uint32_t, Queue> queues;
    TpcSet published_rights;
  };

  void joined(std::uint32_t slot, const TpcSet& own);
  void left(std::uint32_t slot);
  void launching(std::uint32_t slot, QueueId queue, LaunchPath path, Launched launch, Nanoseconds now);
  void flushed(std::uint32_t slot, QueueId queue);

  // Device::submit was called; the executor's record about it follows at once.
  void submitted(const AtomSubmission& atom, Nanoseconds now);
  void submitted(const GraphSubmission& graph, Nanoseconds now);
  void recorded(const Record& record, const Visible& visible, Nanoseconds starvation_limit, Nanoseconds now);
  void device_done(const Completion& completion);
  void completion_seen(const Completion& completion, Nanoseconds now);
  void lease_published(std::uint32_t slot, const Lease& lease);
  // After each call into an executor, with everything it could do done.
  void at_rest(std::uint32_t slot, const Visible& visible, Nanoseconds starved_at_most, Nanoseconds now);

  bool all_done() const;
  std::string unfinished() const;  // for messages
  Tenant& tenant(std::uint32_t slot) { return tenants_[slot]; }

 private:
  void fail(const std::string& what);
  Queue& queue_of(TenantId tenant, QueueId queue) { return tenants_[value_of(tenant)].queues[value_of(queue)]; }
  TpcSet usable_now(const Visible& visible, Nanoseconds now) const;
  bool room_for(const KernelInfo& kernel, const TpcSet& tpcs) const;
  void check_mask(const KernelInfo& kernel, const TpcSet& tpcs);
  void check_spinning(std::uint32_t slot, const TpcSet& spinning);
  void check_place(const Record& record, const Visible& visible, Nanoseconds starvation_limit, Nanoseconds now);
  void check_borrowing(const Record& record, const Visible& visible, Nanoseconds now);
  void check_owner_served(const Queue& queue, const Tenant& tenant, const Visible& visible);

  const GpuShape& gpu_;
  std::map<std::uint32_t, Tenant> tenants_;
  std::string failure_;
  std::uint64_t order_ = 0;
  // Between a submission and its record:
  struct Pending {
    bool any = false;
    bool masked = true, graph = false, urgent = false, collective = false;
    const KernelInfo* kernel = nullptr;
    const GraphInfo* graph_info = nullptr;
    std::uint32_t first_block = 0, blocks = 0;
    TpcSet tpcs, spinning;
    Nanoseconds idle_since{0};
  } last_;
};

}  // namespace lithos::test
