// SPDX-License-Identifier: Apache-2.0
#include "daemon/admin_server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "daemon/admin_client.hpp"
#include "daemon/clock.hpp"
#include "ipc/channel.hpp"

namespace lithos {
namespace {

constexpr std::size_t kLineBytesMax = 1 << 20;
constexpr std::size_t kClientsMax = 64;
constexpr Nanoseconds kTickEvery{100'000'000};

bool is_privileged(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return false;
  return credentials.uid == 0 || credentials.uid == ::geteuid();
}

}  // namespace

AdminServer::AdminServer(Handler handler, std::function<void()> tick)
    : handler_(std::move(handler)), tick_(std::move(tick)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status AdminServer::listen(const std::string& path) {
  Result<ipc::Fd> made = ipc::listen_at(path, 0666, SOCK_STREAM);
  if (!made.ok()) return made.status();
  listener_ = std::move(made).value();
  path_ = path;
  return {};
}

void AdminServer::stop() {
  stopping_.store(true);
  wake();
}

void AdminServer::wake() {
  tick_now_.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void AdminServer::run() {
  Nanoseconds next_tick = monotonic_now() + kTickEvery;
  std::vector<pollfd> fds;
  while (!stopping_.load()) {
    fds.assign({{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}});
    for (const auto& [fd, client] : clients_)
      fds.push_back({fd, static_cast<short>(client.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    const Nanoseconds left = next_tick - monotonic_now();
    ::poll(fds.data(), fds.size(), left.count() <= 0 ? 0 : static_cast<int>(left.count() / 1'000'000) + 1);
    if ((fds[0].revents & POLLIN) != 0) {
      std::uint64_t count;
      [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
    }
    for (std::size_t i = 2; i < fds.size(); ++i) {
      Client& client = clients_[fds[i].fd];
      const bool alive = (fds[i].revents == 0 || read(client)) && flush(client);
      if (!alive) clients_.erase(fds[i].fd);
    }
    if ((fds[1].revents & POLLIN) != 0) accept_clients();
    if (monotonic_now() < next_tick && !tick_now_.exchange(false)) continue;
    tick_();
    next_tick = monotonic_now() + kTickEvery;
  }
  clients_.clear();
  listener_.reset();
  if (!path_.empty()) ::unlink(path_.c_str());
}

void AdminServer::accept_clients() {
  for (;;) {
    ipc::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (clients_.size() >= kClientsMax) continue;  // closed at once
    const int fd = socket.get();
    Client& client = clients_[fd];
    client.may_change = is_privileged(fd);
    client.socket = std::move(socket);
  }
}

bool AdminServer::read(Client& client) {
  char bytes[16 * 1024];
  for (;;) {
    const ssize_t got = ::recv(client.socket.get(), bytes, sizeof bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) return false;
    client.in.append(bytes, static_cast<std::size_t>(got));
    if (client.in.size() > kLineBytesMax) return false;
  }
  for (std::size_t end; (end = client.in.find('\n')) != std::string::npos;) {
    const std::string line = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    if (line.empty()) continue;
    const std::string reply = answer(client, line);  // progress goes out first
    client.out += reply + "\n";
  }
  return true;
}

bool AdminServer::flush(Client& client) {
  while (!client.out.empty()) {
    const ssize_t sent = ::send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return (errno == EAGAIN || errno == EWOULDBLOCK) && client.out.size() <= 8 * kLineBytesMax;
    client.out.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

std::string AdminServer::answer(Client& client, const std::string& line) {
  Json reply = Json::object();
  const Result<Json> message = Json::parse(line);
  const Json id = message.ok() ? message.value()["id"] : Json();
  reply.set("id", id);
  std::function<void(const std::string&)> progress;
  if (message.ok() && message.value().flag_of("progress"))
    progress = [this, &client, &id](const std::string& what) {
      Json news = Json::object();
      client.out += news.set("id", id).set("progress", what).dump() + "\n";
      (void)flush(client);  // as far as it goes; a client that has gone is noticed later
    };
  Result<Json> result = invalid_argument("expected one JSON object a line: {\"id\": 1, \"req\": \"status\"}");
  if (message.ok() && message.value().is_object())
    result = handler_({message.value().text_of("req"), message.value()["args"], client.may_change, progress});
  if (result.ok()) {
    reply.set("ok", result.value());
  } else {
    Json error = Json::object();
    reply.set("error", error.set("code", name_of(result.status().code())).set("message", result.status().message()));
  }
  return reply.dump();
}

}  // namespace lithos
