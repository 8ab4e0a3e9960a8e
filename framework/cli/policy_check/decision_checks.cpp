// SPDX-License-Identifier: Apache-2.0
// Level 4: are the answers sound, in time, repeatable, and made of nothing but what the policy was shown?
#include <fmt/format.h>

#include <array>

#include "cli/policy_check/allocation_counter.hpp"
#include "cli/policy_check/check.hpp"
#include "cli/policy_check/script.hpp"
#include "cli/policy_check/subject.hpp"
#include "cli/policy_check/system_call_trap.hpp"

namespace lithos {
namespace {

// What is wrong with a play whose questions were all reasonable.
Verdict judged(const Played& played) {
  if (!played.wild_write.empty()) return failed(played.wild_write);
  if (played.refused > 0)
    return failed(fmt::format("{} of {} questions refused: {}", played.refused, played.asked,
                              played.first_refusal.empty() ? "no reason given" : played.first_refusal));
  return played.first_fault.empty() ? passed(fmt::format("{} answers", played.asked)) : failed(played.first_fault);
}

// One new instance, one play.
Verdict play_and_judge(const CheckInput& input, ScriptOptions options,
                       SubjectInstance::Offers offers = SubjectInstance::Offers::everything) {
  options.seed = input.seed;
  return with_instance(input, offers, [&](const Bench& bench) {
    return judged(Script(bench.kind(), *bench.gpu.c(), options).play(bench.instance));
  });
}

Verdict sound_answers(const CheckInput& input) { return play_and_judge(input, {.steps = 2000}); }
Verdict many_tenants(const CheckInput& input) { return play_and_judge(input, {.steps = 400, .tenants_max = 64}); }
Verdict silent_host(const CheckInput& input) {
  return play_and_judge(input, {.steps = 200}, SubjectInstance::Offers::nothing);
}
Verdict backward_clock(const CheckInput& input) {
  return play_and_judge(input, {.steps = 300, .clock_runs_back = true});
}

Verdict larger_structs(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu(66, input.seed);
    const std::vector<lithos_value> defaults = subject.defaults();
    SubjectInstance with_ours(subject.policy(), gpu, defaults), with_larger(subject.policy(), gpu, defaults);
    if (!with_ours.created() || !with_larger.created()) return skipped("create refuses the defaults");
    const std::uint32_t kind = subject.policy().kind;
    const Played ours = Script(kind, *gpu.c(), {.seed = input.seed, .steps = 200}).play(with_ours);
    const Played larger =
        Script(kind, *gpu.c(), {.seed = input.seed, .steps = 200, .larger_structs_by = 48}).play(with_larger);
    if (!larger.wild_write.empty()) return failed(larger.wild_write);
    return ours.digest == larger.digest ? passed() : failed("a host whose structs have grown gets other answers");
  });
}

Verdict odd_numbers(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    constexpr unsigned kRounds = 20;
    const testing::FakeGpu gpu(66, input.seed);
    std::string fault;
    for (unsigned round = 0; round < kRounds; ++round) {
      const ScriptOptions options{.seed = input.seed + round, .steps = 200, .garbage = true};
      SubjectInstance instance(subject.policy(), gpu, subject.defaults());
      if (!instance.created()) return skipped("create refuses the defaults");
      const Played played = Script(subject.policy().kind, *gpu.c(), options).play(instance);
      if (!played.wild_write.empty()) return failed(fmt::format("{} (seed {})", played.wild_write, options.seed));
      if (fault.empty() && !played.first_fault.empty())
        fault = fmt::format("{} (seed {})", played.first_fault, options.seed);
    }
    // The host corrects such an answer, and what it was asked was odd: worth knowing, not a fault.
    return fault.empty() ? passed(fmt::format("{} odd questions", kRounds * 200)) : warned(fault);
  });
}

Verdict deterministic(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu(66, input.seed);
    const Script script(subject.policy().kind, *gpu.c(), {.seed = input.seed, .steps = 1000});
    SubjectInstance first(subject.policy(), gpu, subject.defaults());
    SubjectInstance second(subject.policy(), gpu, subject.defaults());
    if (!first.created() || !second.created()) return skipped("create refuses the defaults");
    const std::uint64_t once = script.play(first).digest;
    return script.play(second).digest == once ? passed()
                                              : failed("two instances that saw the same gave different answers");
  });
}

Verdict within_budget(const CheckInput& input) {
  return with_instance(input, [&](const Bench& bench) {
    constexpr std::uint64_t kSoftNs = 50'000, kHardNs = 5'000'000;
    constexpr unsigned kPlays = 7;
    const Script script(bench.kind(), *bench.gpu.c(), {.seed = input.seed, .steps = 300, .tenants_max = 64});
    const std::uint64_t slowest_ns = script.slowest_ns(bench.instance, kPlays);
    const std::string found =
        fmt::format("slowest answer {:.1f} us, up to 64 tenants", static_cast<double>(slowest_ns) / 1e3);
    if (slowest_ns > kHardNs) return failed(found);
    return slowest_ns > kSoftNs ? warned(found) : passed(found);
  });
}

Verdict no_allocation_once_warm(const CheckInput& input) {
  if (!AllocationCounter::available()) return skipped("not under a sanitizer");
  return with_instance(input, SubjectInstance::Offers::nothing, [&](const Bench& bench) {
    const Script script(bench.kind(), *bench.gpu.c(), {.seed = input.seed, .steps = 300, .settled = true});
    for (unsigned warm_up = 0; warm_up < 3; ++warm_up) script.play_unjudged(bench.instance);
    AllocationCounter::start();
    script.play_unjudged(bench.instance);
    AllocationCounter::stop();
    const std::uint64_t count = AllocationCounter::allocations();
    if (count == 0) return passed();
    return failed(fmt::format("{} allocations in 300 answers that it had given before", count));
  });
}

// Tenants come, go and never come again, for as long as it takes: what is kept of them must stop growing.
Verdict forgets_who_left(const CheckInput& input) {
  if (!AllocationCounter::available()) return skipped("not under a sanitizer");
  constexpr unsigned kScripts = 12, kTenantsPerScript = 1000;  // ids set aside for each
  constexpr std::int64_t kGrowthMaxBytes = 1024;               // what is kept once and for all may still settle
  return with_instance(input, SubjectInstance::Offers::nothing, [&](const Bench& bench) {
    std::int64_t kept = 0, kept_half_way = 0;
    for (unsigned i = 0; i < kScripts; ++i) {
      const ScriptOptions others{
          .seed = input.seed + i, .steps = 400, .all_leave = true, .first_tenant = 1 + i * kTenantsPerScript};
      const Script script(bench.kind(), *bench.gpu.c(), others);
      AllocationCounter::start();
      script.play_unjudged(bench.instance);
      AllocationCounter::stop();
      kept += AllocationCounter::outstanding_bytes();
      if (i + 1 == kScripts / 2) kept_half_way = kept;
    }
    if (kept - kept_half_way <= kGrowthMaxBytes) return passed();
    return failed(
        fmt::format("{} bytes are kept after all tenants have left, {} after as many again", kept_half_way, kept));
  });
}

Verdict no_system_calls(const CheckInput& input) {
  return with_instance(input, [&](const Bench& bench) {
    const Script script(bench.kind(), *bench.gpu.c(), {.seed = input.seed, .steps = 300});
    if (!trap_system_calls()) return skipped("this kernel or container does not allow seccomp filters");
    script.play_unjudged(bench.instance);
    const long call = first_trapped_call();
    return call < 0 ? passed() : failed(fmt::format("an answer made system call {} (see asm/unistd.h)", call));
  });
}

constexpr std::array kDecisionChecks{
    Check{"decisions.sound_answers", "Reasonable questions get answers that the host need not correct.",
          "The message says which field; policy_abi.h gives its bounds.", &sound_answers},
    Check{"decisions.many_tenants", "64 tenants that come and go are served like two.",
          "Size what you keep per tenant by the view, not by a constant; drop a tenant in tenant_left().",
          &many_tenants, true, LITHOS_KIND_SCHEDULER},
    Check{"decisions.silent_host", "Every function of lithos_host may be NULL.",
          "Test before calling; the C++ face does.", &silent_host},
    Check{"decisions.backward_clock", "A clock that once runs backward does no harm.",
          "Subtract times only after comparing them: they are unsigned.", &backward_clock},
    Check{"decisions.larger_structs", "Arrays are stepped by the size the host gives: newer hosts have larger structs.",
          "Step by view->tenant_size, tpc_size and answer->lease_size; the ranges of the C++ face do.",
          &larger_structs},
    Check{"decisions.odd_numbers", "No number makes a policy crash, hang or write where it must not.",
          "Guard divisions, array indices and sums; repeat the case with --seed.", &odd_numbers},
    Check{"decisions.deterministic", "Two instances that saw the same answer alike, so that a run repeats.",
          "Initialise every member; do not let addresses, time or the order of a hash table decide.", &deterministic},
    Check{"decisions.within_budget", "An answer takes at most view->budget_ns (50 us); over 5 ms it is dropped.",
          "Bound the work by the number of tenants and TPCs; move the rest to observe() or create().", &within_budget},
    Check{"decisions.no_allocation_once_warm", "Once warm, an answer about the same tenants allocates nothing.",
          "Reserve in the constructor, reuse members, use TpcSet and std::array.", &no_allocation_once_warm},
    Check{"decisions.forgets_who_left", "What is kept of tenants goes when they go: a daemon lives for months.",
          "Drop a tenant's entry in tenant_left(), or keep as many as the view has tenants.", &forgets_who_left, true,
          LITHOS_KIND_SCHEDULER},
    Check{"decisions.no_system_calls", "An answer makes no system call.",
          "No files, no prints, no sleeping: log through the host.", &no_system_calls},
};

}  // namespace

std::span<const Check> decision_checks() { return kDecisionChecks; }

}  // namespace lithos
