// SPDX-License-Identifier: Apache-2.0
// Level 3: does a policy come and go as often as anybody wants, leaving nothing?
#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>

#include "cli/policy_check/allocation_counter.hpp"
#include "cli/policy_check/check.hpp"
#include "cli/policy_check/process_state.hpp"
#include "cli/policy_check/script.hpp"
#include "cli/policy_check/subject.hpp"

namespace lithos {
namespace {

constexpr unsigned kLives = 1000;
constexpr std::uint64_t kFailuresMax = 400;  // allocations of create() that are made to fail, one at a time

// For those that also decide when the library goes.
using OwnedSubject = std::unique_ptr<std::optional<Subject>>;
OwnedSubject load(const CheckInput& input) {
  return std::make_unique<std::optional<Subject>>(Subject::load(input.path, input.policy_id));
}

void live_once(const Subject& subject, const testing::FakeGpu& gpu, const Script& script) {
  SubjectInstance instance(subject.policy(), gpu, subject.defaults());
  if (instance.created()) (void)script.play(instance);
}

Verdict defaults_create(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu;
    SubjectInstance instance(subject.policy(), gpu, subject.defaults());
    if (instance.created()) return passed();
    return failed(fmt::format("status {}: {}", instance.status(),
                              instance.host().failure().empty() ? "no reason given" : instance.host().failure()));
  });
}

Verdict thousand_lives(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu;
    const std::vector<lithos_value> defaults = subject.defaults();
    // Through the table itself, so that nothing of ours allocates in between.
    const testing::FakeHost host;
    const auto live = [&] {
      void* self = nullptr;
      if (subject.policy().create(host.c(), gpu.c(), defaults.data(), subject.policy().n_params, &self) >= 0)
        subject.policy().destroy(self);
    };
    for (unsigned i = 0; i < 10; ++i) live();
    AllocationCounter::start();
    for (unsigned i = 0; i < kLives; ++i) live();
    AllocationCounter::stop();
    const std::int64_t left = AllocationCounter::outstanding();
    if (AllocationCounter::available() && left > 0)
      return failed(fmt::format("{} lives left {} allocations behind", kLives, left));
    return passed(fmt::format("{} lives", kLives));
  });
}

Verdict devices_of_all_sizes(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    for (const unsigned tpcs : {1u, 2u, 20u, 72u, LITHOS_TPCS_MAX}) {
      const testing::FakeGpu gpu(tpcs, input.seed);
      lithos_gpu_info bare = *gpu.c();  // a host that knows neither GPCs nor clocks
      bare.gpc_of_tpc = nullptr;
      bare.clocks_mhz = nullptr;
      bare.clocks = 0;
      for (const lithos_gpu_info& info : {*gpu.c(), bare}) {
        SubjectInstance instance(subject.policy(), info, subject.defaults());
        if (!instance.created() && instance.host().failure().empty())
          return failed(fmt::format("on {} TPCs create returns {} and gives no reason", tpcs, instance.status()));
        if (!instance.created()) continue;
        const Played played = Script(subject.policy().kind, info, {.seed = input.seed, .steps = 40}).play(instance);
        if (!played.first_fault.empty()) return failed(fmt::format("on {} TPCs: {}", tpcs, played.first_fault));
      }
    }
    return passed();
  });
}

Verdict out_of_memory(const CheckInput& input) {
  if (!AllocationCounter::available()) return skipped("not under a sanitizer");
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu;
    const std::vector<lithos_value> defaults = subject.defaults();
    const testing::FakeHost host(testing::FakeHost::Offers::nothing);
    for (std::uint64_t successes = 0; successes < kFailuresMax; ++successes) {
      void* self = nullptr;
      AllocationCounter::fail_after(successes);
      const lithos_status status =
          subject.policy().create(host.c(), gpu.c(), defaults.data(), subject.policy().n_params, &self);
      AllocationCounter::stop();
      const bool refused_one = AllocationCounter::failed_any();
      if (status >= 0) subject.policy().destroy(self);
      else if (self != nullptr) return failed("create failed and left *self set");
      if (!refused_one) return passed(fmt::format("{} allocations, each made to fail once", successes));
    }
    return passed(fmt::format("the first {} allocations, each made to fail once", kFailuresMax));
  });
}

Verdict leaves_nothing(const CheckInput& input) {
  OwnedSubject subject = load(input);
  if (!*subject) return skipped("the library does not load");
  const testing::FakeGpu gpu;
  const Script script((*subject)->policy().kind, *gpu.c(), {.seed = input.seed, .steps = 50});
  const ProcessState before = ProcessState::now();
  live_once(**subject, gpu, script);
  const std::string left = before.left_behind_in(ProcessState::now());
  if (left.empty()) return passed();
  (void)subject.release();  // a thread of it would crash in unloaded code before this could be told
  return failed("after destroy there is " + left);
}

Verdict unloads_after_use(const CheckInput& input) {
  OwnedSubject subject = load(input);
  if (!*subject) return skipped("the library does not load");
  const testing::FakeGpu gpu;
  live_once(**subject, gpu, Script((*subject)->policy().kind, *gpu.c(), {.seed = input.seed, .steps = 50}));
  if (ProcessState::now().threads > 1) {
    (void)subject.release();
    return failed("a thread of it is alive: unloading would crash the host");
  }
  subject.reset();
  return Module::leaked() == 0 ? passed() : failed("it stayed in memory after use, destroy and unloading");
}

Verdict no_mutable_globals(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu;
    const Script script(subject.policy().kind, *gpu.c(), {.seed = input.seed, .steps = 50});
    const auto digest = [&] { return digest_of_globals(reinterpret_cast<const void*>(subject.policy().create)); };
    const std::uint64_t fresh = digest();
    live_once(subject, gpu, script);
    const std::uint64_t used = digest();
    live_once(subject, gpu, script);
    if (digest() != used) return failed("globals change with every life");
    return used == fresh ? passed() : warned("globals changed once: statics initialised on first use?");
  });
}

constexpr std::array kLifecycleChecks{
    Check{"lifecycle.defaults_create", "create() accepts the declared defaults.",
          "Choose defaults that work on any GPU; throw lithos::Error only for what truly cannot be done.",
          &defaults_create},
    Check{"lifecycle.thousand_lives", "create and destroy, a thousand times, unused: no memory stays behind.",
          "Release in the destructor what the constructor took; hold it by value or unique_ptr.", &thousand_lives},
    Check{"lifecycle.devices_of_all_sizes",
          "1 to 256 TPCs, with or without GPCs and clocks: it works, or create says why not.",
          "Size arrays by Gpu::tpcs(); throw lithos::Error(LITHOS_E_UNSUPPORTED, \"why\") for devices out of scope.",
          &devices_of_all_sizes},
    Check{"lifecycle.out_of_memory", "When an allocation fails, create() returns a status and nothing is left.",
          "Let std::bad_alloc pass, or check what malloc returns; never abort.", &out_of_memory},
    Check{"lifecycle.leaves_nothing", "After destroy no thread, descriptor or signal handler is left.",
          "Join, close and restore in the destructor; better, do not take any.", &leaves_nothing},
    Check{"lifecycle.unloads_after_use", "After use and destroy the library can be unloaded.",
          "Look for thread_local objects with destructors, live threads and unique symbols.", &unloads_after_use},
    Check{"lifecycle.no_mutable_globals",
          "State lives in the instance: several GPUs, and old and new during a swap, share the library.",
          "Make globals members of the policy's class.", &no_mutable_globals},
};

}  // namespace

std::span<const Check> lifecycle_checks() { return kLifecycleChecks; }

}  // namespace lithos
