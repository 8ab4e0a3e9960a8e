// SPDX-License-Identifier: Apache-2.0
#include "sim/transport.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace lithos {
namespace {

TransportConfig exact() {
  TransportConfig config;
  config.delay = Nanoseconds{500};
  config.jitter = Nanoseconds{0};
  config.reclaim_delay = Nanoseconds{150};
  config.completion_delay = Nanoseconds{2000};
  config.decision_delay = Nanoseconds{3000};
  return config;
}

Record numbered(std::uint64_t sequence) {
  Record record;
  record.sequence = sequence;
  return record;
}

// Everything visible from `from` on, in order, with the times at which it became so.
std::vector<std::pair<std::uint64_t, std::int64_t>> drain(Transport& transport, TenantChannel& channel) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> seen;
  while (channel.next() != kNever) {
    transport.set_now(channel.next());
    Record record;
    while (channel.take_record(record)) seen.emplace_back(record.sequence, transport.now().count());
  }
  return seen;
}

TEST(Transport, RecordsComeLateAndInOrder) {
  Transport transport(exact(), 1);
  TenantChannel& channel = transport.add_tenant(TenantId{3});
  channel.push(numbered(1));
  transport.set_now(Nanoseconds{100});
  channel.push(numbered(2));
  Record record;
  EXPECT_FALSE(channel.take_record(record));
  const auto seen = drain(transport, channel);
  EXPECT_EQ(seen, (std::vector<std::pair<std::uint64_t, std::int64_t>>{{1, 500}, {2, 600}}));
}

TEST(Transport, JitterNeverReorders) {
  TransportConfig config = exact();
  config.jitter = Nanoseconds{10'000};
  Transport transport(config, 1);
  TenantChannel& channel = transport.add_tenant(TenantId{0});
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    transport.set_now(Nanoseconds{static_cast<std::int64_t>(i)});
    channel.push(numbered(i));
  }
  std::uint64_t expected = 1;
  for (const auto& [sequence, at] : drain(transport, channel)) {
    EXPECT_EQ(sequence, expected++);
    EXPECT_GE(at, 500 + static_cast<std::int64_t>(sequence));
  }
  EXPECT_EQ(expected, 1001u);
}

TEST(Transport, LosesItsShareAndCounts) {
  TransportConfig config = exact();
  config.loss = 0.1;
  Transport transport(config, 7);
  TenantChannel& channel = transport.add_tenant(TenantId{0});
  for (std::uint64_t i = 0; i < 10'000; ++i) channel.push(numbered(i));
  EXPECT_NEAR(static_cast<double>(transport.records_lost()), 1000, 100);
  EXPECT_EQ(drain(transport, channel).size(), 10'000 - transport.records_lost());
}

TEST(Transport, SomeRecordsAreOvertakenByTheNext) {
  TransportConfig config = exact();
  config.reorder = 0.2;
  Transport transport(config, 7);
  TenantChannel& channel = transport.add_tenant(TenantId{0});
  constexpr std::uint64_t kCount = 1000;
  for (std::uint64_t i = 0; i < kCount; ++i) channel.push(numbered(i));
  const auto seen = drain(transport, channel);
  EXPECT_GE(seen.size(), kCount - 1);  // the very last may still be held back
  int swapped = 0;
  for (std::size_t i = 1; i < seen.size(); ++i) {
    if (seen[i].first < seen[i - 1].first) {
      EXPECT_EQ(seen[i].first + 1, seen[i - 1].first);
      ++swapped;
    }
  }
  EXPECT_GT(swapped, 100);
}

TEST(Transport, LeasesAndDecisionsBecomeVisibleAfterTheDaemonsDelay) {
  Transport transport(exact(), 1);
  TenantChannel& channel = transport.add_tenant(TenantId{0});
  Lease lease;
  lease.generation = 5;
  transport.publish_lease(TenantId{0}, lease);
  OperatorDecision decision;
  decision.tpcs = 12;
  transport.publish_operator(TenantId{0}, OperatorId{99}, decision);
  EXPECT_EQ(channel.lease().generation, 0u);
  EXPECT_EQ(channel.next().count(), 3500);
  transport.set_now(Nanoseconds{3499});
  EXPECT_FALSE(channel.take_lease());
  EXPECT_EQ(channel.decision(OperatorId{99}), nullptr);
  transport.set_now(Nanoseconds{3500});
  EXPECT_TRUE(channel.take_lease());
  EXPECT_EQ(channel.lease().generation, 5u);
  ASSERT_NE(channel.decision(OperatorId{99}), nullptr);
  EXPECT_EQ(channel.decision(OperatorId{99})->tpcs, 12u);
  EXPECT_EQ(channel.decision(OperatorId{98}), nullptr);
}

TEST(Transport, PressureIsSeenByOthersAfterTheReclaimDelay) {
  Transport transport(exact(), 1);
  TenantChannel& lender = transport.add_tenant(TenantId{0});
  TenantChannel& borrower = transport.add_tenant(TenantId{1});
  lender.publish_pressure({Pressure::active, Nanoseconds{0}});
  transport.set_now(Nanoseconds{100});
  lender.publish_pressure({Pressure::pressed, Nanoseconds{100}});
  EXPECT_EQ(borrower.pressure_of(TenantId{0}).level, Pressure::idle);
  transport.set_now(Nanoseconds{200});
  EXPECT_EQ(borrower.pressure_of(TenantId{0}).level, Pressure::active);
  transport.set_now(Nanoseconds{250});
  EXPECT_EQ(borrower.pressure_of(TenantId{0}).level, Pressure::pressed);  // seen before the simulation took it
  EXPECT_TRUE(lender.take_pressure());
  EXPECT_TRUE(lender.take_pressure());
  EXPECT_EQ(borrower.pressure_of(TenantId{0}).level, Pressure::pressed);
  EXPECT_EQ(borrower.pressure_of(TenantId{9}).level, Pressure::idle);
}

TEST(Transport, CompletionsAreNeverLost) {
  TransportConfig config = exact();
  config.loss = 1;
  Transport transport(config, 1);
  TenantChannel& channel = transport.add_tenant(TenantId{0});
  Completion completion;
  completion.launch = LaunchId{4};
  channel.completed(completion);
  transport.set_now(Nanoseconds{2000});
  Completion seen;
  ASSERT_TRUE(channel.take_completion(seen));
  EXPECT_EQ(seen.launch, LaunchId{4});
}

TEST(Transport, ClockOffsetAndClockRequests) {
  TransportConfig config = exact();
  config.clock_offset = Nanoseconds{-70};
  Transport transport(config, 1);
  EXPECT_EQ(transport.tenant_time(Nanoseconds{1000}).count(), 930);
  EXPECT_EQ(transport.from_tenant_time(Nanoseconds{930}).count(), 1000);
  EXPECT_EQ(transport.from_tenant_time(kNever), kNever);
  transport.request_clock(1500);
  EXPECT_EQ(transport.take_clock_request(), 1500u);
  EXPECT_EQ(transport.take_clock_request(), 0u);
}

}  // namespace
}  // namespace lithos
