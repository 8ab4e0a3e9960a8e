// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/process_state.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "cli/policy_check/script.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

std::size_t entries_of(const char* folder) {
  std::error_code error;
  std::size_t count = 0;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator(); it.increment(error))
    ++count;
  return count;
}

struct Search {
  std::uintptr_t inside;
  std::uint64_t digest;
};

int visit(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  bool holds = false;
  std::uintptr_t relro_begin = 0, relro_end = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && search.inside >= begin && search.inside < begin + segment.p_memsz) holds = true;
    if (segment.p_type == PT_GNU_RELRO) relro_begin = begin, relro_end = begin + segment.p_memsz;
  }
  if (!holds) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) == 0) continue;
    std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t end = begin + segment.p_memsz;
    if (begin >= relro_begin && begin < relro_end) begin = relro_end;
    if (begin < end) mix(search.digest, reinterpret_cast<const void*>(begin), end - begin);
  }
  return 1;
}

}  // namespace

ProcessState ProcessState::now() {
  ProcessState state;
  state.threads = entries_of("/proc/self/task");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd", error)) {
    const fs::path target = fs::read_symlink(entry.path(), error);
    if (target.string().find("/fd") != std::string::npos && target.string().starts_with("/proc/"))
      continue;  // ours, to look
    state.descriptors.insert(entry.path().filename().string() + " -> " + target.string());
  }
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    state.handlers.push_back(reinterpret_cast<std::uint64_t>(action.sa_handler));
  }
  return state;
}

std::string ProcessState::left_behind_in(const ProcessState& later) const {
  if (later.threads > threads) return fmt::format("{} more thread(s)", later.threads - threads);
  for (const std::string& descriptor : later.descriptors)
    if (!descriptors.contains(descriptor)) return "an open descriptor: " + descriptor;
  for (std::size_t i = 0; i < handlers.size(); ++i)
    if (handlers[i] != later.handlers[i]) return fmt::format("a handler for signal {}", i + 1);
  return {};
}

std::uint64_t digest_of_globals(const void* inside) {
  Search search{reinterpret_cast<std::uintptr_t>(inside), 0};
  ::dl_iterate_phdr(&visit, &search);
  return search.digest;
}

}  // namespace lithos
