// SPDX-License-Identifier: Apache-2.0
#include "ipc/channel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace lithos::ipc {
namespace {

constexpr int kBacklog = 64;
constexpr unsigned kFdsMax = 8;
constexpr timeval kConnectLimit{2, 0};  // while the listener's queue is full

Status address_of(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return invalid_argument("socket path \"" + path + "\": expected 1 … " +
                            std::to_string(sizeof address.sun_path - 1) + " bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  return {};
}

Status failed(const std::string& what) { return unavailable(what + ": " + std::strerror(errno)); }

// Never waits: somebody who listens and does not come to his visitors has a full queue, and is there all the same.
bool somebody_listens(const sockaddr_un& address, int type) {
  const Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return socket && (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
                    errno == EAGAIN);
}

}  // namespace

Result<Fd> connect_to(const std::string& path, int type) {
  sockaddr_un address;
  if (Status status = address_of(path, address); !status.ok()) return status;
  Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return failed("cannot make a socket");
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kConnectLimit, sizeof kConnectLimit);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("nobody answers at " + path);
  return socket;
}

Result<Fd> listen_at(const std::string& path, unsigned mode, int type) {
  sockaddr_un address;
  if (Status status = address_of(path, address); !status.ok()) return status;
  if (somebody_listens(address, type)) return unavailable(path + ": somebody listens there already");
  Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed("cannot make a socket");
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());  // left behind by a crash
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed(path);
  if (::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), kBacklog) != 0) return failed(path);
  return socket;
}

Channel::Channel(Fd socket) : socket_(std::move(socket)), buffer_(socket_ ? kMessageBytesMax : 0) {}

Status Channel::send(std::span<const std::byte> bytes, std::span<const int> fds) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kFdsMax * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    if (fds.size() > kFdsMax) return internal_error("too many descriptors for one message");
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  for (;;) {
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return exhausted("the other side does not read");
    return failed("cannot send");
  }
}

Channel::Got Channel::receive(Received& out) {
  out.fds.clear();
  iovec part{buffer_.data(), buffer_.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kFdsMax * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do { got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Got::nothing : Got::closed;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
      out.fds.emplace_back(fd);
    }
  }
  const auto bytes = static_cast<std::size_t>(got);
  if (bytes < sizeof(MessageHead) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Got::closed;
  std::memcpy(&out.head, buffer_.data(), sizeof(MessageHead));
  if (out.head.bytes != bytes) return Got::closed;
  out.bytes = {buffer_.data(), bytes};
  return Got::message;
}

bool Channel::wait_for(Received& out, Nanoseconds at_most) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + at_most;
  for (;;) {
    const Got got = receive(out);
    if (got != Got::nothing) return got == Got::message;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count() + 1;
    if (Clock::now() >= until) return false;
    pollfd wait{socket_.get(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(left));
  }
}

}  // namespace lithos::ipc
