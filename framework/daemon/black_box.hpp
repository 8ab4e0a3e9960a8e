// SPDX-License-Identifier: Apache-2.0
// The black box: a small file mapped into the daemon's memory, so that what was written last survives the process,
// however it ended.
//
// It says which policy was being asked (marks), which policies were in force, what the engine decided last, and which
// signal ended the process. After a crash or a hang the next daemon reads it and knows whom to blame. Writing is a
// few relaxed stores: cheap enough for every policy call. The file belongs to one daemon at a time (locked).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "ipc/fd.hpp"
#include "policy_host/kinds.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

struct BlackBoxPolicy {
  char id[96];
  char path[256];
  char hash[20];
};

struct BlackBoxDecision {
  std::uint64_t at_ns;
  std::uint32_t tenant, own_tpcs, borrowed_tpcs, lenders;
  std::uint64_t lease_generation;
};

inline constexpr std::uint64_t kPluginKind = kPolicyKinds + 1;  // beside the kinds of policies: a plugin being created
inline constexpr std::uint64_t kHungEngine = 1, kHungControl = 2, kHungStart = 3;

// As it lies in the file.
struct BlackBoxContent {
  static constexpr std::uint64_t kMagic = 0x32'30'58'4f'42'4b'4c'42u;  // "BLKBOX02"
  static constexpr std::size_t kDecisions = 256;
  std::uint64_t magic;
  std::atomic<std::uint64_t> running;        // 1 from start to an orderly end
  std::atomic<std::uint64_t> signal;         // that ended the process; 0: none seen
  std::atomic<std::uint64_t> signal_thread;  // the thread that it hit
  std::atomic<std::uint64_t> engine_thread;
  std::atomic<std::uint64_t> hung;                    // the watchdog ended it: kHung*
  PolicyCallMark engine;                              // asked by the engine thread
  PolicyCallMark control;                             // being created or destroyed by the control thread; also kPluginKind
  std::array<std::array<BlackBoxPolicy, kPolicyKinds>, 2> policies;  // two sets
  std::atomic<std::uint64_t> active;                                 // … of which this one is behind `engine`
  BlackBoxPolicy candidate;                           // behind `control`
  std::atomic<std::uint64_t> decisions;               // counts up; the newest is at (decisions - 1) % kDecisions
  std::array<BlackBoxDecision, kDecisions> decision;
  char start_step[48];  // kHungStart: where it stood still
};

// How the last daemon ended.
struct LastEnd {
  bool crashed = false;  // not in an orderly way
  bool hung = false;
  std::string start_step;  // not empty: it had not come up yet, and stood still there
  int signal = 0;
  std::uint64_t blamed_kind = 0;  // PolicyKind of the policy that ran when it happened, or kPluginKind; 0: nobody
  BlackBoxPolicy blamed{};
  std::vector<BlackBoxDecision> decisions;  // oldest first
};

class BlackBox {
 public:
  // Opens or makes the file. unavailable: it cannot be had, or another daemon uses it.
  static Result<BlackBox> open(const std::string& path);
  BlackBox(BlackBox&&) noexcept = default;
  BlackBox& operator=(BlackBox&&) noexcept = default;

  const LastEnd& last_end() const { return last_; }
  BlackBoxContent& content() { return *static_cast<BlackBoxContent*>(map_.get()); }

  // The set that comes next, then that it is in force: one store on the engine's thread, between two decisions.
  void set_next(PolicyKind kind, const std::string& id, const std::string& path, const std::string& hash);
  void next_is_active();
  void set_candidate(PolicyKind kind, const std::string& id, const std::string& path, const std::string& hash);
  void set_candidate_plugin(const std::string& id, const std::string& path, const std::string& hash);
  void clear_candidate() { content().control.kind.store(0, std::memory_order_relaxed); }
  void add_decision(const BlackBoxDecision& decision);
  void start_hung(const char* step);
  void orderly_end();

  void this_is_the_engine_thread();  // also gives it a stack for signals, so that a stack overflow leaves a trace
  // Writes the number of a fatal signal into this box and lets it end the process. Once per process; the box must not
  // be destroyed afterwards.
  void catch_fatal_signals();

 private:
  BlackBox() = default;
  void set_candidate(std::uint64_t kind, const BlackBoxPolicy& candidate);
  ipc::Fd file_;
  ipc::Mapping map_;
  LastEnd last_;
};

}  // namespace lithos
