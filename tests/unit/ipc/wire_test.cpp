// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "ipc/wire.hpp"
#include "unit/ipc/support.hpp"

namespace lithos::ipc {
namespace {

const RecordLimits kLimits{TenantId{3}, TpcSet::first(66), Nanoseconds{1'000'000}, 9};

TEST(Wire, ALeaseSurvivesTheTrip) {
  Lease lease = testing::lease_number(41, 3);
  lease.hold = true;
  lease.masked = false;
  lease.max_tpcs = 12;
  lease.expires_at = kNever;
  WireLease wire{};
  to_wire(lease, wire, [](TenantId tenant) { return 100 + value_of(tenant); });
  Lease back;
  std::uint64_t keys[Lease::kMaxLenders];
  from_wire(wire, back, keys);
  EXPECT_TRUE(testing::is_whole(back));
  EXPECT_EQ(back.lenders, 3u);
  EXPECT_TRUE(back.hold);
  EXPECT_FALSE(back.masked);
  EXPECT_EQ(back.max_tpcs, 12u);
  EXPECT_EQ(back.expires_at, kNever);
  EXPECT_EQ(keys[2], tenant_key(TenantId{2}, 102));
}

TEST(Wire, ADamagedLeaseIsBounded) {
  WireLease wire;
  std::memset(&wire, 0xff, sizeof wire);
  Lease lease;
  std::uint64_t keys[Lease::kMaxLenders];
  from_wire(wire, lease, keys);
  EXPECT_EQ(lease.lenders, Lease::kMaxLenders);
  EXPECT_EQ(lease.launches_per_s, 0);  // those bits are no number
  EXPECT_LE(used_bytes(wire), sizeof(WireLease));
}

TEST(Wire, ARecordSurvivesTheTripAndGetsItsTenantFromTheDaemon) {
  Record sent = testing::record_number(5), got;
  sent.tenant = TenantId{60};
  ASSERT_TRUE(from_wire(to_wire(sent), kLimits, got));
  EXPECT_EQ(got.tenant, TenantId{3});
  EXPECT_EQ(got.kind, sent.kind);
  EXPECT_EQ(got.coverage, sent.coverage);
  EXPECT_EQ(got.op, sent.op);
  EXPECT_EQ(got.tpcs, sent.tpcs);
  EXPECT_EQ(got.last, sent.last);
  EXPECT_EQ(got.sequence, sent.sequence);
  EXPECT_EQ(got.node, sent.node);
  EXPECT_EQ(got.context, sent.context);
}

TEST(Wire, ADecisionSurvivesTheTrip) {
  OperatorDecision sent;
  for (unsigned i = 0; i < OperatorDecision::kPoints; ++i) sent.predicted_at[i] = Nanoseconds{1'000 - i};
  sent.tpcs = 7, sent.rush_after = 5, sent.span_tpcs = 66, sent.mixed = true;
  const OperatorDecision got = from_wire(to_wire(sent));
  EXPECT_TRUE(std::equal(std::begin(got.predicted_at), std::end(got.predicted_at), std::begin(sent.predicted_at)));
  EXPECT_EQ(got.tpcs, 7u);
  EXPECT_EQ(got.rush_after, 5u);
  EXPECT_EQ(got.span_tpcs, 66u);
  EXPECT_TRUE(got.mixed);
  sent.mixed = false;
  EXPECT_FALSE(from_wire(to_wire(sent)).mixed);
}

TEST(Wire, RecordsOfNoSoundTenantAreRefused) {
  const WireRecord good = to_wire(testing::record_number(5));
  Record record;
  const auto refused = [&](auto&& spoil) {
    WireRecord bad = good;
    spoil(bad);
    return !from_wire(bad, kLimits, record);
  };
  EXPECT_TRUE(refused([](WireRecord& r) { r.kind = 6; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.coverage = kCoverageKinds; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.pressure = 3; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.last = 2; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.sequence = 0; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.lease_generation = 10; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.tpcs.words[1] = 1u << 2; }));  // TPC 66
  EXPECT_TRUE(refused([](WireRecord& r) { r.spinning.words[3] = 1; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.at_ns = 1'000'000'000'000; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.predicted_ns = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refused([](WireRecord& r) { r.kind = 2, r.started_ns = r.at_ns + 1; }));
}

TEST(Wire, SubmissionsStayInsideTheArea) {
  WireSubmission good{};
  good.generation = 1;
  good.slots = 1;
  EXPECT_TRUE(is_sound(good));
  const auto sound = [&](auto&& change) {
    WireSubmission wire = good;
    change(wire);
    return is_sound(wire);
  };
  EXPECT_FALSE(sound([](WireSubmission& w) { w.slots = 0; }));
  EXPECT_FALSE(sound([](WireSubmission& w) { w.slots = 2; }));  // not a graph
  EXPECT_FALSE(sound([](WireSubmission& w) { w.first_slot = kSlots; }));
  EXPECT_FALSE(sound([](WireSubmission& w) { w.first_slot = 0xffffffff; }));
  EXPECT_FALSE(sound([](WireSubmission& w) { w.flags = 16; }));
  EXPECT_FALSE(sound([](WireSubmission& w) { w.generation = 0; }));
  EXPECT_FALSE(sound([](WireSubmission& w) { w.first_mask = 0xffffffff; }));
  EXPECT_TRUE(sound([](WireSubmission& w) { w.flags = kSubmitGraph, w.slots = 5; }));
  EXPECT_FALSE(sound([](WireSubmission& w) { w.flags = kSubmitGraph | kSubmitMasked, w.slots = 5; }));
}

TEST(Wire, APressureThatDoesNotExistCountsAsPressed) {
  EXPECT_EQ(pressure_from_wire(7).level, Pressure::pressed);
  const PressureWord word{Pressure::active, Nanoseconds{123}};
  EXPECT_EQ(pressure_from_wire(to_wire(word)).level, Pressure::active);
  EXPECT_EQ(pressure_from_wire(to_wire(word)).since, Nanoseconds{123});
}

}  // namespace
}  // namespace lithos::ipc
