// SPDX-License-Identifier: Apache-2.0
// The scheduler tpc_borrowing through its ABI: what it lends of an owner whose work would hardly be slower on fewer TPCs, and to whom.
#include <gtest/gtest.h>

#include "lithos/testing/view_builder.hpp"
#include "test_paths.hpp"
#include "unit/policies/shipped.hpp"

namespace lithos {
namespace {

using namespace test;
using lithos::testing::Answer;
using lithos::testing::ViewBuilder;

constexpr std::uint64_t kMsNs = 1'000'000;

class Spared : public ::testing::Test {
 protected:
  void SetUp() override {
    machine_.latency_critical("web", kTpcs);
    machine_.best_effort("batch").pressed();
  }
  void with(std::map<std::string, RawValue> params) {
    PolicySetConfig config;
    config.scheduler.id = "org.lithos.scheduler.tpc_borrowing";
    config.scheduler.params = std::move(params);
    CreatedPolicySet created = PolicySet::create(config, catalog_, gpu_info());
    ASSERT_NE(created.set, nullptr) << to_string(created.diagnostics.at(0));
    set_ = std::move(created.set);
  }
  void with_spares() { with({{"spare_active", {0.2, {}}}, {"spare_pressed", {0.1, {}}}}); }
  lithos::testing::TenantBuilder& web() { return machine_.tenant(0); }

  // TPCs lent to the borrower while the owner is at this level.
  sdk::TpcSet lent(std::uint32_t level) {
    Answer answer(machine_);
    set_->decide(*machine_.at(now_ns_).c(), *answer.c());
    return answer.borrowed("batch", level);
  }
  // The owner is busy for so long, again and again.
  void busy_periods_of(std::uint64_t busy_ns, std::uint64_t pause_ns = kMsNs) {
    for (int i = 0; i < 300; ++i) {
      web().active(now_ns_);
      lent(0);
      now_ns_ += busy_ns;
      web().idle(now_ns_);
      lent(0);
      now_ns_ += pause_ns;
    }
    web().active(now_ns_);
  }

  PolicyCatalog catalog_{{LITHOS_BINARY_DIR "/lib/lithos/policies"}};
  std::unique_ptr<PolicySet> set_;
  ViewBuilder machine_{kTpcs};
  std::uint64_t now_ns_ = kMsNs;
};

TEST_F(Spared, NothingUnlessAskedFor) {
  with({});
  web().slows(1, 1, 1);
  busy_periods_of(10 * kMsNs);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_ACTIVE).empty());
  EXPECT_TRUE(lent(LITHOS_PRESSURE_PRESSED).empty());
}

// 17, 33 and 50 TPCs of 66; between them linear in 1/TPCs.
TEST_F(Spared, AsManyAsTheSlowdownAllowsAndThoseAtTheEnd) {
  with_spares();
  web().slows(1.6, 1.2, 1.05);
  busy_periods_of(20 * kMsNs);
  EXPECT_EQ(lent(LITHOS_PRESSURE_ACTIVE), sdk::TpcSet::first(66) - sdk::TpcSet::first(34)) << "32 would be slower than 1.2";
  EXPECT_EQ(lent(LITHOS_PRESSURE_PRESSED), sdk::TpcSet::first(66) - sdk::TpcSet::first(44));
  EXPECT_EQ(lent(LITHOS_PRESSURE_IDLE), sdk::TpcSet::first(66) - sdk::TpcSet::first(3)) << "lend_idle";
}

TEST_F(Spared, BelowAQuarterWorkIsTakenToDivide) {
  with_spares();
  web().slows(1, 1, 1);
  busy_periods_of(100 * kMsNs);
  EXPECT_EQ(lent(LITHOS_PRESSURE_ACTIVE).count(), 50u) << "17 / 16 is within 1.2, 17 / 14 is not";
}

TEST_F(Spared, NothingOfWorkThatIsNotKnown) {
  with_spares();
  busy_periods_of(1'000 * kMsNs);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_ACTIVE).empty());
}

// On 56 TPCs it is within the slowdown, and takes as much of the GPU as before, only for longer.
TEST_F(Spared, NothingOfWorkThatSavesNothing) {
  with_spares();
  web().slows(66.0 / 17, 2, 66.0 / 50);
  busy_periods_of(1'000 * kMsNs);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_ACTIVE).empty());
}

// On 34 TPCs it saves the work of 25.6, which is enough for launches of 1.5 ms where the owner is busy for 2.4 ms at a time.
TEST_F(Spared, NothingWhereABorrowersLaunchWouldOutlastTheBusyPeriod) {
  with_spares();
  web().slows(1.6, 1.2, 1.05);
  busy_periods_of(2 * kMsNs);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_ACTIVE).empty());
  busy_periods_of(3 * kMsNs);
  EXPECT_EQ(lent(LITHOS_PRESSURE_ACTIVE).count(), 32u);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_PRESSED).empty()) << "44 save too little for that";
}

TEST_F(Spared, GapsWithinTheGraceArePartOfABusyPeriod) {
  with_spares();
  web().slows(1.6, 1.2, 1.05);
  busy_periods_of(50'000, 10'000);
  EXPECT_EQ(lent(LITHOS_PRESSURE_ACTIVE).count(), 32u) << "18 ms of launches by one's and two's";
  busy_periods_of(50'000, 30'000);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_ACTIVE).empty());
}

TEST_F(Spared, AnOwnerThatNeverPausesIsBusyForAsLongAsItHasBeen) {
  with_spares();
  web().slows(1.6, 1.2, 1.05).pressed(now_ns_);
  EXPECT_TRUE(lent(LITHOS_PRESSURE_PRESSED).empty());
  now_ns_ += 20 * kMsNs;
  EXPECT_EQ(lent(LITHOS_PRESSURE_PRESSED).count(), 22u);
}

// ---- several borrowers ----

class Slices : public Spared {
 protected:
  void SetUp() override {
    machine_.latency_critical("web", kTpcs);
    for (const char* name : {"first", "second", "third"}) machine_.best_effort(name).pressed();
  }
  sdk::TpcSet of(const char* name) {
    Answer answer(machine_);
    set_->decide(*machine_.at(now_ns_).c(), *answer.c());
    return answer.borrowed(name, LITHOS_PRESSURE_IDLE);
  }
  static sdk::TpcSet range(unsigned first, unsigned end) { return sdk::TpcSet::first(end) - sdk::TpcSet::first(first); }
};

TEST_F(Slices, DoNotOverlapUnlessAskedFor) {
  with({{"lend_idle", {1.0, {}}}});
  EXPECT_EQ(of("first"), range(0, 22));
  EXPECT_EQ(of("second"), range(22, 44));
  EXPECT_EQ(of("third"), range(44, 66));
}

TEST_F(Slices, OverlapAsFarAsAskedFor) {
  with({{"lend_idle", {1.0, {}}}, {"overlap", {0.5, {}}}});
  EXPECT_EQ(of("first"), range(0, 44));
  EXPECT_EQ(of("second"), range(11, 55));
  EXPECT_EQ(of("third"), range(22, 66));
  with({{"lend_idle", {1.0, {}}}, {"overlap", {1.0, {}}}});
  for (const char* name : {"first", "second", "third"}) EXPECT_EQ(of(name), range(0, 66)) << name;
}

TEST_F(Slices, AreAsWideAsTheirTenantsWeigh) {
  machine_.throughput("narrow").pressed();
  with({{"lend_idle", {1.0, {}}}, {"weight_throughput", {0.3, {}}}});
  EXPECT_EQ(of("first"), range(0, 20));
  EXPECT_EQ(of("second"), range(20, 40));
  EXPECT_EQ(of("third"), range(40, 60));
  EXPECT_EQ(of("narrow"), range(60, 66));
  with({{"lend_idle", {1.0, {}}}, {"weight_throughput", {0.01, {}}}});
  EXPECT_EQ(of("narrow"), range(0, 66)) << "less than a TPC would be none";
}

}  // namespace
}  // namespace lithos
