// SPDX-License-Identifier: Apache-2.0
#include "daemon/black_box.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace lithos {
namespace {

constexpr int kFatalSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
constexpr std::size_t kSignalStackBytes = 64 * 1024;

std::atomic<BlackBoxContent*> signal_target = nullptr;

// Async-signal-safe: two stores, then the default action.
void on_fatal_signal(int signal) {
  if (BlackBoxContent* box = signal_target.load()) {
    box->signal.store(static_cast<std::uint64_t>(signal));
    box->signal_thread.store(static_cast<std::uint64_t>(::syscall(SYS_gettid)));
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

template <std::size_t Size>
void copy_text(char (&to)[Size], const std::string& from) {
  std::memset(to, 0, Size);
  std::memcpy(to, from.data(), std::min(from.size(), Size - 1));
}

BlackBoxPolicy describe(const std::string& id, const std::string& path, const std::string& hash) {
  BlackBoxPolicy policy;
  copy_text(policy.id, id);
  copy_text(policy.path, path);
  copy_text(policy.hash, hash);
  return policy;
}

LastEnd read_last_end(const BlackBoxContent& box) {
  LastEnd last;
  last.crashed = box.running.load() != 0;
  if (!last.crashed) return last;
  last.signal = static_cast<int>(box.signal.load());
  last.hung = box.hung.load() != 0;
  if (box.hung.load() == kHungStart)
    last.start_step.assign(box.start_step, ::strnlen(box.start_step, sizeof box.start_step));
  if (last.signal != 0 || last.hung) {  // killed from outside: nobody is to blame
    const bool on_engine =
        last.hung ? box.hung.load() == kHungEngine : box.signal_thread.load() == box.engine_thread.load();
    const std::uint64_t kind = on_engine ? box.engine.kind.load() : box.control.kind.load();
    if (kind >= 1 && kind <= (on_engine ? kPolicyKinds : kPluginKind)) {
      last.blamed_kind = kind;
      last.blamed = on_engine ? box.policies[box.active.load() % 2][kind - 1] : box.candidate;
    }
  }
  const std::uint64_t count = box.decisions.load();
  for (std::uint64_t i = count > BlackBoxContent::kDecisions ? count - BlackBoxContent::kDecisions : 0; i < count; ++i)
    last.decisions.push_back(box.decision[i % BlackBoxContent::kDecisions]);
  return last;
}

}  // namespace

Result<BlackBox> BlackBox::open(const std::string& path) {
  const auto failed = [&path] { return unavailable(path + ": " + std::strerror(errno)); };
  BlackBox box;
  box.file_ = ipc::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!box.file_) return failed();
  if (::flock(box.file_.get(), LOCK_EX | LOCK_NB) != 0)
    return unavailable(path + ": another lithosd uses this state folder");
  if (::ftruncate(box.file_.get(), sizeof(BlackBoxContent)) != 0) return failed();
  box.map_ = ipc::Mapping(box.file_.get(), sizeof(BlackBoxContent), true);
  if (!box.map_) return failed();
  BlackBoxContent& content = box.content();
  if (content.magic == BlackBoxContent::kMagic) box.last_ = read_last_end(content);
  std::memset(box.map_.get(), 0, sizeof(BlackBoxContent));
  new (box.map_.get()) BlackBoxContent{};
  content.magic = BlackBoxContent::kMagic;
  content.running.store(1);
  return box;
}

void BlackBox::set_next(PolicyKind kind, const std::string& id, const std::string& path, const std::string& hash) {
  content().policies[1 - content().active.load(std::memory_order_relaxed)][index_of(kind)] = describe(id, path, hash);
}

void BlackBox::next_is_active() {
  content().active.store(1 - content().active.load(std::memory_order_relaxed), std::memory_order_release);
}

void BlackBox::set_candidate(PolicyKind kind, const std::string& id, const std::string& path, const std::string& hash) {
  set_candidate(static_cast<std::uint64_t>(kind), describe(id, path, hash));
}

void BlackBox::set_candidate_plugin(const std::string& id, const std::string& path, const std::string& hash) {
  set_candidate(kPluginKind, describe(id, path, hash));
}

void BlackBox::set_candidate(std::uint64_t kind, const BlackBoxPolicy& candidate) {
  content().candidate = candidate;
  content().control.kind.store(kind, std::memory_order_relaxed);
}

void BlackBox::add_decision(const BlackBoxDecision& decision) {
  BlackBoxContent& box = content();
  const std::uint64_t count = box.decisions.load(std::memory_order_relaxed);
  box.decision[count % BlackBoxContent::kDecisions] = decision;
  box.decisions.store(count + 1, std::memory_order_release);
}

void BlackBox::start_hung(const char* step) {
  copy_text(content().start_step, step);
  content().hung.store(kHungStart);
}

void BlackBox::orderly_end() { content().running.store(0); }

void BlackBox::this_is_the_engine_thread() {
  content().engine_thread.store(static_cast<std::uint64_t>(::syscall(SYS_gettid)));
  thread_local std::vector<char> stack(kSignalStackBytes);
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  ::sigaltstack(&alternative, nullptr);
}

void BlackBox::catch_fatal_signals() {
  signal_target.store(&content());
  for (const int signal : kFatalSignals) {
    struct sigaction action {};
    action.sa_handler = &on_fatal_signal;
    action.sa_flags = SA_ONSTACK | SA_RESETHAND;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace lithos
