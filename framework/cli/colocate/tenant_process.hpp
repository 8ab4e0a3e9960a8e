// SPDX-License-Identifier: Apache-2.0
// A tenant of `lithos bench colocate`: any program that speaks this protocol, a JSON object a line, on its stdin and stdout:
//   it says      {"ready": true, …}                                                      once it can serve
//   is asked     {"do": "serve", "arrivals": FILE, "seconds": S, "start_at": T, "late_s": L, "times": FILE}
//   and answers  {"arrivals": N, "done": N, …} when it has served them all, or is L seconds late; FILE then has a line
//                "latency_ns service_ns" for each request that is done, in the order of arrival
//   or           {"do": "loop", "seconds": S, "start_at": T, "times": FILE}
//   and answers  {"iterations": N, …}; FILE: the time of each iteration's end, in ns after the start
//   and ends on  {"do": "quit"} and at the end of its input.
// `arrivals` holds one time in microseconds a line; T is Unix time in seconds. "checksum" in an answer is compared where runs must be
// equal. Errors: unavailable, with what it did. One thread.
#pragma once

#include <string>

#include "base/status.hpp"
#include "base/time.hpp"
#include "cli/up/child_process.hpp"
#include "daemon/json.hpp"

namespace lithos {

class TenantProcess {
 public:
  static Result<TenantProcess> start(const std::string& name, Launch launch);

  const std::string& name() const { return name_; }
  pid_t pid() const { return process_.pid(); }
  Status wait_ready(Nanoseconds at_most);
  Status ask(const Json& request);
  Result<Json> answer(Nanoseconds at_most);
  // Asks it to end. False: it had to be killed, and if it was in a kernel, MPS may have suffered (GPU.md §8).
  bool end();

 private:
  TenantProcess(std::string name, ChildProcess process) : name_(std::move(name)), process_(std::move(process)) {}
  Status failed(const Status& status, const std::string& doing);

  std::string name_;
  ChildProcess process_;
};

}  // namespace lithos
