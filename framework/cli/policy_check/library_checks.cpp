// SPDX-License-Identifier: Apache-2.0
// Level 1: is the library one that can be loaded, trusted with a process, and really unloaded? Most of it is read from
// the file, without running any of its code.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cli/policy_check/check.hpp"
#include "cli/policy_check/elf_facts.hpp"
#include "policy_host/manifest.hpp"
#include "policy_host/policy_library.hpp"

namespace lithos {
namespace {

// Reads the file's facts and asks `judge`; a file that cannot be read is a failure of any of these checks.
template <class Judge>
Verdict with_facts(const CheckInput& input, Judge&& judge) {
  const Result<ElfFacts> facts = read_elf_facts(input.path);
  return facts.ok() ? judge(facts.value()) : failed(facts.status().message());
}

// A library with the C++ runtime inside imports what the runtime needs; what the policy itself calls cannot be told.
bool holds_its_runtime(const ElfFacts& facts) {
  return !facts.needs("libstdc++") && !facts.needs("libc++") && facts.imports("dl_iterate_phdr");
}

Verdict none_imported(const CheckInput& input, const std::vector<std::string>& forbidden) {
  return with_facts(input, [&](const ElfFacts& facts) {
    if (holds_its_runtime(facts)) return skipped("the C++ runtime is linked in and hides what the policy calls");
    std::vector<std::string> found;
    for (const std::string& name : facts.imported)
      if (std::find(forbidden.begin(), forbidden.end(), name) != forbidden.end()) found.push_back(name);
    return found.empty() ? passed() : failed(fmt::format("it calls {}", fmt::join(found, ", ")));
  });
}

Verdict loads(const CheckInput& input) {
  const auto library = PolicyLibrary::load(input.path);
  if (!library.ok()) return failed(library.status().message());
  return passed(fmt::format("{} polic{}, ABI {}.{}", library.value()->policies().size(),
                            library.value()->policies().size() == 1 ? "y" : "ies", library.value()->table().abi_major,
                            library.value()->table().abi_minor));
}

// "scheduler org.example.my_fair 1.0.0, …", as a manifest or a table has them.
template <class Policies, class Say>
std::string listed(const Policies& policies, Say&& say) {
  std::string text;
  for (const auto& policy : policies) text += (text.empty() ? "" : ", ") + say(policy);
  return text;
}

Verdict manifest(const CheckInput& input) {
  const Result<PolicyManifest> says = read_manifest(input.path);
  if (!says.ok()) return failed("lithosd would not load it: " + says.status().message());
  const auto library = PolicyLibrary::load(input.path);
  if (!library.ok()) return skipped("it does not load");
  const auto entry = [](std::uint32_t kind, const std::string& id, const std::string& version) {
    return fmt::format("{} {} (kind {})", id, version, kind);
  };
  const std::string promised = listed(says.value().policies, [&](const ManifestPolicy& policy) {
    return entry(static_cast<std::uint32_t>(policy.kind), policy.id, policy.version);
  });
  const std::string there = listed(library.value()->policies(), [&](const lithos_policy* policy) {
    return entry(policy->kind, policy->id, policy->version);
  });
  return promised == there ? passed() : failed(fmt::format("the manifest says {}, the table {}", promised, there));
}

Verdict single_export(const CheckInput& input) {
  return with_facts(input, [](const ElfFacts& facts) {
    std::vector<std::string> others;
    for (const std::string& name : facts.exported)
      if (name != LITHOS_POLICY_ENTRY_NAME) others.push_back(name);
    if (others.empty()) return passed();
    const std::size_t count = others.size();
    others.resize(std::min<std::size_t>(count, 3));
    return failed(fmt::format("{} more symbols are exported: {}{}", count, fmt::join(others, ", "),
                              count > others.size() ? ", …" : ""));
  });
}

Verdict no_unique_symbols(const CheckInput& input) {
  return with_facts(input, [](const ElfFacts& facts) {
    return facts.unique.empty()
               ? passed()
               : failed(fmt::format("{} unique symbols, {} first", facts.unique.size(), facts.unique[0]));
  });
}

Verdict no_thread_local_destructors(const CheckInput& input) {
  return none_imported(input, {"__cxa_thread_atexit", "__cxa_thread_atexit_impl"});
}

Verdict no_executable_stack(const CheckInput& input) {
  return with_facts(input, [](const ElfFacts& facts) {
    return facts.executable_stack ? failed("it asks for an executable stack") : passed();
  });
}

Verdict no_text_relocations(const CheckInput& input) {
  return with_facts(input, [](const ElfFacts& facts) {
    return facts.text_relocations ? failed("it has text relocations (TEXTREL)") : passed();
  });
}

Verdict may_be_unloaded(const CheckInput& input) {
  return with_facts(input,
                    [](const ElfFacts& facts) { return facts.no_delete ? failed("it is marked NODELETE") : passed(); });
}

Verdict no_driver_libraries(const CheckInput& input) {
  return with_facts(input, [](const ElfFacts& facts) {
    for (const char* library : {"libcuda", "libnvidia-ml", "libnvrtc", "libnccl"})
      if (facts.needs(library)) return failed(fmt::format("it needs {}", library));
    return passed();
  });
}

Verdict no_forbidden_calls(const CheckInput& input) {
  return none_imported(input, {"pthread_create",
                               "thrd_create",
                               "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE",
                               "pthread_key_create",
                               "fork",
                               "vfork",
                               "posix_spawn",
                               "system",
                               "popen",
                               "execv",
                               "execve",
                               "execl",
                               "execvp",
                               "signal",
                               "sigaction",
                               "bsd_signal",
                               "atexit",
                               "at_quick_exit",
                               "exit",
                               "_exit",
                               "_Exit",
                               "quick_exit",
                               "kill",
                               "raise",
                               "setjmp",
                               "_setjmp",
                               "longjmp",
                               "siglongjmp",
                               "dlopen",
                               "ptrace",
                               "mprotect",
                               "socket",
                               "_ZNSt6thread4joinEv"});
}

Verdict no_own_time_or_randomness(const CheckInput& input) {
  return none_imported(input, {"clock_gettime",
                               "gettimeofday",
                               "time",
                               "clock",
                               "nanosleep",
                               "usleep",
                               "sleep",
                               "rand",
                               "srand",
                               "rand_r",
                               "random",
                               "srandom",
                               "drand48",
                               "lrand48",
                               "getrandom",
                               "arc4random",
                               "_ZNSt6chrono3_V212system_clock3nowEv",
                               "_ZNSt6chrono3_V212steady_clock3nowEv",
                               "_ZNSt13random_device9_M_getvalEv",
                               "_ZNSt13random_device7_M_initERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"});
}

Verdict unloads(const CheckInput& input) {
  {
    const auto library = PolicyLibrary::load(input.path);
    if (!library.ok()) return skipped("it does not load");
  }
  return Module::leaked() == 0 ? passed() : failed("it stayed in memory after it was unloaded");
}

Verdict loads_twice(const CheckInput& input) {
  const auto first = PolicyLibrary::load(input.path);
  if (!first.ok()) return skipped("it does not load");
  const auto second = PolicyLibrary::load(input.path);
  if (!second.ok()) return failed("a second copy does not load: " + second.status().message());
  if (&first.value()->table() == &second.value()->table()) return failed("both copies share one table");
  return passed();
}

constexpr std::array kLibraryChecks{
    Check{"library.loads", "The file is a policy library of this machine and ABI, and its tables are whole.",
          "Build it with lithos_add_policy() of this SDK; the message names the field or the version that is wrong.",
          &loads, false},
    Check{"library.manifest", "The file says what it holds before any of its code runs: lithosd loads nothing else.",
          "In C++, LITHOS_EXPORT_…() makes the note; in C, write LITHOS_POLICY_MANIFEST with what the table has.",
          &manifest, false},
    Check{"library.single_export", "The entry function is the only symbol that leaves the library.",
          "Build it with lithos_add_policy(), which links with the version script lithos_policy.map.", &single_export,
          false},
    Check{"library.no_unique_symbols", "No STB_GNU_UNIQUE symbol: one pins the library in memory for ever.",
          "Compile with -fno-gnu-unique and link with the version script; lithos_add_policy() does both.",
          &no_unique_symbols, false},
    Check{"library.no_thread_local_destructors",
          "No thread_local object with a destructor: it keeps the library mapped.",
          "Make it a member of the policy's class.", &no_thread_local_destructors, false},
    Check{"library.no_executable_stack", "The stack is not executable.",
          "Add .note.GNU-stack to assembly files; do not take the address of nested C functions.", &no_executable_stack,
          false},
    Check{"library.no_text_relocations", "Code is position independent.", "Compile with -fPIC.", &no_text_relocations,
          false},
    Check{"library.may_be_unloaded", "The library may be unloaded.", "Link without -z nodelete.", &may_be_unloaded,
          false},
    Check{"library.no_driver_libraries", "A policy decides and does not act: it links no GPU library.",
          "Take what you need from the view, the sample and lithos_gpu_info.", &no_driver_libraries, false},
    Check{"library.no_forbidden_calls", "No threads, processes, signals, sockets, exit or jumps.",
          "A policy is called, answers and returns; what must act belongs into a plugin.", &no_forbidden_calls, false},
    Check{"library.no_own_time_or_randomness", "Time and randomness come from the host, so that a run repeats.",
          "Use view->now_ns and lithos_gpu_info.seed (Gpu::seed() with a generator of your own).",
          &no_own_time_or_randomness, false},
    Check{"library.unloads", "After unloading nothing of the library is mapped.",
          "See the findings above; otherwise look for what keeps a pointer into the library.", &unloads, false},
    Check{"library.loads_twice", "Two copies live side by side, as during a swap.",
          "Keep names local to the library; build it with lithos_add_policy().", &loads_twice, false},
};

}  // namespace

std::span<const Check> library_checks() { return kLibraryChecks; }

}  // namespace lithos
