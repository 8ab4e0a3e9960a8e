// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ipc/lease_buffer.hpp"
#include "unit/ipc/support.hpp"

namespace lithos::ipc {
namespace {

void publish(LeaseWriter& writer, const Lease& lease) {
  WireLease wire{};
  to_wire(lease, wire, [](TenantId) { return 1u; });
  writer.publish(wire);
}

bool take(LeaseReader& reader, Lease& lease) {
  WireLease wire;
  if (!reader.take(wire)) return false;
  std::uint64_t keys[Lease::kMaxLenders];
  from_wire(wire, lease, keys);
  return true;
}

TEST(LeaseBuffer, NothingBeforeTheFirst) {
  testing::PrivateArea area;
  LeaseReader reader(*area);
  Lease lease;
  EXPECT_FALSE(reader.changed());
  EXPECT_FALSE(take(reader, lease));
}

TEST(LeaseBuffer, TheNewestIsTaken) {
  testing::PrivateArea area;
  LeaseWriter writer(*area);
  LeaseReader reader(*area);
  Lease lease;
  for (std::uint64_t generation = 1; generation <= 5; ++generation) publish(writer, testing::lease_number(generation));
  EXPECT_TRUE(reader.changed());
  ASSERT_TRUE(take(reader, lease));
  EXPECT_EQ(lease.generation, 5u);
  EXPECT_FALSE(reader.changed());
}

TEST(LeaseBuffer, ReadersNeverSeeATornLease) {
  testing::PrivateArea area;
  LeaseWriter writer(*area);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> taken = 0;
  std::thread reading([&] {
    LeaseReader reader(*area);
    Lease lease;
    std::uint64_t last = 0;
    while (!stop) {
      if (!take(reader, lease)) continue;
      ASSERT_TRUE(testing::is_whole(lease));
      ASSERT_GE(lease.generation, last);
      last = lease.generation;
      ++taken;
    }
  });
  std::uint64_t generation = 0;
  while (taken < 200) publish(writer, testing::lease_number(++generation, 8));
  stop = true;
  reading.join();
}

TEST(LeaseBuffer, TheWriterReadsNothingBack) {
  testing::PrivateArea area;
  LeaseWriter writer(*area);
  publish(writer, testing::lease_number(1));
  area->header.lease_counter.value = 99;  // a hostile tenant
  std::memset(&area->lease, 0xff, sizeof area->lease);
  publish(writer, testing::lease_number(2));
  LeaseReader reader(*area);
  Lease lease;
  ASSERT_TRUE(take(reader, lease));
  EXPECT_EQ(lease.generation, 2u);
  EXPECT_TRUE(testing::is_whole(lease));
}

}  // namespace
}  // namespace lithos::ipc
