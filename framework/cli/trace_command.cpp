// SPDX-License-Identifier: Apache-2.0
// lithos trace: a timeline of a running lithosd, and a timeline as a workload for the simulator.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "cli/trace/perfetto_reader.hpp"
#include "cli/trace/recorded_workload.hpp"
#include "config/read_file.hpp"
#include "daemon/admin_client.hpp"

namespace lithos {
namespace {

constexpr std::size_t kMaxTraceBytes = std::size_t{4} << 30;
constexpr std::chrono::milliseconds kLookEvery{50};

volatile std::sig_atomic_t interrupted = 0;

// Until the time is over or somebody presses Ctrl-C: then the trace ends early and is as good as it is.
void wait(Nanoseconds duration) {
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  const auto until = std::chrono::steady_clock::now() + duration;
  while (interrupted == 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kLookEvery);
}

// What the exporter has done so far, by its name.
Json report_of(AdminClient& client, const std::string& name) {
  const Result<Json> plugins = client.ask("plugin.list");
  if (plugins.ok() && plugins.value().items() != nullptr)
    for (const Json& one : *plugins.value().items())
      if (one.text_of("name") == name) return one;
  return Json::object();
}

// The report of the exporter at its end. Should this process be killed, the file is full some time and the exporter idle.
Result<Json> record(AdminClient& client, const TraceArguments& arguments) {
  Json params = Json::object(), start = Json::object(), stop = Json::object();
  params.set("path", std::filesystem::absolute(arguments.out).string()).set("most_mib", arguments.most_mib);
  const Result<Json> started = client.ask("plugin.start", start.set("exporter", "perfetto").set("params", params));
  if (!started.ok()) return started;
  const std::string name = started.value().text() != nullptr ? *started.value().text() : "";
  wait(arguments.duration);
  Json report = report_of(client, name);
  const Result<Json> stopped = client.ask("plugin.stop", stop.set("name", name));
  return stopped.ok() ? Result<Json>(std::move(report)) : stopped;
}

}  // namespace

ExitCode run_trace(const TraceArguments& arguments, Console& console) {
  Result<AdminClient> client = AdminClient::connect(run_folder(arguments.run_folder) + "/admin.sock");
  if (!client.ok()) {
    console.err << "lithos: " << client.status().message() << "\n";
    return ExitCode::unreachable;
  }
  const Result<Json> done = record(client.value(), arguments);
  if (!done.ok()) {
    console.err << "lithos: " << done.status().message() << "\n";
    return ExitCode::refused;
  }
  const Json& report = done.value();
  console.err << fmt::format("{}: {} events; open it in ui.perfetto.dev\n", arguments.out, report.integer_of("events"));
  if (report.integer_of("events_dropped") > 0)
    console.err << fmt::format(
        "{} events are missing: the disk or this machine was too slow for them; the trace says where\n",
        report.integer_of("events_dropped"));
  return ExitCode::ok;
}

ExitCode run_trace_convert(const TraceConvertArguments& arguments, Console& console) {
  const Result<std::string> bytes = read_text_file(arguments.trace, kMaxTraceBytes);
  const Result<PerfettoTrace> trace = bytes.ok() ? read_perfetto(bytes.value()) : bytes.status();
  const Result<std::vector<RecordedTenant>> tenants = trace.ok() ? workload_of(trace.value()) : trace.status();
  if (!tenants.ok()) {
    console.err << fmt::format("lithos trace convert: {}: {}\n", arguments.trace, tenants.status().message());
    return ExitCode::bad_input;
  }
  if (const Status written = write_workload(tenants.value(), arguments.out); !written.ok()) {
    console.err << "lithos trace convert: " << written.message() << "\n";
    return ExitCode::failed;
  }
  for (const RecordedTenant& tenant : tenants.value())
    console.out << fmt::format("{}: {} kernels a request{}, {} requests seen\n", tenant.name, tenant.kernels.size(),
                               tenant.graph ? " as a graph" : "", tenant.arrivals_us.size());
  console.out << fmt::format("run it: lithos sim --config {}\n",
                             (std::filesystem::path(arguments.out) / "workload.toml").string());
  return ExitCode::ok;
}

}  // namespace lithos
