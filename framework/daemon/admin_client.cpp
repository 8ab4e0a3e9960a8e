// SPDX-License-Identifier: Apache-2.0
#include "daemon/admin_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "daemon/clock.hpp"
#include "ipc/channel.hpp"

namespace lithos {
namespace {

constexpr std::array<const char*, 7> kCodeNames{"ok",        "invalid_argument", "not_found", "incompatible",
                                                "exhausted", "unavailable",      "internal"};

}  // namespace

const char* name_of(StatusCode code) { return kCodeNames[static_cast<std::size_t>(code)]; }

StatusCode status_code_named(const std::string& name) {
  for (std::size_t i = 1; i < kCodeNames.size(); ++i)
    if (name == kCodeNames[i]) return static_cast<StatusCode>(i);
  return StatusCode::internal;
}

Result<AdminClient> AdminClient::connect(const std::string& socket) {
  Result<ipc::Fd> connected = ipc::connect_to(socket, SOCK_STREAM);
  if (!connected.ok()) return Status(connected.status().code(), connected.status().message() + "; is lithosd running?");
  return AdminClient(std::move(connected).value());
}

Result<std::string> AdminClient::read_line(Nanoseconds at_most) {
  const Nanoseconds until = monotonic_now() + at_most;
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const Nanoseconds left = until - monotonic_now();
    pollfd wait{socket_.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count() / 1'000'000) + 1) == 0)
      return unavailable("lithosd did not answer in time");
    char bytes[16 * 1024];
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return unavailable("lithosd closed the connection");
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
}

Status AdminClient::send(const Json& message) {
  const std::string line = message.dump() + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t done = ::send(socket_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return unavailable("lithosd closed the connection");
    sent += static_cast<std::size_t>(done);
  }
  return {};
}

Result<Json> AdminClient::ask(const std::string& request, const Json& arguments, Nanoseconds at_most) {
  return ask(request, arguments, {}, at_most);
}

Result<Json> AdminClient::ask(const std::string& request, const Json& arguments,
                              const std::function<void(const std::string&)>& progress, Nanoseconds at_most) {
  Json message = Json::object();
  message.set("id", next_id_++).set("req", request).set("args", arguments);
  if (progress) message.set("progress", true);
  if (Status status = send(message); !status.ok()) return status;
  for (;;) {
    Result<std::string> line = read_line(at_most);
    if (!line.ok()) return line.status();
    Result<Json> json = Json::parse(line.value());
    if (!json.ok()) return internal_error("lithosd's answer is not JSON");
    if (const std::string* step = json.value()["progress"].text(); step != nullptr) {
      if (progress) progress(*step);
      continue;
    }
    const Json& error = json.value()["error"];
    if (error.is_object()) return Status(status_code_named(error.text_of("code")), error.text_of("message"));
    return json.value()["ok"];
  }
}

}  // namespace lithos
