// SPDX-License-Identifier: Apache-2.0
// The unix socket between daemon and tenants: datagrams that keep their order, with descriptors beside them
// (SOCK_SEQPACKET, SCM_RIGHTS). Thin over the system calls; never waits unless told to, never raises SIGPIPE. Not for
// more than one thread.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "ipc/fd.hpp"
#include "ipc/messages.hpp"

namespace lithos::ipc {

// Listens at a path, which is taken over if nobody listens there any more. Mode of the socket file: `mode`.
Result<Fd> listen_at(const std::string& path, unsigned mode, int type);
// Waits two seconds at most for somebody who listens and whose queue is full. So long a send on this socket may wait, too.
Result<Fd> connect_to(const std::string& path, int type);

struct Received {
  MessageHead head;
  std::span<const std::byte> bytes;  // the whole message; valid until the next receive
  std::vector<Fd> fds;

  // The message as a struct; nullptr if it is shorter than one.
  template <class T>
  const T* as() const {
    return bytes.size() >= sizeof(T) ? reinterpret_cast<const T*>(bytes.data()) : nullptr;
  }
};

class Channel {
 public:
  enum class Got { message, nothing, closed };  // closed: also for a message that is not one

  explicit Channel(Fd socket);

  int fd() const { return socket_.get(); }
  explicit operator bool() const { return static_cast<bool>(socket_); }
  void close() { socket_.reset(); }

  // exhausted: the other side does not read (nothing was sent); unavailable: it has gone.
  Status send(std::span<const std::byte> bytes, std::span<const int> fds = {});
  template <class T>
  Status send(T& message, MessageType type, std::span<const int> fds = {}) {
    message.head = {type, sizeof(T)};
    return send(std::as_bytes(std::span(&message, 1)), fds);
  }

  Got receive(Received& out);
  // Waits for the next message, at most so long. False: nothing came, or it is closed.
  bool wait_for(Received& out, Nanoseconds at_most);

 private:
  Fd socket_;
  std::vector<std::byte> buffer_;
};

}  // namespace lithos::ipc
