// SPDX-License-Identifier: Apache-2.0
#include "daemon/engine_thread.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "daemon/clock.hpp"

namespace lithos {
namespace {

// What an epoll event is about: the session's key in the upper bits, which descriptor of it in the lowest.
constexpr std::uint64_t kListener = 0, kWake = 1;
constexpr std::uint64_t kSocketOf = 0, kProcessOf = 1;
constexpr std::uint64_t tag_of(std::uint64_t key, std::uint64_t which) { return (key + 1) << 1 | which; }

constexpr unsigned kLookEvery = 64;  // busy steps between two looks at the sockets
constexpr int kEventsMax = 32;
constexpr Nanoseconds kLongestSleep{1'000'000'000};

int peer_pid(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 ? credentials.pid : 0;
}

bool watch(int epoll, int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

EngineThread::EngineThread(const EngineThreadOptions& options, const EngineRoomConfig& config,
                           std::shared_ptr<PolicySet> policies)
    : options_(options),
      wake_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      mailbox_(wake_event_.get()),
      room_(std::make_unique<EngineRoom>(config, std::move(policies), wake_event_.get())) {}

EngineThread::~EngineThread() { stop(); }

Status EngineThread::start() {
  if (!wake_event_ || !epoll_) return unavailable(std::string("no event descriptors: ") + std::strerror(errno));
  Result<ipc::Fd> listener = ipc::listen_at(options_.socket, options_.socket_mode, SOCK_SEQPACKET);
  if (!listener.ok()) return listener.status();
  listener_ = std::move(listener).value();
  if (!watch(epoll_.get(), listener_.get(), kListener) || !watch(epoll_.get(), wake_event_.get(), kWake))
    return unavailable(std::string("epoll: ") + std::strerror(errno));
  thread_ = std::thread([this] { run(); });
  return {};
}

void EngineThread::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  mailbox_.post([] {});
  thread_.join();
  listener_.reset();
  ::unlink(options_.socket.c_str());
}

void EngineThread::run() {
  ::prctl(PR_SET_NAME, "lithosd-engine");
  ::prctl(PR_SET_TIMERSLACK, 1);
  if (options_.at_start) options_.at_start();
  unsigned busy_steps = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const Nanoseconds now = monotonic_now();
    stepping_since_.store(now.count(), std::memory_order_relaxed);
    steps_.fetch_add(1, std::memory_order_relaxed);
    mailbox_.run();
    const bool busy = room_->step(now);
    if (++busy_steps % kLookEvery == 0) look_at_sockets(0);
    if (busy) continue;
    const Nanoseconds next = room_->next(now);
    if (next - now <= options_.spin_below) continue;
    sleep(now, std::min(next, now + kLongestSleep));
  }
}

void EngineThread::sleep(Nanoseconds now, Nanoseconds until) {
  if (!room_->about_to_sleep()) return;
  if (!mailbox_.pending()) {
    stepping_since_.store(0, std::memory_order_relaxed);
    look_at_sockets((until - now).count());
  }
  room_->awake();
}

void EngineThread::look_at_sockets(std::int64_t timeout_ns) {
  epoll_event events[kEventsMax];
  const timespec limit{static_cast<time_t>(timeout_ns / 1'000'000'000), static_cast<long>(timeout_ns % 1'000'000'000)};
  const int count = ::epoll_pwait2(epoll_.get(), events, kEventsMax, &limit, nullptr);
  for (int i = 0; i < count; ++i) handle(events[i].data.u64, events[i].events);
}

void EngineThread::handle(std::uint64_t tag, std::uint32_t) {
  if (tag == kListener) return accept_visitors();
  if (tag == kWake) {
    std::uint64_t count;
    [[maybe_unused]] const ssize_t got = ::read(wake_event_.get(), &count, sizeof count);
    return;
  }
  const std::uint64_t key = (tag >> 1) - 1;
  if ((tag & 1) == kProcessOf) {
    room_->hang_up(key);
    drop(key);
  } else if (!room_->read(key)) {
    drop(key);
  }
}

void EngineThread::accept_visitors() {
  for (;;) {
    ipc::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    const int fd = socket.get(), pid = peer_pid(fd);
    const std::uint64_t key = room_->add_visitor(ipc::Channel(std::move(socket)), pid);
    if (key == 0) continue;
    if (!watch(epoll_.get(), fd, tag_of(key, kSocketOf))) room_->hang_up(key);
    // The socket hangs up only when its last copy is closed; the process's end is certain. (Not in other pid
    // namespaces.)
    ipc::Fd process(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
    if (process && watch(epoll_.get(), process.get(), tag_of(key, kProcessOf))) pidfds_[key] = std::move(process);
  }
}

// The descriptors leave epoll when they are closed: the socket with its session at the end of the step, the process
// here.
void EngineThread::drop(std::uint64_t key) { pidfds_.erase(key); }

}  // namespace lithos
