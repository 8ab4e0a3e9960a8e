// SPDX-License-Identifier: Apache-2.0
#include "policy_host/event_ring.hpp"

#include <gtest/gtest.h>

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
