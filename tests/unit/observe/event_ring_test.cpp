// SPDX-License-Identifier: Apache-2.0
#include "policy_host/event_ring.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>

#include "unit/observe/support.hpp"

namespace lithos::testing {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

TEST(EventRing, WhatGoesInComesOutInOrder) {
  EventRing ring(kAll, 4);
  std::uint64_t next = 1;
  for (std::uint64_t launch = 1; launch <= 20; ++launch) {
    write_launch(ring, launch);
    std::size_t count = 0;
    const EventSlot* batch = ring.ready(8, count);
    ASSERT_EQ(count, 1u);
    EXPECT_EQ(batch->event.as.atom.launch_id, next++);
    EXPECT_EQ(batch->event.time_ns, launch);
    ring.release(1);
  }
  EXPECT_EQ(ring.dropped(), 0u);
}

TEST(EventRing, AFullRingDropsTheNewAndCounts) {
  EventRing ring(kAll, 4);
  for (std::uint64_t launch = 1; launch <= 7; ++launch) write_launch(ring, launch);
  EXPECT_EQ(ring.dropped(), 3u);
  EXPECT_EQ(ring.waiting(), 4u);
  std::size_t count = 0;
  EXPECT_EQ(ring.ready(8, count)->event.as.atom.launch_id, 1u);
  EXPECT_EQ(count, 4u);
}

TEST(EventRing, NothingIsWrittenThatNobodyWants) {
  EventRing ring(event_bit(LITHOS_EVENT_LEASE), 4);
  EventTap tap;
  EXPECT_FALSE(tap.wants(LITHOS_EVENT_LEASE));
  tap.add(ring);
  EXPECT_TRUE(tap.wants(LITHOS_EVENT_LEASE));
  EXPECT_FALSE(tap.wants(LITHOS_EVENT_ATOM_ENDED));
  write_launch(ring, 1);
  EXPECT_EQ(ring.written(), 0u);
  tap.remove(ring);
  EXPECT_FALSE(tap.wants(LITHOS_EVENT_LEASE));
}

TEST(EventRing, TextsAreKeptWithTheirEventAndCutShort) {
  EventRing ring(kAll, 2);
  EventTap tap;
  tap.add(ring);
  const std::string longer(200, 'x');
  tap.emit(LITHOS_EVENT_POLICY, Nanoseconds{0}, 0, [&](EventSlot& slot) {
    slot.event.as.policy = {1, "scheduler", slot.keep("org.example.a"), slot.keep(longer), slot.keep("gone")};
  });
  std::size_t count = 0;
  const lithos_event& event = ring.ready(1, count)->event;
  EXPECT_STREQ(event.as.policy.id, "org.example.a");
  EXPECT_EQ(std::string(event.as.policy.version), longer.substr(0, EventSlot::kTextBytes - 1 - 14));
  EXPECT_STREQ(event.as.policy.hash, "");
}

AtomNote a_note() {
  AtomNote note{};
  note.outcome = LITHOS_OUTCOME_CUT;
  note.flags = AtomNote::kLast;
  note.tenant_id = 7;
  note.op_id = 11;
  note.launch_id = 12;
  note.first_block = 3;
  note.block_count = 4;
  note.blocks = 100;
  note.queue = 5;
  note.predicted_ns = 900;
  note.tpcs.words[1] = 6;
  note.ended_ns = 1'500;
  note.started_ns = 1'000;
  note.submitted_ns = 800;
  note.queued_ns = 700;
  return note;
}

// What the reader sees of a note, which stands at the GPU 2.
lithos_event spelled_out(std::uint32_t type, const AtomNote& note) {
  EventRing ring(kAll, 2);
  EventTap tap(2);
  tap.add(ring);
  tap.emit_atom(type, Nanoseconds{2'000}, [&](AtomNote& to) {
    const AtomNote head = to;
    to = note;
    to.seen_ns = head.seen_ns, to.type = head.type;
  });
  std::size_t count = 0;
  (void)ring.ready(1, count);  // looking twice changes nothing
  return ring.ready(1, count)->event;
}

TEST(EventRing, ANoteBecomesAnEvent) {
  const lithos_event event = spelled_out(LITHOS_EVENT_ATOM_ENDED, a_note());
  const auto& atom = event.as.atom;
  EXPECT_EQ(event.type, LITHOS_EVENT_ATOM_ENDED);
  EXPECT_EQ(event.time_ns, 2'000u);
  EXPECT_EQ(event.gpu, 2u);
  EXPECT_EQ(event.tenant_id, 7u);
  EXPECT_EQ(atom.op_id, 11u);
  EXPECT_EQ(atom.launch_id, 12u);
  EXPECT_EQ(atom.graph_id, 0u);
  EXPECT_EQ(atom.node, 0u);
  EXPECT_EQ(atom.first_block, 3u);
  EXPECT_EQ(atom.block_count, 4u);
  EXPECT_EQ(atom.blocks, 100u);
  EXPECT_EQ(atom.queue, 5u);
  EXPECT_EQ(atom.predicted_ns, 900u);
  EXPECT_EQ(atom.tpcs.words[1], 6u);
  EXPECT_EQ(atom.duration_ns, 500u);
  EXPECT_EQ(atom.started_ns, 1'000u);
  EXPECT_EQ(atom.ended_ns, 1'500u);
  EXPECT_EQ(atom.submitted_ns, 800u);
  EXPECT_EQ(atom.queued_ns, 700u);
  EXPECT_EQ(atom.outcome, LITHOS_OUTCOME_CUT);
  EXPECT_EQ(atom.last, 1u);
  EXPECT_EQ(atom.reserved, 0u);
}

TEST(EventRing, ANoteOfAGraphsKernelNamesBoth) {
  AtomNote note = a_note();
  note.flags = AtomNote::kGraph | AtomNote::kGraphNode;
  note.first_block = 9;  // its place
  note.predicted_ns = 55;  // the graph
  const lithos_event kernel = spelled_out(LITHOS_EVENT_ATOM_ENDED, note);
  EXPECT_EQ(kernel.as.atom.op_id, 11u);
  EXPECT_EQ(kernel.as.atom.graph_id, 55u);
  EXPECT_EQ(kernel.as.atom.node, 9u);
  EXPECT_EQ(kernel.as.atom.first_block, 0u);
  EXPECT_EQ(kernel.as.atom.predicted_ns, 0u);
  EXPECT_EQ(kernel.as.atom.last, 0u);
  note = a_note();
  note.flags = AtomNote::kGraph | AtomNote::kLast;
  note.first_block = 0;
  const lithos_event whole = spelled_out(LITHOS_EVENT_ATOM_SUBMITTED, note);
  EXPECT_EQ(whole.as.atom.graph_id, 11u);
  EXPECT_EQ(whole.as.atom.node, 0u);
  EXPECT_EQ(whole.as.atom.predicted_ns, 900u);
}

// One ring is full, another is not: the full one drops until its reader has made room, the other misses nothing.
TEST(EventRing, AFullRingDropsForItselfAloneUntilThereIsRoom) {
  EventRing small(kAll, 2), large(kAll, 8);
  EventTap tap;
  tap.add(small), tap.add(large);
  const auto tell = [&] {
    ASSERT_TRUE(tap.takes_atom(LITHOS_EVENT_ATOM_ENDED));
    tap.emit_atom(LITHOS_EVENT_ATOM_ENDED, Nanoseconds{1}, [&](AtomNote& to) { to = a_note(), to.type = LITHOS_EVENT_ATOM_ENDED | AtomNote::kBit; });
  };
  for (int i = 0; i < 4; ++i) tell();
  EXPECT_EQ(small.written(), 2u);
  EXPECT_EQ(small.dropped(), 2u);
  small.release(1);
  tell(), tell();
  EXPECT_EQ(small.written(), 3u);
  EXPECT_EQ(small.dropped(), 3u);
  EXPECT_EQ(large.written(), 6u);
  EXPECT_EQ(large.dropped(), 0u);
}

// A ring that is added later is looked at before it is written to, however much room the others had.
TEST(EventRing, ALatecomersRingIsLookedAtFirst) {
  EventRing large(kAll, 8), small(kAll, 2);
  EventTap tap;
  tap.add(large);
  tap.emit(LITHOS_EVENT_REQUEST, Nanoseconds{1}, 1, [](EventSlot&) {});
  tap.add(small);
  for (int i = 0; i < 3; ++i) tap.emit(LITHOS_EVENT_REQUEST, Nanoseconds{1}, 1, [](EventSlot&) {});
  EXPECT_EQ(small.written(), 2u);
  EXPECT_EQ(small.dropped(), 1u);
  EXPECT_EQ(large.written(), 4u);
}

// What is known later is not told as earlier.
TEST(EventRing, TimesAsToldNeverGoBack) {
  EventRing ring(kAll, 8);
  EventTap tap;
  tap.add(ring);
  for (const std::int64_t at : {5, 3, 9}) tap.emit(LITHOS_EVENT_REQUEST, Nanoseconds{at}, 1, [](EventSlot&) {});
  for (int look = 0; look < 2; ++look) {  // looking twice changes nothing
    std::size_t count = 0;
    const EventSlot* const batch = ring.ready(8, count);
    ASSERT_EQ(count, 3u);
    EXPECT_EQ(batch[0].event.time_ns, 5u);
    EXPECT_EQ(batch[1].event.time_ns, 5u);
    EXPECT_EQ(batch[2].event.time_ns, 9u);
  }
  ring.release(3);
  tap.emit(LITHOS_EVENT_REQUEST, Nanoseconds{7}, 1, [](EventSlot&) {});
  std::size_t count = 0;
  EXPECT_EQ(ring.ready(8, count)->event.time_ns, 9u) << "nor from batch to batch";
}

// The times are the tenant's.
TEST(EventRing, TimesInANoteThatCannotBeAreNotTaken) {
  AtomNote note = a_note();
  note.started_ns = std::numeric_limits<std::int64_t>::min();
  note.ended_ns = -5;
  const lithos_event event = spelled_out(LITHOS_EVENT_ATOM_ENDED, note);
  EXPECT_EQ(event.as.atom.started_ns, 0u);
  EXPECT_EQ(event.as.atom.ended_ns, 0u);
  EXPECT_EQ(event.as.atom.duration_ns, 0u);
}

// Writer and reader on threads of their own: every event is read or counted as dropped, and order is kept.
TEST(EventRing, TwoThreadsLoseNothingUncounted) {
  constexpr std::uint64_t kEvents = 200'000;
  EventRing ring(kAll, 64);
  std::uint64_t read = 0;
  bool in_order = true;
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (last != kEvents) {
      std::size_t count = 0;
      const EventSlot* batch = ring.ready(16, count);
      for (std::size_t i = 0; i < count; ++i) {
        in_order = in_order && batch[i].event.as.atom.launch_id > last;
        last = batch[i].event.as.atom.launch_id;
      }
      read += count;
      ring.release(count);
      if (count == 0) std::this_thread::yield();
    }
  });
  for (std::uint64_t launch = 1; launch < kEvents; ++launch) write_launch(ring, launch);
  while (ring.waiting() > 32) std::this_thread::yield();
  write_launch(ring, kEvents);
  reader.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(read + ring.dropped(), kEvents);
}

}  // namespace
}  // namespace lithos::testing
