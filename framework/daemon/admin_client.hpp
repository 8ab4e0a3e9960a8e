// SPDX-License-Identifier: Apache-2.0
// The other end of the admin socket, for the command line and for tests: one request, one answer. Any thread; one
// call at a time.
#pragma once

#include <functional>
#include <string>

#include "base/status.hpp"
#include "base/time.hpp"
#include "daemon/json.hpp"
#include "ipc/fd.hpp"

namespace lithos {

inline constexpr const char* kDefaultRunFolder = "/run/lithos";

class AdminClient {
 public:
  // unavailable: nobody answers there.
  static Result<AdminClient> connect(const std::string& socket);

  // The answer's "ok" member. Errors: the daemon's own (by its code), unavailable (it has gone or is silent).
  Result<Json> ask(const std::string& request, const Json& arguments = Json::object(),
                   Nanoseconds at_most = Nanoseconds{30'000'000'000});
  // Likewise; `progress` is called with each step that the daemon reports before it answers.
  Result<Json> ask(const std::string& request, const Json& arguments,
                   const std::function<void(const std::string&)>& progress,
                   Nanoseconds at_most = Nanoseconds{30'000'000'000});

 private:
  explicit AdminClient(ipc::Fd socket) : socket_(std::move(socket)) {}
  Status send(const Json& message);
  Result<std::string> read_line(Nanoseconds at_most);

  ipc::Fd socket_;
  std::string buffer_;
  std::int64_t next_id_ = 1;
};

const char* name_of(StatusCode code);  // "invalid_argument", … as in the protocol
StatusCode status_code_named(const std::string& name);

}  // namespace lithos
