// SPDX-License-Identifier: Apache-2.0
// Questions to policies made of bytes: from a seed (repeatable tests) or from a fuzzer. Structures are sound, as the host guarantees
// (pointers, counts, strides); values are anything, and often what breaks arithmetic: 0, 1, the largest, NaN. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lithos/policy_abi.h"

namespace lithos::test {

class Bytes {
 public:
  explicit Bytes(std::uint64_t seed) : state_(seed) {}
  explicit Bytes(std::span<const std::uint8_t> data) : data_(data), from_data_(true) {}

  bool done() const { return from_data_ && data_.empty(); }
  std::uint64_t bits() { return up_to(std::numeric_limits<std::uint64_t>::max()); }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(up_to(limit - 1) % limit); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  // A time, count or size: mostly plausible, sometimes an edge.
  std::uint64_t number(std::uint64_t plausible) {
    constexpr std::array<std::uint64_t, 6> kEdges{0, 1, std::numeric_limits<std::uint64_t>::max(), std::uint64_t{1} << 63,
                                                  std::numeric_limits<std::uint32_t>::max(), 2};
    return one_in(12) ? kEdges[below(kEdges.size())] : up_to(plausible) % (plausible + 1);
  }
  std::uint32_t number32(std::uint32_t plausible) { return static_cast<std::uint32_t>(number(plausible)); }
  double real(double plausible) {
    constexpr std::array kEdges{0.0, -1.0, 1e300, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()};
    return one_in(12) ? kEdges[below(kEdges.size())] : plausible * static_cast<double>(below(4096)) / 4095.0;
  }

 private:
  // From data only as many bytes as the largest wanted value has: a whole view fits in what a fuzzer tries.
  std::uint64_t up_to(std::uint64_t largest) {
    if (!from_data_) return next();
    std::uint64_t value = 0;
    for (; largest > 0 && !data_.empty(); largest >>= 8, data_ = data_.subspan(1)) value = value << 8 | data_.front();
    return value;
  }
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  std::uint64_t state_ = 0;
  std::span<const std::uint8_t> data_;
  bool from_data_ = false;
};

inline lithos_tpc_set random_set(Bytes& bytes, std::uint32_t tpcs) {
  lithos_tpc_set set{};
  for (std::uint32_t first = 0; first < tpcs; first += 64) {
    const std::uint32_t rest = tpcs - first;
    set.words[first / 64] = bytes.bits() & (rest >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << rest) - 1);
  }
  return set;
}

inline lithos_op random_op(Bytes& bytes) {
  lithos_op op{};
  op.op_id = bytes.below(40);  // few, so that what is learnt meets again; 0: none
  op.flags = bytes.below(32);
  op.bound = bytes.below(4);
  op.blocks = bytes.number32(200'000);
  op.threads_per_block = bytes.number32(1024);
  op.blocks_per_tpc = bytes.number32(64);
  op.cluster_blocks = bytes.number32(16);
  op.min_tpcs = bytes.number32(66);
  op.ordinal = bytes.number32(3000);
  return op;
}

inline lithos_launch random_launch(Bytes& bytes, std::uint32_t tpcs) {
  lithos_launch launch{};
  launch.op = random_op(bytes);
  launch.predicted_ns = bytes.number(10'000'000);
  launch.since_ns = bytes.number(1'000'000'000);
  launch.wanted_tpcs = bytes.number32(66);
  launch.tpcs = random_set(bytes, tpcs);
  return launch;
}

inline lithos_tenant_view random_tenant(Bytes& bytes, std::uint64_t id, std::uint32_t tpcs) {
  lithos_tenant_view t{};
  t.tenant_id = id;
  t.name = "tenant";
  t.tenant_class = 1 + bytes.below(3);
  t.own = random_set(bytes, tpcs);
  t.quota_tpcs = bytes.number32(tpcs);
  t.slo_ns = bytes.number(20'000'000);
  t.tolerates_ns = bytes.number(10'000'000);
  t.slo_attainment = bytes.real(1.0);
  t.pressure = bytes.below(LITHOS_PRESSURE_LEVELS);
  t.queues = bytes.number32(4);
  t.pressure_since_ns = bytes.number(1'000'000'000);
  t.active_since_ns = bytes.number(1'000'000'000);
  t.idle_since_ns = bytes.number(1'000'000'000);
  t.queued_launches = bytes.number32(1000);
  t.inflight_launches = bytes.number32(100);
  t.queued_ns = bytes.number(1'000'000'000);
  t.inflight_ns = bytes.number(1'000'000'000);
  t.head = random_launch(bytes, tpcs);
  t.running = random_launch(bytes, tpcs);
  t.leased = random_set(bytes, tpcs);
  t.completed_launches = bytes.number(1'000'000);
  t.service_tpc_ns = bytes.number(1'000'000'000'000);
  t.requests_completed = bytes.number(1'000'000);
  t.deadline_ns = bytes.number(2'000'000'000);
  t.starved_since_ns = bytes.number(1'000'000'000);
  for (double& slowdown : t.work_slowdown) slowdown = bytes.real(5.0);
  return t;
}

// A view and room for its answer.
class RandomView {
 public:
  static constexpr std::uint32_t kTenantsMax = 6;

  void fill(Bytes& bytes, std::uint32_t tpcs) {
    now_ns_ += bytes.number(5'000'000) % 1'000'000'000;
    tenants_.clear();
    const std::uint32_t count = bytes.below(kTenantsMax + 1);
    for (std::uint32_t i = 0; i < count; ++i) tenants_.push_back(random_tenant(bytes, i + 1, tpcs));
    tpcs_.assign(tpcs, {});
    for (lithos_tpc_view& tpc : tpcs_) {
      const auto somebody = [&] { return count == 0 || bytes.one_in(2) ? LITHOS_NOBODY : bytes.below(count); };
      tpc = {somebody(), somebody(), bytes.number(1'000'000'000)};
    }
    view = {};
    view.struct_size = sizeof view;
    view.why = bytes.below(32);
    view.now_ns = now_ns_;
    view.budget_ns = 50'000;
    view.tpcs = tpcs;
    view.tenants = count;
    view.tenant_size = sizeof(lithos_tenant_view);
    view.tpc_size = sizeof(lithos_tpc_view);
    view.tenant = tenants_.data();
    view.tpc = tpcs_.data();
    view.unowned = random_set(bytes, tpcs);
    leases.assign(std::max(count, 1u), {});
    answer = {sizeof answer, count, sizeof(lithos_lease), leases.data(), 0};
  }

  lithos_sched_view view{};
  lithos_sched_answer answer{};
  std::vector<lithos_lease> leases;

 private:
  std::uint64_t now_ns_ = 1'000'000;
  std::vector<lithos_tenant_view> tenants_;
  std::vector<lithos_tpc_view> tpcs_;
};

inline lithos_observation random_observation(Bytes& bytes, std::uint32_t tpcs) {
  lithos_observation seen{};
  seen.op = random_op(bytes);
  seen.tenant_id = 1 + bytes.below(4);
  seen.tpcs = bytes.number32(tpcs);
  seen.clock_mhz = bytes.number32(1980);
  seen.neighbour_tpcs = bytes.number32(tpcs);
  seen.first_block = 0;
  seen.block_count = bytes.one_in(4) ? bytes.number32(1000) : seen.op.blocks;
  seen.duration_ns = bytes.number(5'000'000);
  return seen;
}

}  // namespace lithos::test
