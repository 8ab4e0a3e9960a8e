// SPDX-License-Identifier: Apache-2.0
#include "property/hostile_policies.hpp"

#include <cstdio>
#include <cstdlib>
#include <limits>

#include "engine/gpu_info.hpp"
#include "property/dice.hpp"

namespace lithos::test {
namespace {

// create() gets no pointer of the caller's, so the instance being made is handed over here. Tests are single-threaded.
struct Instance {
  Manner manner;
  Dice dice;
  LastView* last;
};
Instance next_instance{Manner::silent, Dice{0}, nullptr};

lithos_status create(const lithos_host*, const lithos_gpu_info*, const lithos_value*, std::uint32_t, void** self) {
  *self = new Instance(next_instance);
  return LITHOS_OK;
}
void destroy(void* self) { delete static_cast<Instance*>(self); }

lithos_tpc_set set_of(const TpcSet& set) {
  lithos_tpc_set out;
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) out.words[w] = set.words()[w];
  return out;
}

void lend_sanely(Instance& me, const lithos_sched_view& view, lithos_lease& lease, unsigned share) {
  const TpcSet all = TpcSet::first(view.tpcs);
  lease.usable[LITHOS_PRESSURE_IDLE] = set_of(all);
  lease.usable[LITHOS_PRESSURE_ACTIVE] = set_of(TpcSet::range(view.tpcs * share / 100, view.tpcs));
  lease.usable[LITHOS_PRESSURE_PRESSED] = set_of({});
  lease.idle_grace_ns = me.dice.below(3) * 20'000u;
  lease.outstanding_limit_ns = me.dice.between(50, 500) * 1000u;
  lease.uncuttable_limit_ns = me.dice.between(100, 2000) * 1000u;
  lease.atom_ns = me.dice.chance(50) ? me.dice.between(20, 200) * 1000u : 0;
}

void scribble(Dice& dice, lithos_lease& lease) {
  for (auto& level : lease.usable)
    for (auto& word : level.words) word = dice.bits();
  const auto time = [&]() -> std::uint64_t { return dice.chance(50) ? dice.bits() >> dice.below(64) : dice.below(1'000'000); };
  lease.idle_grace_ns = time();
  lease.outstanding_limit_ns = time();
  lease.uncuttable_limit_ns = time();
  lease.atom_ns = time();
  lease.expires_after_ns = dice.chance(50) ? time() : 0;
  const double rates[] = {0, -1, 1e-9, 3.7, 1e5, 1e300, std::numeric_limits<double>::quiet_NaN(),
                          std::numeric_limits<double>::infinity()};
  lease.launches_per_s = rates[dice.below(8)];
  lease.max_tpcs = dice.chance(50) ? dice.below(300) : 0;
  lease.flags = static_cast<std::uint32_t>(dice.bits() >> dice.below(64));
}

void answer_for(Instance& me, const lithos_sched_view& view, lithos_lease& lease, unsigned share) {
  const lithos_tpc_set everything = set_of(TpcSet::first(view.tpcs));
  switch (me.manner) {
    case Manner::silent:
    case Manner::late: return;
    case Manner::sane: return lend_sanely(me, view, lease, 50);
    case Manner::garbage:
    case Manner::erroring: return scribble(me.dice, lease);
    case Manner::overlapping:
      for (auto& level : lease.usable) level = everything;
      lease.outstanding_limit_ns = lease.uncuttable_limit_ns = 3'600'000'000'000;
      lease.atom_ns = me.dice.chance(50) ? 50'000 : 0;
      return;
    case Manner::holding:
      for (auto& level : lease.usable) level = everything;
      if (me.dice.chance(60)) lease.flags = LITHOS_LEASE_HOLD;
      else lease.launches_per_s = me.dice.chance(50) ? 1e-6 : 200;
      return;
    case Manner::starving:
      for (auto& level : lease.usable) level = {};
      lease.max_tpcs = 1;
      return;
    case Manner::flickering:
      lend_sanely(me, view, lease, share);
      lease.expires_after_ns = me.dice.chance(50) ? me.dice.between(1, 300'000) : 0;
      if (me.dice.chance(10)) lease.flags = LITHOS_LEASE_HOLD;
      return;
  }
}

lithos_status decide(void* self, const lithos_sched_view* view, lithos_sched_answer* answer) {
  Instance& me = *static_cast<Instance*>(self);
  ++me.last->decisions;
  me.last->queued = me.last->inflight = me.last->not_idle = 0;
  const unsigned share = me.dice.below(101);
  for (std::uint32_t i = 0; i < view->tenants; ++i) {
    me.last->queued += view->tenant[i].queued_launches;
    me.last->inflight += view->tenant[i].inflight_launches;
    me.last->not_idle += view->tenant[i].pressure != LITHOS_PRESSURE_IDLE ? 1u : 0u;
    answer_for(me, *view, answer->lease[i], share);
  }
  if (me.manner == Manner::garbage) answer->next_decision_ns = me.dice.bits() >> me.dice.below(64);
  if (me.manner == Manner::flickering) answer->next_decision_ns = view->now_ns + me.dice.between(1, 200'000);
  return me.manner == Manner::erroring && me.dice.chance(80) ? LITHOS_E_INTERNAL : LITHOS_OK;
}

lithos_status predict(void* self, const lithos_predict_query*, lithos_prediction* out) {
  Dice& dice = static_cast<Instance*>(self)->dice;
  out->p50_ns = dice.chance(10) ? dice.bits() : dice.between(0, 1u << dice.between(4, 24));
  out->p99_ns = dice.chance(10) ? dice.bits() : out->p50_ns;
  out->confidence = dice.chance(10) ? -5 : 0.5;
  return dice.chance(10) ? LITHOS_E_INTERNAL : LITHOS_OK;
}

lithos_status choose(void* self, const lithos_size_query* query, lithos_size* out) {
  Dice& dice = static_cast<Instance*>(self)->dice;
  out->tpcs = dice.chance(20) ? static_cast<std::uint32_t>(dice.bits()) : dice.between(1, query->tpcs);
  out->expected_slowdown = 1;
  return dice.chance(10) ? LITHOS_E_INTERNAL : LITHOS_OK;
}

constexpr lithos_scheduler_ops kScheduler{sizeof(lithos_scheduler_ops), 0, &decide, nullptr};
constexpr lithos_predictor_ops kPredictor{sizeof(lithos_predictor_ops), 0, &predict, nullptr};
constexpr lithos_right_sizer_ops kSizer{sizeof(lithos_right_sizer_ops), 0, &choose, nullptr};

lithos_policy table(std::uint32_t kind, const char* id, const void* ops) {
  lithos_policy policy{};
  policy.struct_size = sizeof policy;
  policy.kind = kind;
  policy.id = id;
  policy.version = "1.0.0";
  policy.summary = "hostile";
  policy.license = "";
  policy.create = &create;
  policy.destroy = &destroy;
  policy.ops = ops;
  return policy;
}
const lithos_policy kHostileScheduler = table(LITHOS_KIND_SCHEDULER, "test.hostile.scheduler", &kScheduler);
const lithos_policy kHostilePredictor = table(LITHOS_KIND_PREDICTOR, "test.hostile.predictor", &kPredictor);
const lithos_policy kHostileSizer = table(LITHOS_KIND_RIGHT_SIZER, "test.hostile.right_sizer", &kSizer);

}  // namespace

HostileSet make_policies(Manner manner, bool wild_predictions, const GpuShape& shape, std::uint64_t seed) {
  HostileSet made;
  made.last = std::make_unique<LastView>();
  next_instance = {manner, Dice{seed}, made.last.get()};
  const lithos_gpu_info gpu = gpu_info(shape, seed);
  PolicyTables tables;
  tables.scheduler = &kHostileScheduler;
  if (wild_predictions) {
    tables.predictor = &kHostilePredictor;
    tables.right_sizer = &kHostileSizer;
  }
  GuardOptions guard;
  if (manner == Manner::late) {  // a clock by which every call takes ten milliseconds
    guard.clock = [t = Nanoseconds{0}]() mutable { return t += Nanoseconds{10'000'000}; };
  }
  auto set = PolicySet::from_tables(tables, gpu, guard);
  if (!set.ok()) {
    std::fprintf(stderr, "cannot make the hostile policies: %s\n", set.status().message().c_str());
    std::abort();
  }
  made.set = std::move(set).value();
  return made;
}

}  // namespace lithos::test
