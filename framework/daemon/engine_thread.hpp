// SPDX-License-Identifier: Apache-2.0
// The engine thread: waits for sockets, wakes and time, and lets the engine room work. It owns the listening socket
// for tenants.
//
// It sleeps whenever nothing is due: without work it uses no CPU, under load at most one core. Other threads reach it
// through the mailbox only. start() and stop() from one control thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "daemon/engine_room.hpp"
#include "daemon/mailbox.hpp"

namespace lithos {

struct EngineThreadOptions {
  std::string socket;              // for tenants
  unsigned socket_mode = 0666;     // every user may run a tenant
  Nanoseconds spin_below{30'000};  // what is due so soon is waited for awake: a sleep would overshoot
  std::function<void()> at_start;  // on the engine thread, before anything else
};

class EngineThread {
 public:
  EngineThread(const EngineThreadOptions& options, const EngineRoomConfig& config, std::shared_ptr<PolicySet> policies);
  ~EngineThread();

  Status start();  // unavailable: the socket cannot be had
  void stop();

  Mailbox& mailbox() { return mailbox_; }
  EngineRoom& room() { return *room_; }  // from within the mailbox only

  // For the watchdog, any thread: since when the present step has been going on; 0: it sleeps.
  Nanoseconds stepping_since() const { return Nanoseconds{stepping_since_.load(std::memory_order_relaxed)}; }
  std::uint64_t steps() const { return steps_.load(std::memory_order_relaxed); }

 private:
  void run();
  void sleep(Nanoseconds now, Nanoseconds until);
  void handle(std::uint64_t tag, std::uint32_t events);
  void accept_visitors();
  void look_at_sockets(std::int64_t timeout_ns);
  void drop(std::uint64_t key);

  const EngineThreadOptions options_;
  ipc::Fd wake_event_, epoll_, listener_;
  Mailbox mailbox_;
  std::unique_ptr<EngineRoom> room_;
  std::map<std::uint64_t, ipc::Fd> pidfds_;  // by session key
  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> stepping_since_ = 0;
  std::atomic<std::uint64_t> steps_ = 0;
  std::thread thread_;
};

}  // namespace lithos
