// SPDX-License-Identifier: Apache-2.0
// The admin socket: one JSON object per line, {"id": 1, "req": "status", "args": {…}} → {"id": 1, "ok": …} or {"id":
// 1, "error": {"code": "…", "message": "…"}}. docs/operate.md lists the requests. With "progress": true in the request,
// lines {"id": 1, "progress": "load"} precede the answer while a change goes through its steps.
//
// Everybody may read; changing things takes the daemon's own user or root (SO_PEERCRED). Requests are carried out one
// at a time, in the order in which they arrive. Lines are bounded, and so are clients. Runs on the control thread:
// run() returns when stop() was called.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/status.hpp"
#include "daemon/json.hpp"
#include "ipc/fd.hpp"

namespace lithos {

struct AdminRequest {
  std::string name;
  Json arguments;
  bool may_change = false;
  std::function<void(const std::string&)>
      progress;  // tells the client what is going on; empty: it does not want to know
};

class AdminServer {
 public:
  using Handler = std::function<Result<Json>(const AdminRequest&)>;
  AdminServer(Handler handler, std::function<void()> tick);

  Status listen(const std::string& path);
  // Until stop(): answers requests, and calls `tick` about ten times a second.
  void run();
  void stop();  // any thread, and from signal handlers
  void wake();  // likewise: a tick now

 private:
  struct Client {
    ipc::Fd socket;
    bool may_change = false;
    std::string in, out;
  };
  void accept_clients();
  bool read(Client& client);  // false: it is gone
  bool flush(Client& client);
  std::string answer(Client& client, const std::string& line);

  const Handler handler_;
  const std::function<void()> tick_;
  std::string path_;
  ipc::Fd listener_, wake_;
  std::map<int, Client> clients_;
  std::atomic<bool> stopping_ = false, tick_now_ = false;
};

}  // namespace lithos
