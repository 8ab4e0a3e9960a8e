// SPDX-License-Identifier: Apache-2.0
// Whether the head of a launch queue may go now, how much of it and where: the safety rules of DESIGN.md §5 as the executor keeps them.
// Decides only; executor.cpp carries out and does the bookkeeping. Not for more than one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/tpc_map.hpp"
#include "executor/executor.hpp"
#include "executor/graph_masks.hpp"
#include "executor/launch_queue.hpp"
#include "executor/lease_reader.hpp"

namespace lithos {

// The tenant's work on other owners' TPCs that has not completed.
struct Outstanding {
  Nanoseconds predicted{0};            // of all of it
  Nanoseconds running{0};              // of the oldest piece, which is taken to be running
  Nanoseconds running_until = kNever;  // when that one should be over, should it take as long as predicted
  std::uint32_t pieces = 0;
  std::uint32_t long_wholes = 0;       // uncuttable ones among them
  Nanoseconds at_home{0};              // and what the tenant has at home though it may borrow (Verdict::delays_borrowing), predicted

  Nanoseconds behind() const { return predicted - running; }  // has not begun
  Nanoseconds left(Nanoseconds now) const { return behind() + std::clamp(running_until - now, Nanoseconds{0}, running); }
};

struct Verdict {
  enum class Outcome : std::uint8_t {
    go,
    later,       // enough is in flight, or a limit is reached: a completion or `retry_at` will change that
    lease_short, // the lease cannot run it: the engine should know
  };
  Outcome outcome = Outcome::lease_short;
  Nanoseconds retry_at = kNever;

  // If go:
  bool masked = true;
  bool low_priority = false;
  bool on_borrowed = false;
  bool uncuttable = false;  // as it would be submitted: longer than the atoms that were wished
  bool long_whole = false;
  bool delays_borrowing = false;  // at home, while at some pressure of a lender the tenant may borrow
  Coverage coverage = Coverage::masked;
  std::uint32_t blocks = 0;   // kernels: how many from next_block on
  std::uint32_t bake = GraphMasks::kNone;
  TpcSet tpcs;                // kernels: the mask; graphs: all masks' union
  Nanoseconds predicted{0};

  Nanoseconds rest{0};  // kernels, go or later: of all blocks that have not gone, on those TPCs

  static Verdict later(Nanoseconds at) { Verdict v; v.put_off(at); return v; }
  void put_off(Nanoseconds until) { outcome = Outcome::later, retry_at = until; }
  static Verdict lease_short() { return {}; }
  bool go() const { return outcome == Outcome::go; }
};

class Admission {
 public:
  Admission(const TpcMap& map, const ExecutorConfig& config, TenantPort& port);

  Verdict ask(const LaunchQueue& queue, const WaitingLaunch& head, const Outstanding& outstanding, Nanoseconds now);
  // A launch (its first atom) went: the rate limit counts from here.
  void launched(Nanoseconds now);

  // A request of the tenant begins, before or right after the end of the one before or not: what lithos_size.rush_after counts.
  void request_begins(bool behind) { requests_in_a_row_ = behind ? requests_in_a_row_ + 1 : 0; }

  GraphMasks& graphs() { return graphs_; }
  LeaseReader& reader() { return reader_; }
  Nanoseconds starvation_limit();

 private:
  struct Question {  // what one ask() is about, to keep signatures short
    const LaunchQueue& queue;
    const WaitingLaunch& head;
    const Outstanding& outstanding;
    const Lease& lease;
    const UsableTpcs& usable;
    Nanoseconds now;
    bool starving;
    // It would not begin at once anyhow, and nobody else is to blame: then, and only then, it may wait for better TPCs than its own.
    bool behind_its_own() const { return !starving && !head.urgent && (head.behind || !queue.inflight.empty()); }
  };
  Verdict ask_kernel(const Question& q);
  Verdict ask_graph(const Question& q);
  Verdict unmasked(const Question& q);
  Verdict collective(const Question& q);
  Verdict starved(const Question& q);
  static bool worth_waiting_for(const Question& q, const Verdict& borrowed, const Verdict& at_home);
  bool too_far_ahead_at_home(const Question& q, const Verdict& at_home);
  // A mask of own, unowned and, if `borrow`, borrowed TPCs, with the limits that hold there.
  Verdict on_lease(const Question& q, bool borrow);
  static Nanoseconds tolerated_on(const Question& q, const TpcSet& tpcs);
  void weigh(const Question& q, Verdict& verdict, Nanoseconds whole) const;
  static bool borrowing_fits(const Question& q, Verdict& verdict);
  static bool within_outstanding_limit(const Question& q, Verdict& verdict);
  bool held_back(const Question& q, Verdict& verdict) const;

  // The last mask chosen for a kernel under the same lease, pressures and wish: programs repeat themselves.
  struct Choice {
    const KernelInfo* kernel = nullptr;
    std::uint64_t version = 0;
    std::uint32_t want = 0, tpc_count = 0;
    bool borrow = false, on_borrowed = false;
    TpcSet tpcs;
  };
  static constexpr std::size_t kChoices = 128;
  const Choice& choose(const Question& q, const KernelInfo& kernel, std::uint32_t want, bool borrow);

  // As the right-sizer has it, whatever the tenant's haste.
  static GraphMasks::Wish wish(const KernelInfo& kernel, const OperatorDecision* decision);
  Nanoseconds predicted(const OperatorDecision* decision, unsigned tpcs) const;
  // Of the launch's kind, where its operator has kinds and this one has been seen.
  const OperatorDecision* decision_of(const WaitingLaunch& head) {
    const OperatorDecision* const decision = port_.decision(head.kernel->id);
    if (decision == nullptr || !decision->mixed) [[likely]] return decision;
    const OperatorDecision* const kind = head.context == 0 ? nullptr : port_.decision(kind_of(head.kernel->id, head.context));
    return kind != nullptr ? kind : decision;
  }

  const TpcMap& map_;
  const ExecutorConfig& config_;
  TenantPort& port_;
  std::uint32_t requests_in_a_row_ = 0;
  LeaseReader reader_;
  GraphMasks graphs_;
  std::array<Choice, kChoices> choices_;
  Nanoseconds next_launch_at_{std::numeric_limits<std::int64_t>::min()};  // by the rate limit
};

}  // namespace lithos
