// SPDX-License-Identifier: Apache-2.0
// The commands that talk to a running lithosd: words to a request, the answer to text.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/daemon_report.hpp"
#include "cli/daemon_request.hpp"
#include "cli/installation.hpp"
#include "daemon/admin_client.hpp"

namespace lithos {

ExitCode run_daemon_request(const DaemonArguments& arguments, Console& console) {
  const Result<Json> request = request_arguments(arguments);
  if (!request.ok()) {
    console.err << "lithos: " << request.status().message() << "\n";
    return ExitCode::usage;
  }
  Result<AdminClient> client = AdminClient::connect(run_folder(arguments.run_folder) + "/admin.sock");
  if (!client.ok()) {
    console.err << "lithos: " << client.status().message() << "\n";
    return ExitCode::unreachable;
  }
  const auto progress = [&](const std::string& step) { console.err << step << "\n" << std::flush; };
  const bool long_one = !arguments.json && (arguments.request == "policy.swap" || arguments.request == "config.apply");
  const Result<Json> answer = long_one ? client.value().ask(arguments.request, request.value(), progress)
                                       : client.value().ask(arguments.request, request.value());
  if (!answer.ok()) {
    console.err << "lithos: " << answer.status().message() << "\n";
    return ExitCode::refused;
  }
  console.out << (arguments.json ? answer.value().dump() + "\n"
                                 : render_answer(arguments.request, answer.value(), console.colour));
  return ExitCode::ok;
}

}  // namespace lithos
