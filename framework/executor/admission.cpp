// SPDX-License-Identifier: Apache-2.0
#include "executor/admission.hpp"

#include <algorithm>

#include "executor/cutting.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kStarvationLimitUnknown{200'000'000};  // until a lease says otherwise
constexpr double kLongestPeriodNs = 1e15;                      // of a rate limit
constexpr double kLongInAtoms = 1.5;                          // an uncuttable launch up to this is no longer than an atom

Coverage coverage_of(CutReason reason, const KernelInfo& kernel) {
  switch (reason) {
    case CutReason::cut: return Coverage::cut;
    case CutReason::persistent: return Coverage::whole_persistent;
    case CutReason::special: return Coverage::whole_special;
    case CutReason::one_wave: return Coverage::whole_small;
    case CutReason::too_dear: return Coverage::whole_dear;
    case CutReason::may_spin: return Coverage::whole_co_resident;
    case CutReason::not_wished:
    case CutReason::short_enough: break;
  }
  return kernel.may_spin ? Coverage::whole_co_resident : Coverage::masked;
}

// Of a launch that takes so long, what has not gone yet.
Nanoseconds rest_of(const WaitingLaunch& head, Nanoseconds whole) {
  return whole * (head.kernel->blocks - head.next_block) / std::max(head.kernel->blocks, 1u);
}

bool much_less(Nanoseconds one, Nanoseconds other) { return 3 * one < 2 * other; }

}  // namespace

Admission::Admission(const TpcMap& map, const ExecutorConfig& config, TenantPort& port)
    : map_(map), config_(config), port_(port), reader_(port),
      graphs_(map, [this](const KernelInfo& kernel) { return wish(kernel, port_.decision(kernel.id)); }) {}

Nanoseconds Admission::starvation_limit() {
  const Nanoseconds limit = port_.lease().starvation_limit;
  return limit.count() > 0 ? limit : kStarvationLimitUnknown;
}

GraphMasks::Wish Admission::wish(const KernelInfo& kernel, const OperatorDecision* decision) {
  if (decision == nullptr || kernel.nature == KernelNature::never_touch) return {};
  return {decision->tpcs, decision->rush_after};
}

Nanoseconds Admission::predicted(const OperatorDecision* decision, unsigned tpcs) const {
  const Nanoseconds time = decision == nullptr ? Nanoseconds{0} : decision->predicted(tpcs);
  return time.count() > 0 ? time : config_.default_prediction;
}

void Admission::launched(Nanoseconds now) {
  const double rate = port_.lease().launches_per_s;
  if (!(rate > 0)) return;
  const Nanoseconds period{static_cast<std::int64_t>(std::min(1e9 / rate, kLongestPeriodNs))};
  // Starving launches go before their time; debts do not pile up.
  next_launch_at_ = std::clamp(next_launch_at_, now, now + period) + period;
}

// Hold and rate: the policy's wish for all of the tenant's launches. Both end at the starvation limit.
bool Admission::held_back(const Question& q, Verdict& verdict) const {
  if (q.lease.hold) { verdict = Verdict::lease_short(); return true; }
  if (q.lease.launches_per_s > 0 && q.head.next_block == 0 && q.now < next_launch_at_) {
    verdict = Verdict::later(next_launch_at_);
    return true;
  }
  return false;
}

Verdict Admission::ask(const LaunchQueue& queue, const WaitingLaunch& head, const Outstanding& outstanding, Nanoseconds now) {
  const UsableTpcs& usable = reader_.read(now);
  const Lease& lease = reader_.lease();
  const bool starving = queue.stuck_since != kNever && now - queue.stuck_since >= starvation_limit();
  const Question q{queue, head, outstanding, lease, usable, now, starving};
  const bool confined = lease.generation == 0 || lease.masked;
  if (head.kernel != nullptr && head.kernel->nature == KernelNature::never_touch) return confined ? collective(q) : unmasked(q);
  if (!starving && !head.urgent) {
    Verdict verdict;
    if (held_back(q, verdict)) return verdict;
    if (confined && queue.path == LaunchPath::queued_path) {
      if (queue.inflight.size() >= config_.max_atoms_in_flight) return Verdict::later(kNever);
      const Nanoseconds ahead = queue.ahead(now);
      if (ahead > config_.submit_ahead) return Verdict::later(now + ahead - config_.submit_ahead);
    }
  }
  if (!confined) return unmasked(q);
  return head.graph != nullptr ? ask_graph(q) : ask_kernel(q);
}

Verdict Admission::ask_kernel(const Question& q) {
  Verdict verdict = on_lease(q, true);
  if (!verdict.go() && !q.usable.borrowed.empty()) {
    const Verdict at_home = on_lease(q, false);
    if (at_home.go() && !worth_waiting_for(q, verdict, at_home)) verdict = at_home;
  }
  if (verdict.go() && too_far_ahead_at_home(q, verdict)) return Verdict::later(kNever);
  if (verdict.go()) return verdict;
  return q.starving || q.head.urgent ? starved(q) : verdict;
}

// A program that runs ahead of the GPU would else find its first launch on lent TPCs and all that follow on the few of its own, many times
// slower, though they wait in the stream for the first. What stands against borrowing is the tenant's own work there, and that will end.
bool Admission::worth_waiting_for(const Question& q, const Verdict& borrowed, const Verdict& at_home) {
  return borrowed.outcome == Verdict::Outcome::later && q.behind_its_own() && much_less(borrowed.rest, at_home.rest);
}

// While its lender works, too: what is submitted to a few TPCs in a millisecond may keep the stream there for many. The next launch goes when
// little is left before it, by then perhaps on lent TPCs. Who owns about as much as it could use never waits.
bool Admission::too_far_ahead_at_home(const Question& q, const Verdict& at_home) {
  if (!at_home.delays_borrowing || !q.behind_its_own() || q.outstanding.at_home <= q.lease.outstanding_limit) return false;
  const unsigned most = (q.usable.home() | q.usable.borrowed_ever).count();
  const Nanoseconds whole = predicted(decision_of(q.head), std::min(most, q.head.kernel->useful_tpcs));
  return much_less(rest_of(q.head, whole), at_home.rest);
}

const Admission::Choice& Admission::choose(const Question& q, const KernelInfo& kernel, std::uint32_t want, bool borrow) {
  // By the wish, too: the kinds of one operator take turns.
  const std::size_t slot = (reinterpret_cast<std::uintptr_t>(&kernel) / sizeof(KernelInfo) * 2 + (borrow ? 1 : 0) + want * 6u) % kChoices;
  Choice& choice = choices_[slot];
  const std::uint64_t version = reader_.version();
  if (choice.kernel == &kernel && choice.version == version && choice.want == want && choice.borrow == borrow) return choice;
  TpcPool pools[] = {{q.usable.own}, {q.usable.unowned}, {q.usable.borrowed, true}};
  if (kernel.may_spin) {
    for (TpcPool& pool : pools) pool.tpcs &= q.lease.co_resident;
  }
  const TpcSet tpcs = map_.choose(kernel, pools, borrow ? 3 : 2, want);
  choice = {&kernel, version, want, tpcs.count(), borrow, borrow && tpcs.overlaps(q.usable.borrowed), tpcs};
  return choice;
}

Verdict Admission::on_lease(const Question& q, bool borrow) {
  const KernelInfo& kernel = *q.head.kernel;
  const OperatorDecision* decision = decision_of(q.head);
  const GraphMasks::Wish wished = wish(kernel, decision);
  const std::uint32_t wanted = wished.tpcs_now(wished.rushes(requests_in_a_row_));
  std::uint32_t want = wanted == 0 ? kernel.useful_tpcs : std::min(wanted, kernel.useful_tpcs);
  if (q.lease.max_tpcs > 0) want = std::min(want, q.lease.max_tpcs);
  const Choice& choice = choose(q, kernel, std::max(want, kernel.min_tpcs), borrow);
  if (choice.tpc_count == 0) return Verdict::lease_short();

  Verdict verdict;
  verdict.tpcs = choice.tpcs;
  const unsigned tpcs = choice.tpc_count;
  const Nanoseconds whole = predicted(decision, tpcs);
  verdict.rest = rest_of(q.head, whole);
  verdict.on_borrowed = choice.on_borrowed;
  verdict.delays_borrowing = !choice.on_borrowed && !q.usable.borrowed_ever.empty();
  const Nanoseconds atom_length = verdict.on_borrowed ? q.lease.atom_length : Nanoseconds{0};
  const Nanoseconds tolerated = verdict.on_borrowed ? tolerated_on(q, verdict.tpcs) : kNever;
  const Atom atom = next_atom({&kernel, q.head.next_block, tpcs, map_.tpcs(), whole, atom_length, tolerated});
  verdict.blocks = atom.blocks;
  verdict.predicted = atom.predicted;
  // What is no longer than an atom has no need of a reason.
  const bool as_wished = atom.reason != CutReason::cut && whole <= atom_length;
  verdict.coverage = coverage_of(as_wished ? CutReason::short_enough : atom.reason, kernel);
  if (verdict.on_borrowed) {
    weigh(q, verdict, whole);
    if (!q.head.urgent && !borrowing_fits(q, verdict)) return verdict;
  }
  verdict.low_priority = verdict.on_borrowed && q.lease.low_priority;
  verdict.outcome = Verdict::Outcome::go;
  return verdict;
}

// The longest that an uncuttable launch on these TPCs may be predicted to take.
Nanoseconds Admission::tolerated_on(const Question& q, const TpcSet& tpcs) {
  return std::min(q.lease.uncuttable_limit, LeaseReader::tolerated_on(q.lease, tpcs & q.usable.borrowed));
}

// DESIGN.md §5.5. An atom is as short as was wished; what runs whole though it is longer is long, and uncuttable in effect.
void Admission::weigh(const Question& q, Verdict& verdict, Nanoseconds whole) const {
  const KernelInfo& kernel = *q.head.kernel;
  // Early exit of the blocks before it lengthens an atom, but is no reason to call it uncuttable.
  const double part_ns = static_cast<double>(whole.count()) * verdict.blocks / kernel.blocks;
  const double atom_ns = kLongInAtoms * static_cast<double>(q.lease.atom_length.count());
  verdict.uncuttable = !kernel.cuttable || part_ns > atom_ns;
  verdict.long_whole = verdict.uncuttable && part_ns > std::max(atom_ns, static_cast<double>(config_.submit_ahead.count()));
}

// False: `verdict` says what to wait for.
bool Admission::borrowing_fits(const Question& q, Verdict& verdict) {
  if (verdict.uncuttable && verdict.predicted > tolerated_on(q, verdict.tpcs)) {
    verdict = Verdict::lease_short();
    return false;
  }
  if (verdict.long_whole && q.outstanding.long_wholes > 0) {
    verdict.put_off(kNever);
    return false;
  }
  return within_outstanding_limit(q, verdict);
}

// A lender that comes back waits for the limit and one piece, no longer. That piece is the running one while what has not begun is
// within the limit; or the new one, once what is left before it is: then it may be longer than the limit, and the TPCs do not stand idle
// from one long piece's end until the next has found its way to them. False: `verdict` says when to ask again.
bool Admission::within_outstanding_limit(const Question& q, Verdict& verdict) {
  const Outstanding& out = q.outstanding;
  const Nanoseconds limit = q.lease.outstanding_limit;
  if (out.pieces == 0 || out.behind() + verdict.predicted <= limit || out.left(q.now) <= limit) return true;
  verdict.put_off(out.behind() <= limit ? out.running_until - (limit - out.behind()) : kNever);
  return false;
}

// At its minimum, wherever the lease might let it at some time; if that is not enough, wherever the device has room. A launch that may
// spin goes only where the engine has given it the right, which it gathers for starving launches (engine/co_residency.hpp).
Verdict Admission::starved(const Question& q) {
  const KernelInfo& kernel = *q.head.kernel;
  TpcPool pools[] = {{q.usable.own}, {q.usable.unowned}, {q.usable.borrowed_ever, true}, {map_.all(), true}};
  if (kernel.may_spin) {
    for (TpcPool& pool : pools) pool.tpcs &= q.lease.co_resident;
  }
  Verdict verdict;
  for (unsigned n_pools = 3; verdict.tpcs.empty() && n_pools <= 4; ++n_pools)
    verdict.tpcs = map_.choose(kernel, pools, n_pools, kernel.min_tpcs);
  if (verdict.tpcs.empty()) return Verdict::lease_short();
  verdict.blocks = kernel.blocks - q.head.next_block;
  const Nanoseconds whole = predicted(decision_of(q.head), verdict.tpcs.count());
  verdict.predicted = next_atom({&kernel, q.head.next_block, verdict.tpcs.count(), map_.tpcs(), whole, Nanoseconds{0}}).predicted;
  verdict.coverage = q.head.urgent ? Coverage::bypassed : Coverage::starved;
  verdict.on_borrowed = !q.usable.home().contains(verdict.tpcs);
  verdict.long_whole = verdict.on_borrowed;
  verdict.low_priority = verdict.on_borrowed && q.lease.low_priority;
  verdict.outcome = Verdict::Outcome::go;
  return verdict;
}

// NCCL and NVSHMEM ranks wait for ranks on other GPUs: never held, limited, cut or right-sized.
Verdict Admission::collective(const Question& q) {
  const KernelInfo& kernel = *q.head.kernel;
  Verdict verdict;
  verdict.tpcs = q.usable.home() | q.usable.borrowed;
  if (!map_.holds(kernel, verdict.tpcs)) verdict.tpcs = map_.all();
  verdict.blocks = kernel.blocks - q.head.next_block;
  verdict.predicted = predicted(decision_of(q.head), verdict.tpcs.count());
  verdict.coverage = Coverage::bypassed;
  verdict.outcome = Verdict::Outcome::go;
  return verdict;
}

// Nobody owns TPCs, so nothing is borrowed. Whoever goes at low priority is a guest on all of them, and what a guest may have outstanding
// is limited.
Verdict Admission::unmasked(const Question& q) {
  Verdict verdict;
  verdict.masked = false;
  verdict.tpcs = map_.all();
  verdict.coverage = Coverage::unmasked;
  verdict.outcome = Verdict::Outcome::go;
  const KernelInfo* kernel = q.head.kernel;
  if (kernel == nullptr) return verdict;
  verdict.blocks = kernel->blocks - q.head.next_block;
  verdict.predicted = predicted(decision_of(q.head), map_.tpcs());
  if (q.head.next_block > 0) verdict.coverage = Coverage::cut;  // the lease changed in the middle
  if (!q.lease.low_priority || kernel->nature == KernelNature::never_touch) return verdict;
  verdict.low_priority = verdict.on_borrowed = true;
  if (!q.starving && !q.head.urgent) (void)within_outstanding_limit(q, verdict);
  return verdict;
}

Verdict Admission::ask_graph(const Question& q) {
  const bool last_resort = q.starving || q.head.urgent;
  Verdict verdict;
  verdict.bake = graphs_.masks_for(*q.head.graph, q.usable, q.lease, requests_in_a_row_, last_resort);
  if (verdict.bake == GraphMasks::kNone) return Verdict::lease_short();
  const BakedGraph& baked = graphs_.baked(verdict.bake);
  verdict.tpcs = baked.all;
  verdict.coverage = baked.starved ? (q.starving ? Coverage::starved : Coverage::bypassed) : Coverage::graph;
  verdict.on_borrowed = baked.starved && !q.usable.home().contains(baked.all);
  const OperatorDecision* decision = port_.decision(q.head.graph->id);
  verdict.predicted = decision == nullptr ? config_.default_prediction : decision->predicted(baked.all.count());
  if (verdict.predicted.count() <= 0) verdict.predicted = config_.default_prediction;
  verdict.outcome = Verdict::Outcome::go;
  return verdict;
}

}  // namespace lithos
