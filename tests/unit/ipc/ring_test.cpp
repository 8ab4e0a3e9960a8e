// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "ipc/spsc_ring.hpp"
#include "ipc/wire.hpp"
#include "unit/ipc/support.hpp"

namespace lithos::ipc {
namespace {

using Writer = RingWriter<WireRecord, kRecords>;
using Reader = RingReader<WireRecord, kRecords>;

struct Ends {
  explicit Ends(Area& area)
      : writer(area.records, &area.header.record_tail.value, &area.header.record_head.value),
        reader(area.records, &area.header.record_tail.value, &area.header.record_head.value) {}
  Writer writer;
  Reader reader;
};

TEST(Ring, AFullRingRefusesAndGoesOnAfterwards) {
  testing::PrivateArea area;
  Ends ends(*area);
  for (std::size_t i = 0; i < kRecords; ++i) ASSERT_TRUE(ends.writer.push(to_wire(testing::record_number(i + 1))));
  EXPECT_FALSE(ends.writer.push(to_wire(testing::record_number(1))));
  WireRecord record;
  for (std::size_t i = 0; i < kRecords; ++i) {
    ASSERT_TRUE(ends.reader.pop(record));
    ASSERT_EQ(record.sequence, i + 1);
  }
  EXPECT_FALSE(ends.reader.pop(record));
  EXPECT_TRUE(ends.writer.push(to_wire(testing::record_number(1))));
}

TEST(Ring, CarriesEverythingInOrderBetweenThreads) {
  constexpr std::uint64_t kCount = 50'000;
  testing::PrivateArea area;
  Ends ends(*area);
  std::thread writing([&] {
    for (std::uint64_t i = 1; i <= kCount; ++i)
      while (!ends.writer.push(to_wire(testing::record_number(i)))) std::this_thread::yield();
  });
  const RecordLimits limits{TenantId{1}, TpcSet::first(66), Nanoseconds{1'000'000'000}, 0};
  WireRecord wire;
  Record record;
  for (std::uint64_t i = 1; i <= kCount;) {
    if (!ends.reader.pop(wire)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_TRUE(from_wire(wire, limits, record));
    ASSERT_EQ(record.sequence, i);
    ASSERT_EQ(record.op, testing::record_number(i).op);
    ++i;
  }
  writing.join();
}

TEST(Ring, APositionThatCannotBeIsSkippedAtOnce) {
  testing::PrivateArea area;
  Ends ends(*area);
  area->header.record_tail.value = std::uint64_t{1} << 60;
  WireRecord record;
  EXPECT_FALSE(ends.reader.pop(record));
  EXPECT_EQ(ends.reader.nonsense(), 1u);
  EXPECT_TRUE(ends.reader.empty());
  area->header.record_tail.value = 3;  // backwards
  EXPECT_FALSE(ends.reader.pop(record));
  EXPECT_EQ(ends.reader.nonsense(), 2u);
}

TEST(Ring, AWriterIsNotFooledByTheReadersPosition) {
  testing::PrivateArea area;
  Ends ends(*area);
  for (std::size_t i = 0; i < kRecords; ++i) ASSERT_TRUE(ends.writer.push(to_wire(testing::record_number(i + 1))));
  area->header.record_head.value = kRecords + 5;  // read more than was written
  EXPECT_FALSE(ends.writer.push(to_wire(testing::record_number(1))));
}

}  // namespace
}  // namespace lithos::ipc
