// SPDX-License-Identifier: Apache-2.0
// What the engine knows of one launch queue from its records: launches that wait, atoms in flight, the head that cannot run.
// Records may be missing, late, doubled or out of order; the book heals: a queue's work runs in order, so a later completion ends all
// that comes before it; what nobody completes ages out; a completion nobody announced is taken as it is.
// Times here are the engine's own. Not for more than one thread.
#pragma once

#include <compare>
#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/record.hpp"
#include "engine/ring.hpp"

namespace lithos {

// Order of atoms within a queue.
struct AtomKey {
  std::uint64_t launch = 0;
  std::uint32_t first_block = 0;
  friend constexpr auto operator<=>(const AtomKey&, const AtomKey&) = default;
};

// TPCs times nanoseconds worked so far: by all tenants, and by the one concerned (activity.hpp).
struct WorkMark {
  std::uint64_t everybody = 0;
  std::uint64_t self = 0;
  Nanoseconds at{0};
};

struct QueuedLaunch {
  LaunchId launch{};
  std::uint32_t op = 0;  // index in the tenant's operator table
  Nanoseconds at{0};
  Nanoseconds predicted{0};
};

struct FlyingAtom {
  AtomKey key;
  std::uint32_t op = 0;
  std::uint32_t tpc_count = 0;
  TpcSet tpcs;
  Nanoseconds predicted{0};
  Nanoseconds seen_at{0};    // submission, as it became known
  Nanoseconds arrived{0};    // the launch, likewise: when it was queued, if it was
  Nanoseconds started = kNever;  // graphs: the first node's start, device time
  WorkMark mark;             // when it came to the head of the queue
  std::uint32_t nodes_done = 0;  // graphs: of its kernels, as far as completions were reported
  bool last = true;
  Coverage coverage{};
};

// The head of the queue cannot run under the lease, so the executor says.
struct StuckHead {
  LaunchId launch{};         // none: nothing is stuck
  std::uint32_t op = 0;
  Nanoseconds since{0};
  Nanoseconds told_at{0};    // repeated by the executor while it lasts
  bool lacks_right = false;  // it may spin
};

class QueueBook {
 public:
  static constexpr std::size_t kQueuedLimit = 8192, kFlyingLimit = 8192;

  explicit QueueBook(QueueId queue) : id(queue), queued(kQueuedLimit), flying(kFlyingLimit) {}

  void add_queued(const QueuedLaunch& launch);
  // False: it has completed already, or is known.
  bool add_flying(const FlyingAtom& atom);
  // Ends the atom and all before it. True if the atom itself was known; `out` is a copy then.
  bool complete(AtomKey key, Nanoseconds now, FlyingAtom* out);
  void drop_oldest(Nanoseconds now);  // gives up on the atom at the head
  void start_over();                  // forgets all but the queue's id
  void launched(LaunchId launch);     // it and all before it wait no more

  // Predicted time of what is in flight still to run.
  Nanoseconds left(Nanoseconds now) const;
  Nanoseconds running_since() const;  // of the head; call only if something is in flight

  QueueId id;
  Ring<QueuedLaunch> queued;
  Ring<FlyingAtom> flying;
  Nanoseconds queued_predicted{0}, flying_predicted{0};
  std::uint32_t flying_launches = 0;
  AtomKey last_submitted, last_completed;
  Nanoseconds last_end{0};
  StuckHead stuck;
  Nanoseconds batch_since = kNever;   // first kernel launch since the program last waited for the queue
  bool removed = false;

 private:
  void popped(Nanoseconds now);
};

}  // namespace lithos
