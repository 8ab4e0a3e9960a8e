// SPDX-License-Identifier: Apache-2.0
// Questions for schedulers: tenants come, work, wait, go; what they are shown is consistent as a host's view is.
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "cli/policy_check/script.hpp"
#include "lithos/testing/view_builder.hpp"
#include "policy_host/faults.hpp"

namespace lithos {
namespace {

constexpr std::uint32_t kKnownFlags = LITHOS_LEASE_HOLD | LITHOS_LEASE_LOW_PRIORITY | LITHOS_LEASE_UNMASKED;
constexpr unsigned char kCanary = 0xa5;
constexpr std::size_t kCanaryBytes = 256;

// One prepared question: arrays as a host lays them out, with elements that may be larger than this header's.
struct Question {
  std::uint64_t leaves = 0;  // a tenant that has left before this question
  std::vector<unsigned char> tenants, tpcs, leases, leases_preset;
  std::uint64_t question_digest = 0;
  lithos_sched_view view{};
  lithos_sched_answer answer{};
};

template <class T>
std::vector<unsigned char> laid_out(const T* elements, std::size_t count, std::size_t stride, std::size_t extra) {
  std::vector<unsigned char> bytes(count * stride + extra, kCanary);
  for (std::size_t i = 0; i < count; ++i) std::memcpy(bytes.data() + i * stride, elements + i, sizeof(T));
  return bytes;
}

std::string fault_of(const lithos_lease& lease, unsigned tpcs) {
  if ((lease.flags & ~kKnownFlags) != 0) return fmt::format("a lease has unknown flags {:#x}", lease.flags);
  for (const lithos_tpc_set& set : lease.usable)
    if (!(set - TpcSet::first(tpcs)).empty()) return fmt::format("a lease names TPCs beyond the device's {}", tpcs);
  if (!std::isfinite(lease.launches_per_s) || lease.launches_per_s < 0)
    return fmt::format("a lease has rate {}", lease.launches_per_s);
  for (const std::uint64_t ns : {lease.idle_grace_ns, lease.outstanding_limit_ns, lease.uncuttable_limit_ns,
                                 lease.atom_ns, lease.expires_after_ns})
    if (ns > kAbsurdNs) return fmt::format("a lease has a time of {} ns, longer than a day", ns);
  return {};
}

class SchedulerScript final : public ScriptPart {
 public:
  SchedulerScript(const lithos_gpu_info& gpu, const ScriptOptions& options)
      : options_(options), random_(options.seed), machine_(gpu.tpcs) {
    questions_.reserve(options.steps);
    for (unsigned step = 0; step < options.steps; ++step) prepare(step);
  }

  void play(unsigned step, SubjectInstance& subject, Played& played) override {
    Question& question = questions_[step];
    const auto& ops = subject.ops<lithos_scheduler_ops>();
    if (question.leaves != 0 && ops.tenant_left != nullptr) ops.tenant_left(subject.self(), question.leaves);
    question.leases = question.leases_preset;  // same size: no allocation
    question.answer = {sizeof question.answer, question.view.tenants, question.answer.lease_size,
                       reinterpret_cast<lithos_lease*>(question.leases.data()), 0};
    const bool answered =
        timed(subject, played, [&] { return ops.decide(subject.self(), &question.view, &question.answer); });
    judge(question, answered, played);
    if (options_.all_leave && step + 1 == questions_.size() && ops.tenant_left != nullptr)
      for (std::uint32_t i = 0; i < question.view.tenants; ++i)
        ops.tenant_left(subject.self(), tenant(question, i).tenant_id);
  }

 private:
  void prepare(unsigned step) {
    Question& question = questions_.emplace_back();
    change(step, question);
    const std::uint64_t at = 1'000'000'000 + std::uint64_t{step} * 137'000;
    machine_.at(options_.clock_runs_back && step % 3 == 2 ? at - 400'000'000 : at);
    machine_.why(step == 0 ? LITHOS_WHY_POLICY | LITHOS_WHY_TENANTS : LITHOS_WHY_PRESSURE);
    const lithos_sched_view* view = machine_.c();
    const testing::Answer preset(machine_);

    question.view = *view;
    question.view.tenant_size += options_.larger_structs_by;
    question.view.tpc_size += options_.larger_structs_by;
    const std::size_t lease_size = sizeof(lithos_lease) + options_.larger_structs_by;
    question.tenants = laid_out(view->tenant, view->tenants, question.view.tenant_size, 0);
    question.tpcs = laid_out(view->tpc, view->tpcs, question.view.tpc_size, 0);
    question.leases_preset = laid_out(preset.leases().data(), view->tenants, lease_size, kCanaryBytes);
    if (options_.garbage) spoil(question);
    for (std::uint32_t i = 0; i < view->tenants; ++i) tenant(question, i).name = "tenant";
    question.view.tenant = reinterpret_cast<const lithos_tenant_view*>(question.tenants.data());
    question.view.tpc = reinterpret_cast<const lithos_tpc_view*>(question.tpcs.data());
    question.answer.lease_size = lease_size;
    question.leases = question.leases_preset;
    question.question_digest = digest_of(question);
  }

  // The first view is empty, the second has one tenant; then they come and go.
  void change(unsigned step, Question& question) {
    if (options_.settled) {
      while (machine_.tenants() < options_.tenants_max) join();
    } else if (step > 0) {
      come_and_go(step, question);
    }
    for (std::uint32_t i = 0; i < machine_.tenants(); ++i)
      if (random_.below(2) == 0) live_on(step, machine_.tenant(i));
  }

  void join() {
    const unsigned free = machine_.unowned().count();
    const auto quota = static_cast<unsigned>(free == 0 ? 0 : random_.below(std::min(free, 24u) + 1));
    const auto tenant_class = 1 + static_cast<std::uint32_t>(random_.below(3));
    machine_.add(fmt::format("t{}", names_), tenant_class, quota).view().tenant_id = options_.first_tenant + names_;
    ++names_;
  }

  void come_and_go(unsigned step, Question& question) {
    const bool full = machine_.tenants() >= options_.tenants_max;
    if (step == 1 || (!full && random_.below(3) == 0)) {
      join();
    } else if (machine_.tenants() > 1 && random_.below(full ? 12 : 8) == 0) {
      testing::TenantBuilder& gone = machine_.tenant(static_cast<std::uint32_t>(random_.below(machine_.tenants())));
      question.leaves = gone.view().tenant_id;
      machine_.remove(std::string(gone.name()));
    }
  }

  void live_on(unsigned step, testing::TenantBuilder& tenant) {
    const std::uint64_t now = 1'000'000'000 + std::uint64_t{step} * 137'000;
    lithos_tenant_view& view = tenant.view();
    view.queued_launches = view.inflight_launches = 0;
    view.queued_ns = view.inflight_ns = 0;
    view.head = view.running = {};
    const std::uint32_t flags[] = {0,
                                   LITHOS_OP_CUTTABLE,
                                   LITHOS_OP_CUTTABLE,
                                   LITHOS_OP_PERSISTENT,
                                   LITHOS_OP_GRAPH,
                                   LITHOS_OP_CO_RESIDENT,
                                   LITHOS_OP_COLLECTIVE};
    const lithos_op op = testing::make_op(1 + random_.below(32), 1 + static_cast<std::uint32_t>(random_.below(50'000)),
                                          flags[random_.below(std::size(flags))]);
    const std::uint64_t predicted = 1'000 + random_.below(5'000'000);
    switch (random_.below(3)) {
      case 0: tenant.idle(now); break;
      case 1: tenant.active(now).runs(predicted, view.own, op); break;
      default: tenant.pressed(now).runs(predicted, view.own, op).waits(predicted, op); break;
    }
    if (view.tenant_class == LITHOS_CLASS_LATENCY_CRITICAL) tenant.slo(10'000'000, random_.real());
    view.completed_launches += random_.below(100);
    view.service_tpc_ns += random_.below(1'000'000'000);
  }

  lithos_tenant_view& tenant(Question& question, std::uint32_t i) {
    return *reinterpret_cast<lithos_tenant_view*>(question.tenants.data() + i * question.view.tenant_size);
  }

  // What a host promises stays (own TPCs, indices, pressure levels); every other number becomes anything.
  void spoil(Question& question) {
    for (std::uint32_t i = 0; i < question.view.tenants; ++i) {
      lithos_tenant_view& view = tenant(question, i);
      if (random_.below(4) == 0) view.tenant_class = 4 + static_cast<std::uint32_t>(random_.below(100));
      for (std::uint64_t* field :
           {&view.slo_ns, &view.tolerates_ns, &view.pressure_since_ns, &view.active_since_ns, &view.idle_since_ns,
            &view.queued_ns, &view.inflight_ns, &view.completed_launches, &view.service_tpc_ns,
            &view.requests_completed, &view.deadline_ns, &view.starved_since_ns, &view.head.predicted_ns,
            &view.head.since_ns, &view.running.predicted_ns})
        *field = random_.odd();
      view.slo_attainment = random_.odd_real();
      for (double& slowdown : view.work_slowdown) slowdown = random_.odd_real();
      for (std::uint32_t* field :
           {&view.queued_launches, &view.inflight_launches, &view.queues, &view.head.op.flags, &view.head.op.blocks,
            &view.head.op.blocks_per_tpc, &view.head.op.bound, &view.head.op.min_tpcs, &view.head.wanted_tpcs,
            &view.running.op.flags, &view.running.op.blocks})
        *field = static_cast<std::uint32_t>(random_.odd());
    }
    for (std::uint32_t i = 0; i < question.view.tpcs; ++i)
      reinterpret_cast<lithos_tpc_view*>(question.tpcs.data() + i * question.view.tpc_size)->busy_until_ns =
          random_.odd();
    question.view.now_ns = random_.odd();
    question.view.why = static_cast<std::uint32_t>(random_.odd());
  }

  static std::uint64_t digest_of(const Question& question) {
    std::uint64_t digest = 0;
    mix(digest, question.tenants.data(), question.tenants.size());
    mix(digest, question.tpcs.data(), question.tpcs.size());
    mix(digest, &question.view, sizeof question.view);
    return digest;
  }

  void judge(const Question& question, bool answered, Played& played) const {
    const std::size_t stride = question.answer.lease_size;
    const std::size_t used = question.view.tenants * stride;
    for (std::size_t at = 0; at < question.leases.size() && played.wild_write.empty(); ++at) {
      const bool padding = at >= used || at % stride >= sizeof(lithos_lease);
      if (padding && question.leases[at] != kCanary)
        played.wild_write =
            at >= used ? "it wrote behind the last lease" : "it steps by its own struct's size, not lease_size";
    }
    if (played.wild_write.empty() && digest_of(question) != question.question_digest)
      played.wild_write = "it changed the view";
    if (!answered) return;
    for (std::uint32_t i = 0; i < question.view.tenants; ++i) {
      lithos_lease lease;
      std::memcpy(&lease, question.leases.data() + i * stride, sizeof lease);
      mix(played.digest, &lease, sizeof lease);
      if (played.first_fault.empty()) played.first_fault = fault_of(lease, question.view.tpcs);
    }
    const std::uint64_t next = question.answer.next_decision_ns;
    mix(played.digest, &next, sizeof next);
    if (played.first_fault.empty() && next != 0 && next <= question.view.now_ns)
      played.first_fault = "the next decision is asked for at a time that is not in the future";
  }

  ScriptOptions options_;
  OddNumbers random_;
  testing::ViewBuilder machine_;
  unsigned names_ = 0;
  std::vector<Question> questions_;
};

}  // namespace

std::unique_ptr<ScriptPart> scheduler_script(const lithos_gpu_info& gpu, const ScriptOptions& options) {
  return std::make_unique<SchedulerScript>(gpu, options);
}

}  // namespace lithos
