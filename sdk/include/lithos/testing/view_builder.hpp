// SPDX-License-Identifier: Apache-2.0
// What a scheduler is shown, built by hand, and the answer it fills in, preset as the host presets it.
//
//   lithos::testing::ViewBuilder machine(66);
//   machine.latency_critical("web", 42).idle();
//   machine.best_effort("batch").pressed().waits(2'000'000);
//   lithos::testing::Answer answer(machine);
//   policy.decide(machine, answer);                      // policy_under_test.hpp
//   answer.lease("batch").usable[LITHOS_PRESSURE_IDLE];
//
// Quotas take the lowest TPCs that nobody owns; asking for more than there are throws std::invalid_argument.
// Ownership  An Answer refers to the builder it was made from, and must be made anew when tenants were added.
#pragma once

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "lithos/policy_abi.h"
#include "lithos/tpc_set.hpp"

namespace lithos::testing {

using sdk::TpcSet;  // also beside another TpcSet in namespace lithos: the engine has one

// A kernel of ordinary shape: `blocks` blocks of 256 threads, four to a TPC, cuttable.
inline lithos_op make_op(std::uint64_t op_id, std::uint32_t blocks = 4096, std::uint32_t flags = LITHOS_OP_CUTTABLE) {
  lithos_op op{};
  op.op_id = op_id;
  op.flags = flags;
  op.blocks = blocks;
  op.threads_per_block = 256;
  op.blocks_per_tpc = 4;
  op.cluster_blocks = 1;
  op.min_tpcs = 1;
  return op;
}

// One tenant of a ViewBuilder. Every member returns the tenant itself; view() reaches what has no member here.
class TenantBuilder {
 public:
  TenantBuilder(std::uint64_t id, std::string name, std::uint32_t tenant_class) : name_(std::move(name)) {
    view_.tenant_id = id;
    view_.tenant_class = tenant_class;
    view_.tolerates_ns = 1'000'000;
    view_.slo_attainment = 1;
    view_.queues = 1;
  }

  TenantBuilder& idle(std::uint64_t since_ns = 1) { return press(LITHOS_PRESSURE_IDLE, since_ns); }
  TenantBuilder& active(std::uint64_t since_ns = 1) { return press(LITHOS_PRESSURE_ACTIVE, since_ns); }
  TenantBuilder& pressed(std::uint64_t since_ns = 1) { return press(LITHOS_PRESSURE_PRESSED, since_ns); }
  TenantBuilder& slo(std::uint64_t ns, double attainment = 1) {
    view_.slo_ns = ns;
    view_.slo_attainment = attainment;
    return *this;
  }
  TenantBuilder& tolerates(std::uint64_t ns) {
    view_.tolerates_ns = ns;
    return *this;
  }
  // One more launch waits behind the head, which is `op`.
  TenantBuilder& waits(std::uint64_t predicted_ns, const lithos_op& op = make_op(1)) {
    if (view_.queued_launches++ == 0) view_.head = launch(op, predicted_ns);
    view_.queued_ns += predicted_ns;
    return *this;
  }
  // `op` runs on `tpcs`.
  TenantBuilder& runs(std::uint64_t predicted_ns, const TpcSet& tpcs, const lithos_op& op = make_op(2)) {
    if (view_.inflight_launches++ == 0) {
      view_.running = launch(op, predicted_ns);
      view_.running.tpcs = tpcs;
    }
    view_.inflight_ns += predicted_ns;
    return *this;
  }
  // So many times as long its recent work would take on a quarter, half and three quarters of the GPU.
  TenantBuilder& slows(double quarter, double half, double three_quarters) {
    const double slowdown[] = {quarter, half, three_quarters, 1};
    for (int point = 0; point < 4; ++point) view_.work_slowdown[point] = slowdown[point];
    return *this;
  }
  TenantBuilder& served(std::uint64_t service_tpc_ns) {
    view_.service_tpc_ns = service_tpc_ns;
    return *this;
  }

  lithos_tenant_view& view() { return view_; }
  const std::string& name() const { return name_; }

 private:
  static lithos_launch launch(const lithos_op& op, std::uint64_t predicted_ns) {
    lithos_launch out{};
    out.op = op;
    out.predicted_ns = predicted_ns;
    out.since_ns = 1;
    return out;
  }
  TenantBuilder& press(std::uint32_t pressure, std::uint64_t since_ns) {
    view_.pressure = pressure;
    view_.pressure_since_ns = since_ns;
    view_.idle_since_ns = pressure == LITHOS_PRESSURE_IDLE ? since_ns : 0;
    view_.active_since_ns = pressure == LITHOS_PRESSURE_IDLE ? 0 : since_ns;
    return *this;
  }

  std::string name_;
  lithos_tenant_view view_{};
};

class ViewBuilder {
 public:
  explicit ViewBuilder(unsigned tpcs = 66)
      : unowned_(TpcSet::first(tpcs)), tpc_(tpcs, {LITHOS_NOBODY, LITHOS_NOBODY, 0}) {}

  TenantBuilder& latency_critical(const std::string& name, unsigned quota_tpcs = 0) {
    return add(name, LITHOS_CLASS_LATENCY_CRITICAL, quota_tpcs);
  }
  TenantBuilder& throughput(const std::string& name, unsigned quota_tpcs = 0) {
    return add(name, LITHOS_CLASS_THROUGHPUT, quota_tpcs);
  }
  TenantBuilder& best_effort(const std::string& name, unsigned quota_tpcs = 0) {
    return add(name, LITHOS_CLASS_BEST_EFFORT, quota_tpcs);
  }
  TenantBuilder& add(const std::string& name, std::uint32_t tenant_class, unsigned quota_tpcs) {
    if (quota_tpcs > unowned_.count()) throw std::invalid_argument("ViewBuilder: more quotas than TPCs");
    const auto index = static_cast<std::uint32_t>(tenants_.size());
    TenantBuilder& tenant = tenants_.emplace_back(++last_id_, name, tenant_class);
    const TpcSet own = unowned_.lowest(quota_tpcs);
    tenant.view().quota_tpcs = quota_tpcs;
    tenant.view().own = own;
    tenant.view().leased = own;
    unowned_ -= own;
    own.for_each([&](unsigned tpc) { tpc_[tpc].owner = index; });
    return tenant.idle();
  }
  // The tenant and its TPCs go; the others keep their ids and move up.
  void remove(const std::string& name) {
    const std::uint32_t gone = index_of(name);
    unowned_ |= tenants_[gone].view().own;
    tenants_.erase(tenants_.begin() + gone);
    for (lithos_tpc_view& tpc : tpc_) {
      if (tpc.owner == gone) tpc.owner = LITHOS_NOBODY;
      else if (tpc.owner != LITHOS_NOBODY && tpc.owner > gone) --tpc.owner;
      tpc.borrower = LITHOS_NOBODY;
    }
  }

  ViewBuilder& at(std::uint64_t now_ns) {
    now_ns_ = now_ns;
    return *this;
  }
  ViewBuilder& why(std::uint32_t bits) {
    why_ = bits;
    return *this;
  }
  // Work on this TPC is predicted to end then; `borrower` is a tenant's index.
  ViewBuilder& busy(unsigned tpc, std::uint64_t until_ns, std::uint32_t borrower = LITHOS_NOBODY) {
    tpc_.at(tpc).busy_until_ns = until_ns;
    tpc_.at(tpc).borrower = borrower;
    return *this;
  }

  std::uint32_t tenants() const { return static_cast<std::uint32_t>(tenants_.size()); }
  unsigned tpcs() const { return static_cast<unsigned>(tpc_.size()); }
  TenantBuilder& tenant(std::uint32_t index) { return tenants_.at(index); }
  std::uint32_t index_of(const std::string& name) const {
    for (std::uint32_t i = 0; i < tenants_.size(); ++i)
      if (tenants_[i].name() == name) return i;
    throw std::invalid_argument("ViewBuilder: no tenant is called " + name);
  }
  const TpcSet& unowned() const { return unowned_; }

  // The C view; valid until the builder changes.
  const lithos_sched_view* c() {
    flat_.clear();
    for (TenantBuilder& tenant : tenants_) {
      flat_.push_back(tenant.view());
      flat_.back().name = tenant.name().c_str();
    }
    view_ = {};
    view_.struct_size = sizeof view_;
    view_.why = why_;
    view_.now_ns = now_ns_;
    view_.budget_ns = 50'000;
    view_.tpcs = tpcs();
    view_.tenants = tenants();
    view_.tenant_size = sizeof(lithos_tenant_view);
    view_.tpc_size = sizeof(lithos_tpc_view);
    view_.tenant = flat_.data();
    view_.tpc = tpc_.data();
    view_.unowned = unowned_;
    return &view_;
  }

 private:
  TpcSet unowned_;
  std::vector<lithos_tpc_view> tpc_;
  std::deque<TenantBuilder> tenants_;  // a deque: references stay valid
  std::uint64_t last_id_ = 0;
  std::uint64_t now_ns_ = 1'000'000'000;
  std::uint32_t why_ = LITHOS_WHY_TENANTS;
  std::vector<lithos_tenant_view> flat_;
  lithos_sched_view view_{};
};

// The leases a scheduler fills in.
class Answer {
 public:
  explicit Answer(ViewBuilder& machine) : machine_(&machine) { preset(); }

  // As the host does before every decision: own TPCs, plus the unowned ones for tenants without a quota.
  void preset() {
    lease_.assign(machine_->tenants(), lithos_lease{});
    for (std::uint32_t i = 0; i < machine_->tenants(); ++i) {
      const lithos_tenant_view& tenant = machine_->tenant(i).view();
      const TpcSet usable = tenant.quota_tpcs > 0 ? TpcSet(tenant.own) : machine_->unowned();
      for (lithos_tpc_set& set : lease_[i].usable) set = usable;
    }
    answer_ = {sizeof answer_, machine_->tenants(), sizeof(lithos_lease), lease_.data(), 0};
  }

  const lithos_lease& lease(std::uint32_t index) const { return lease_.at(index); }
  const lithos_lease& lease(const std::string& tenant) const { return lease_.at(machine_->index_of(tenant)); }
  // TPCs that the tenant may use beyond its own while their owners are at this level.
  TpcSet borrowed(const std::string& tenant, std::uint32_t pressure) const {
    return lease(tenant).usable[pressure] - machine_->tenant(machine_->index_of(tenant)).view().own;
  }
  std::uint64_t next_decision_ns() const { return answer_.next_decision_ns; }
  const std::vector<lithos_lease>& leases() const { return lease_; }
  lithos_sched_answer* c() { return &answer_; }

 private:
  ViewBuilder* machine_;
  std::vector<lithos_lease> lease_;
  lithos_sched_answer answer_{};
};

}  // namespace lithos::testing
