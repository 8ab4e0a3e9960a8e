// SPDX-License-Identifier: Apache-2.0
// lithos-tenant: replays the trace of one configured tenant against a running lithosd. Prints one JSON object at the
// end.
//   lithos-tenant --socket PATH --config FILE --name TENANT [--duration 10s] [--requests N] [--kernels N]
#include <getopt.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "daemon/replay.hpp"

namespace {

std::atomic<bool> stop = false;

constexpr const char* kUsage =
    "usage: lithos-tenant --socket PATH --config FILE --name TENANT [options]\n"
    "  --socket PATH         where lithosd lets tenants attach: tenants.sock in its --run-dir\n"
    "  --config FILE         the configuration that has the tenant\n"
    "  --name TENANT         which of its tenants to be\n"
    "  --duration TIME       how long to make requests (default 10s)\n"
    "  --requests N          at most so many requests\n"
    "  --kernels N           at most so many kernels of each request\n"
    "  --help, --version     this text; the version\n"
    "Exit codes: 0 all that was launched has ended, 1 something has not, 2 wrong usage, 3 configuration invalid.\n";

int usage() {
  std::fputs(kUsage, stderr);
  return 2;
}

int answer(const char* text) { return std::fputs(text, stdout) < 0 ? 1 : 0; }

int fail(const lithos::Status& status) {
  std::fprintf(stderr, "lithos-tenant: %s\n", status.message().c_str());
  return status.code() == lithos::StatusCode::invalid_argument || status.code() == lithos::StatusCode::not_found ? 3
                                                                                                                 : 1;
}

void print(const lithos::ReplayReport& report) {
  const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "{\"requests\": %llu, \"launches\": %llu, \"launches_ended\": %llu, \"blocks_launched\": %llu, "
      "\"blocks_completed\": %llu, "
      "\"finished\": %s, \"attached\": %llu, \"resubmitted\": %llu, \"records_dropped\": %llu, \"refused_by_device\": "
      "%llu, "
      "\"wakes_paid\": %llu, \"latency_p50_us\": %.1f, \"latency_p99_us\": %.1f}\n",
      n(report.requests), n(report.launches), n(report.launches_ended), n(report.blocks_launched),
      n(report.blocks_completed), report.finished ? "true" : "false", n(report.attached), n(report.resubmitted),
      n(report.records_dropped), n(report.refused_by_device), n(report.wakes_paid), lithos::to_us(report.latency_p50),
      lithos::to_us(report.latency_p99));
}

}  // namespace

int main(int argc, char** argv) {
  lithos::ReplayOptions options;
  std::string config_path;
  const option known[] = {{"socket", required_argument, nullptr, 's'},
                          {"config", required_argument, nullptr, 'c'},
                          {"name", required_argument, nullptr, 'n'},
                          {"duration", required_argument, nullptr, 'd'},
                          {"requests", required_argument, nullptr, 'r'},
                          {"kernels", required_argument, nullptr, 'k'},
                          {"help", no_argument, nullptr, 'H'},
                          {"version", no_argument, nullptr, 'V'},
                          {nullptr, 0, nullptr, 0}};
  for (int letter; (letter = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (letter) {
      case 's': options.socket = optarg; break;
      case 'c': config_path = optarg; break;
      case 'n': options.name = optarg; break;
      case 'r': options.requests_max = std::strtoull(optarg, nullptr, 10); break;
      case 'k': options.kernels_max = static_cast<std::uint32_t>(std::strtoul(optarg, nullptr, 10)); break;
      case 'd': {
        const lithos::Result<lithos::Nanoseconds> duration = lithos::parse_duration(optarg);
        if (!duration.ok()) return fail(duration.status());
        options.duration = duration.value();
        break;
      }
      case 'H': return answer(kUsage);
      case 'V': return answer("lithos-tenant " LITHOS_VERSION "\n");
      default: return usage();
    }
  }
  if (options.socket.empty() || options.name.empty() || config_path.empty()) return usage();
  const auto on_signal = [](int) { stop.store(true); };
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  options.stop = &stop;

  const lithos::ParsedConfig parsed = lithos::parse_config_file(config_path);
  if (!parsed.config) {
    for (const lithos::Diagnostic& wrong : parsed.diagnostics)
      std::fprintf(stderr, "%s\n", lithos::to_string(wrong).c_str());
    return 3;
  }
  const lithos::Result<lithos::ReplayReport> report = lithos::replay(*parsed.config, options);
  if (!report.ok()) return fail(report.status());
  print(report.value());
  return report.value().finished ? 0 : 1;
}
