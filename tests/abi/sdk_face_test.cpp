// SPDX-License-Identifier: Apache-2.0
// The C++ face against the C ABI: what the tables of a class say, what the trampolines do, TPC sets, views.
#include <gtest/gtest.h>

#include <lithos/policy.hpp>
#include <lithos/service.hpp>
#include <string_view>

namespace {

using namespace std::chrono_literals;

enum class Mode { fair, strict };

class Everything {
 public:
  static constexpr const char* id = "org.lithos.test.everything";
  static constexpr const char* version = "1.2.3";
  static constexpr const char* summary = "All that a scheduler can have.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::chrono::nanoseconds slice;
    std::int64_t picks;
    double share;
    bool on;
    Mode mode;
    lithos::Bytes memory;
    lithos::PerSecond rate;
    lithos::Hertz clock;
    std::string path;
    std::uint32_t small;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::slice>(1, "slice", 250us).range(20us, 5ms).live().doc("Slice."),
      lithos::param<&Params::picks>(2, "picks", 4).range(1, 64).unit("TPCs"),
      lithos::param<&Params::share>(3, "share", 0.5).range(0, 1),
      lithos::param<&Params::on>(4, "on", true),
      lithos::param<&Params::mode>(5, "mode", Mode::strict).choices("fair", "strict"),
      lithos::param<&Params::memory>(6, "memory", lithos::Bytes{1024}),
      lithos::param<&Params::rate>(7, "rate", lithos::PerSecond{300}),
      lithos::param<&Params::clock>(8, "clock", lithos::Hertz{1.98e9}),
      lithos::param<&Params::path>(9, "path", "/tmp/x"),
      lithos::param<&Params::small>(10, "small", 7)};
  static constexpr std::tuple metrics{lithos::counter("lent_total", "TPCs", "Lent."),
                                      lithos::gauge("level", "", "Level.")};

  Everything(const lithos::Host& host, const lithos::Gpu& gpu, const Params& values)
      : host_(host), gpu_(gpu), params_(values) {
    last = this;
  }
  void set_params(const Params& values) {
    if (values.slice == 3ms) throw lithos::Error(LITHOS_E_UNSUPPORTED, "not three");
    params_ = values;
  }
  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    if (view.why(LITHOS_WHY_POLICY)) throw std::runtime_error("as told");
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      lease.usable[LITHOS_PRESSURE_IDLE] = tenant->own | view.unowned();
      lease.atom_ns = lithos::ns(params_.slice);
    }
    answer.wake_by(view.now_ns() + 50);
    answer.wake_by(view.now_ns() + 90);
    answer.wake_by(view.now_ns() + 20);
    host_.add(0, 2);
  }
  void tenant_left(std::uint64_t) { throw std::bad_alloc(); }

  static inline Everything* last = nullptr;
  lithos::Host host_;
  lithos::Gpu gpu_;
  Params params_;
};

// Records what a policy tells its host.
struct FakeHost {
  std::string failure;
  double metric = 0;
  lithos_host c{sizeof(lithos_host),
                0,
                this,
                nullptr,
                [](const lithos_host* h, const char* text) { static_cast<FakeHost*>(h->ctx)->failure = text; },
                [](const lithos_host* h, std::uint32_t, double v) { static_cast<FakeHost*>(h->ctx)->metric += v; },
                nullptr};
};

constexpr std::uint16_t kGpcs[] = {0, 0, 1, 1};
constexpr std::uint32_t kClocks[] = {1980, 1000};
lithos_gpu_info gpu() { return {sizeof(lithos_gpu_info), 4, 2, 2, kGpcs, 11, kClocks, 2, 0}; }

std::vector<lithos_value> defaults_of(const lithos_policy& policy) {
  std::vector<lithos_value> out;
  for (std::uint32_t i = 0; i < policy.n_params; ++i) out.push_back(policy.params[i]->def);
  return out;
}

class FaceTest : public testing::Test {
 protected:
  FaceTest() {
    const std::vector<lithos_value> values = defaults_of(policy);
    EXPECT_EQ(policy.create(&host.c, &info, values.data(), policy.n_params, &self), LITHOS_OK);
  }
  ~FaceTest() override { policy.destroy(self); }

  const lithos_policy& policy = lithos::policy_table<Everything>();
  const lithos_scheduler_ops& ops = *static_cast<const lithos_scheduler_ops*>(policy.ops);
  lithos_gpu_info info = gpu();
  FakeHost host;
  void* self = nullptr;
};

TEST_F(FaceTest, TheTableSaysWhatTheClassSays) {
  EXPECT_EQ(policy.kind, LITHOS_KIND_SCHEDULER);
  EXPECT_STREQ(policy.id, "org.lithos.test.everything");
  EXPECT_STREQ(policy.license, "Apache-2.0");
  ASSERT_EQ(policy.n_params, 10u);
  const lithos_param& slice = *policy.params[0];
  EXPECT_EQ(slice.type, LITHOS_TYPE_DURATION_NS);
  EXPECT_EQ(slice.flags, LITHOS_PARAM_LIVE);
  EXPECT_EQ(slice.def.as.i64, 250'000);
  EXPECT_EQ(slice.min.as.i64, 20'000);
  EXPECT_EQ(slice.max.as.i64, 5'000'000);
  EXPECT_STREQ(slice.unit, "ns");
  EXPECT_STREQ(policy.params[1]->unit, "TPCs");
  EXPECT_EQ(policy.params[4]->type, LITHOS_TYPE_ENUM);
  EXPECT_EQ(policy.params[4]->def.as.i64, 1);
  EXPECT_STREQ(policy.params[4]->choices[1], "strict");
  EXPECT_EQ(policy.params[4]->choices[2], nullptr);
  EXPECT_EQ(policy.params[5]->type, LITHOS_TYPE_BYTES);
  EXPECT_EQ(policy.params[6]->def.as.f64, 300.0);
  EXPECT_STREQ(policy.params[8]->def.as.text, "/tmp/x");
  EXPECT_EQ(policy.params[9]->max.as.i64, 0xffffffff);
  ASSERT_EQ(policy.n_metrics, 2u);
  EXPECT_EQ(policy.metrics[1]->type, LITHOS_METRIC_GAUGE);
  EXPECT_NE(ops.tenant_left, nullptr);
}

TEST_F(FaceTest, ParametersArriveTyped) {
  const Everything::Params& got = Everything::last->params_;
  EXPECT_EQ(got.slice, 250us);
  EXPECT_EQ(got.picks, 4);
  EXPECT_EQ(got.share, 0.5);
  EXPECT_TRUE(got.on);
  EXPECT_EQ(got.mode, Mode::strict);
  EXPECT_EQ(got.memory.count, 1024);
  EXPECT_EQ(got.rate.value, 300);
  EXPECT_EQ(got.path, "/tmp/x");
  EXPECT_EQ(got.small, 7u);
  EXPECT_EQ(Everything::last->gpu_.max_clock_mhz(), 1980u);
  EXPECT_EQ(Everything::last->gpu_.gpc_of(2), 1u);
  EXPECT_EQ(Everything::last->gpu_.gpc_of(99), 0xffffu);
}

TEST_F(FaceTest, AWrongNumberOfParametersIsRefused) {
  void* other = nullptr;
  EXPECT_EQ(policy.create(&host.c, &info, nullptr, 0, &other), LITHOS_E_INVALID);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(host.failure, "wrong number of parameters from the host");
}

TEST_F(FaceTest, LiveParametersChangeAllAtOnceOrNotAtAll) {
  lithos_value value{LITHOS_TYPE_DURATION_NS, 0, {}};
  value.as.i64 = 1'000'000;
  EXPECT_EQ(policy.set_param(self, 1, &value), LITHOS_OK);
  EXPECT_EQ(Everything::last->params_.slice, 1ms);
  EXPECT_EQ(policy.set_param(self, 2, &value), LITHOS_E_INVALID);  // not live
  EXPECT_EQ(policy.set_param(self, 77, &value), LITHOS_E_INVALID);
  value.as.i64 = 3'000'000;
  EXPECT_EQ(policy.set_param(self, 1, &value), LITHOS_E_UNSUPPORTED);
  EXPECT_EQ(host.failure, "not three");
  EXPECT_EQ(Everything::last->params_.slice, 1ms);
}

TEST_F(FaceTest, DecideSeesTheViewThroughItsStrides) {
  struct Wide {
    lithos_tenant_view view{};
    std::uint64_t padding[3]{};
  } tenants[2];
  tenants[0].view.own = {{3, 0, 0, 0}};
  tenants[1].view.own = {{0, 0, 0, 0}};
  struct WideLease {
    lithos_lease lease{};
    std::uint64_t padding[5]{};
  } leases[2];
  lithos_sched_view view{};
  view.now_ns = 100;
  view.tenants = 2;
  view.tenant_size = sizeof(Wide);
  view.tenant = &tenants[0].view;
  view.unowned = {{12, 0, 0, 0}};
  lithos_sched_answer answer{sizeof answer, 2, sizeof(WideLease), &leases[0].lease, 0};
  EXPECT_EQ(ops.decide(self, &view, &answer), LITHOS_OK);
  EXPECT_EQ(leases[0].lease.usable[0].words[0], 15u);
  EXPECT_EQ(leases[1].lease.usable[0].words[0], 12u);
  EXPECT_EQ(leases[1].lease.atom_ns, 250'000u);
  EXPECT_EQ(answer.next_decision_ns, 120u);
  EXPECT_EQ(host.metric, 2.0);

  view.why = LITHOS_WHY_POLICY;
  EXPECT_EQ(ops.decide(self, &view, &answer), LITHOS_E_EXCEPTION);
  EXPECT_EQ(host.failure, "as told");
}

TEST_F(FaceTest, OperationsWithoutStatusReportByFail) {
  ops.tenant_left(self, 1);
  EXPECT_EQ(host.failure, "out of memory");
}

class Plain {
 public:
  static constexpr const char* id = "org.lithos.test.plain";
  static constexpr const char* version = "1";
  static constexpr const char* summary = "The least a policy can be.";
  lithos::Size choose(const lithos::SizeQuery& query) { return {query.tpcs, 0, 1}; }
};

TEST(Face, TheLeastPolicyHasNothingOptional) {
  const lithos_policy& policy = lithos::policy_table<Plain>();
  EXPECT_EQ(policy.kind, LITHOS_KIND_RIGHT_SIZER);
  EXPECT_EQ(policy.n_params, 0u);
  EXPECT_EQ(policy.params, nullptr);
  EXPECT_EQ(policy.set_param, nullptr);
  EXPECT_STREQ(policy.license, "");
  EXPECT_EQ(static_cast<const lithos_right_sizer_ops*>(policy.ops)->observe, nullptr);
}

class Gauge {
 public:
  static constexpr const char* id = "org.lithos.test.gauge";
  static constexpr const char* version = "1";
  static constexpr const char* summary = "A power plugin.";
  explicit Gauge(const lithos::Host&, const lithos_service_gpu& gpu) : index_(gpu.index) {}
  std::uint32_t apply_clock(std::uint32_t mhz) { return mhz + index_; }

 private:
  std::uint32_t index_;
};

TEST(Face, PluginsHaveTablesToo) {
  const lithos_service& service = lithos::service_table<Gauge>();
  EXPECT_EQ(service.kind, LITHOS_SERVICE_POWER);
  const lithos_gpu_info info = gpu();
  const lithos_service_gpu which{sizeof which, 3, "", &info};
  FakeHost host;
  void* self = nullptr;
  ASSERT_EQ(service.create(&host.c, &which, nullptr, 0, &self), LITHOS_OK);
  const auto& ops = *static_cast<const lithos_power_ops*>(service.ops);
  std::uint32_t applied = 0;
  EXPECT_EQ(ops.apply_clock(self, 1980, &applied), LITHOS_OK);
  EXPECT_EQ(applied, 1983u);
  EXPECT_EQ(ops.read, nullptr);
  service.destroy(self);
}

// ---- TPC sets --------------------------------------------------------------------------------------------------------

// 14 TPCs: GPCs of 5 and 6, and 3 that no cluster can use.
TEST(Gpu, SaysHowManyTpcsHoldALaunchWhicheverTheyAre) {
  constexpr std::uint16_t kNone = 0xffff;
  const std::uint16_t gpcs[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, kNone, kNone, kNone};
  const lithos::Gpu gpu(lithos_gpu_info{sizeof(lithos_gpu_info), 14, 2, 2, gpcs, 1, nullptr, 0, 0});
  lithos_op op{};
  op.blocks_per_tpc = 2;
  op.min_tpcs = 6;
  op.cluster_blocks = 1;
  op.flags = LITHOS_OP_CO_RESIDENT;
  EXPECT_EQ(gpu.tpcs_that_hold(op), 6u);
  op.cluster_blocks = 2;  // as wide as a TPC: on any
  EXPECT_EQ(gpu.tpcs_that_hold(op), 6u);
  op.cluster_blocks = 4;  // two TPCs: one of each GPC may be left over
  EXPECT_EQ(gpu.tpcs_that_hold(op), 11u);
  op.cluster_blocks = 8;
  EXPECT_EQ(gpu.tpcs_that_hold(op), 14u);
  op.flags = 0;  // one cluster at a time is enough
  EXPECT_EQ(gpu.tpcs_that_hold(op), 6u);
}

TEST(TpcSet, FirstRangeAndCountAcrossWords) {
  using lithos::TpcSet;
  for (const unsigned n : {0u, 1u, 63u, 64u, 65u, 128u, 200u, 255u, 256u, 300u}) {
    EXPECT_EQ(TpcSet::first(n).count(), n > 256 ? 256 : n);
    EXPECT_EQ(TpcSet::first(n).empty(), n == 0);
  }
  const TpcSet middle = TpcSet::range(60, 70);
  EXPECT_EQ(middle.count(), 10u);
  EXPECT_FALSE(middle.has(59));
  EXPECT_TRUE(middle.has(60));
  EXPECT_TRUE(middle.has(69));
  EXPECT_FALSE(middle.has(70));
}

TEST(TpcSet, LowestAndHighest) {
  using lithos::TpcSet;
  const TpcSet set = TpcSet::range(60, 70);
  EXPECT_TRUE(set.lowest(3) == TpcSet::range(60, 63));
  EXPECT_TRUE(set.lowest(6) == TpcSet::range(60, 66));
  EXPECT_TRUE(set.highest(3) == TpcSet::range(67, 70));
  EXPECT_TRUE(set.highest(99) == set);
  EXPECT_TRUE(set.lowest(99) == set);
  EXPECT_TRUE(set.lowest(0).empty());
  EXPECT_TRUE(set.highest(0).empty());
}

TEST(TpcSet, MixesWithTheCStruct) {
  using lithos::TpcSet;
  const lithos_tpc_set c{{6, 0, 0, 0}};
  const TpcSet sum = c | TpcSet::of(0);
  EXPECT_EQ(sum.count(), 3u);
  EXPECT_TRUE((sum & c) == c);
  EXPECT_TRUE((sum - c) == TpcSet::of(0));
  EXPECT_TRUE(sum.contains(c));
  EXPECT_FALSE(TpcSet::of(0).overlaps(c));
  lithos_tpc_set changed = c;
  changed -= TpcSet::of(1);
  EXPECT_EQ(changed.words[0], 4u);
}

TEST(TpcSet, VisitsMembersInOrder) {
  std::vector<unsigned> seen;
  const lithos::TpcSet set = lithos::TpcSet::of(200) | lithos::TpcSet::of(3) | lithos::TpcSet::of(64);
  set.for_each([&](unsigned tpc) { seen.push_back(tpc); });
  EXPECT_EQ(seen, (std::vector<unsigned>{3, 64, 200}));
}

}  // namespace
