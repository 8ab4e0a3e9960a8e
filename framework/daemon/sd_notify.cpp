// SPDX-License-Identifier: Apache-2.0
#include "daemon/sd_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "ipc/fd.hpp"

namespace lithos {

void sd_notify(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || *path == '\0' || std::strlen(path) >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // abstract
  const ipc::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                 size);
}

Nanoseconds sd_watchdog_interval() {
  const char* pid = std::getenv("WATCHDOG_PID");  // inherited from somebody who was meant?
  if (pid != nullptr && std::atoll(pid) != ::getpid()) return Nanoseconds{0};
  const char* text = std::getenv("WATCHDOG_USEC");
  const long long us = text != nullptr ? std::atoll(text) : 0;
  return us > 0 ? Nanoseconds{us * 1000 / 2} : Nanoseconds{0};
}

}  // namespace lithos
