// SPDX-License-Identifier: Apache-2.0
// lithosd: the daemon. docs/operate.md says how to run it.
#include <getopt.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "daemon/daemon.hpp"
#include "daemon/event_log.hpp"
#include "daemon/supervisor.hpp"

namespace {

using lithos::Daemon;
using lithos::DaemonOptions;

constexpr const char* kUsage =
    "usage: lithosd --config FILE [options]\n"
    "  --config FILE         who shares the GPU, and how (docs/reference/toml.md)\n"
    "  --device DEVICE       the GPU's TPC map as `lithos calibrate` writes it, or \"virtual\", which runs anywhere,\n"
    "                        with tenants in other processes (default)\n"
    "  --set NAME            which set of policies of the file (default: the only one, or \"lithos\")\n"
    "  --run-dir DIR         sockets: tenants.sock, admin.sock (default /run/lithos)\n"
    "  --state-dir DIR       last good configuration, quarantine, exit records (default /var/lib/lithos)\n"
    "  --keep-learned TIME   what is known of operators goes into the state folder so often and at the end, and is read\n"
    "                        at start (default: learn anew)\n"
    "  --policy-path DIR     search here for policies first (repeatable)\n"
    "  --probation TIME      how long the old policies stay warm after a change (default 10s)\n"
    "  --strikes N           faults within 10s that end a policy (default 10)\n"
    "  --quality-window TIME how long predictions are compared before a verdict (default 2s)\n"
    "  --quality-least N     comparisons without which there is no verdict (default 100)\n"
    "  --quality-tolerated PERCENT  mean error that is nobody's business (default 10)\n"
    "  --quality-worse TIMES the built-in predictor's error: more is a bad verdict (default 1.5)\n"
    "  --quality-windows N   bad verdicts in a row that end a predictor; 0: never (default 3)\n"
    "  --hang-limit TIME     a policy that takes longer ends the daemon (default 1s)\n"
    "  --start-limit TIME    a start that takes longer ends the daemon, which says at what (default 10s)\n"
    "  --plugin-path DIR     search here for plugins first (repeatable)\n"
    "  --log-format FORMAT   text, json or journal (default: journal under systemd, else text)\n"
    "  --supervise           restart at once after a crash (machines without systemd)\n"
    "  --help, --version     this text; the version\n"
    "SIGHUP applies the configuration again. Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 configuration invalid.\n";

Daemon* running = nullptr;

void on_stop(int) { running->stop(); }
void on_reload(int) { running->reload(); }

struct Arguments {
  DaemonOptions options;
  lithos::LogFormat log_format = lithos::default_log_format();
  bool supervise = false;
  const char* answer = nullptr;  // to --help and --version: nothing starts
};

// False: the line is wrong.
bool parse_time(const char* text, lithos::Nanoseconds& out) {
  const lithos::Result<lithos::Nanoseconds> time = lithos::parse_duration(text);
  if (time.ok()) out = time.value();
  else std::fprintf(stderr, "lithosd: %s\n", time.status().message().c_str());
  return time.ok() && out.count() > 0;
}

bool parse_log_format(const char* text, lithos::LogFormat& out) {
  const lithos::Result<lithos::LogFormat> format = lithos::log_format_named(text);
  if (format.ok()) out = format.value();
  else std::fprintf(stderr, "lithosd: %s\n", format.status().message().c_str());
  return format.ok();
}

bool parse_number(const char* text, double least, double& out) {
  char* end = nullptr;
  out = std::strtod(text, &end);
  if (end != text && *end == '\0' && out >= least && out < 1e9) return true;
  std::fprintf(stderr, "lithosd: %s: expected a number from %g on\n", text, least);
  return false;
}

bool parse(int argc, char** argv, Arguments& arguments) {
  const option known[] = {{"config", required_argument, nullptr, 'c'},
                          {"device", required_argument, nullptr, 'd'},
                          {"set", required_argument, nullptr, 's'},
                          {"run-dir", required_argument, nullptr, 'r'},
                          {"state-dir", required_argument, nullptr, 't'},
                          {"keep-learned", required_argument, nullptr, 'e'},
                          {"policy-path", required_argument, nullptr, 'p'},
                          {"probation", required_argument, nullptr, 'b'},
                          {"strikes", required_argument, nullptr, 'k'},
                          {"quality-window", required_argument, nullptr, 'q'},
                          {"quality-least", required_argument, nullptr, 'l'},
                          {"quality-tolerated", required_argument, nullptr, 'o'},
                          {"quality-worse", required_argument, nullptr, 'w'},
                          {"quality-windows", required_argument, nullptr, 'n'},
                          {"hang-limit", required_argument, nullptr, 'h'},
                          {"start-limit", required_argument, nullptr, 'B'},
                          {"plugin-path", required_argument, nullptr, 'P'},
                          {"log-format", required_argument, nullptr, 'L'},
                          {"supervise", no_argument, nullptr, 'S'},
                          {"help", no_argument, nullptr, 'H'},
                          {"version", no_argument, nullptr, 'V'},
                          {nullptr, 0, nullptr, 0}};
  DaemonOptions& options = arguments.options;
  options.run_folder = "/run/lithos";
  options.state_folder = "/var/lib/lithos";
  for (int letter; (letter = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (letter) {
      case 'c': options.config = optarg; break;
      case 'd':
        options.map_file = std::string(optarg) == "virtual" ? "" : optarg;
        break;
      case 's': options.set = optarg; break;
      case 'r': options.run_folder = optarg; break;
      case 't': options.state_folder = optarg; break;
      case 'p': options.policy_path.emplace_back(optarg); break;
      case 'b':
        if (!parse_time(optarg, options.policies.probation)) return false;
        break;
      case 'k': options.policies.strikes = std::max(1ull, std::strtoull(optarg, nullptr, 10)); break;
      case 'q':
        if (!parse_time(optarg, options.policies.quality.window)) return false;
        break;
      case 'l': options.policies.quality.least = std::max(1ull, std::strtoull(optarg, nullptr, 10)); break;
      case 'o':
        if (!parse_number(optarg, 0, options.policies.quality.tolerated)) return false;
        options.policies.quality.tolerated /= 100;
        break;
      case 'w':
        if (!parse_number(optarg, 1, options.policies.quality.worse)) return false;
        break;
      case 'n': options.policies.quality.windows = static_cast<unsigned>(std::strtoul(optarg, nullptr, 10)); break;
      case 'e':
        if (!parse_time(optarg, options.keep_learned)) return false;
        break;
      case 'h':
        if (!parse_time(optarg, options.hang_limit)) return false;
        break;
      case 'B':
        if (!parse_time(optarg, options.start_limit)) return false;
        break;
      case 'P': options.plugin_path.emplace_back(optarg); break;
      case 'L':
        if (!parse_log_format(optarg, arguments.log_format)) return false;
        break;
      case 'S': arguments.supervise = true; break;
      case 'H': arguments.answer = kUsage; return true;
      case 'V': arguments.answer = "lithosd " LITHOS_VERSION "\n"; return true;
      default: return false;
    }
  }
  return optind == argc && !options.config.empty();
}

int run(DaemonOptions options, lithos::LogFormat log_format) {
  ::signal(SIGHUP, SIG_IGN);  // until there is something to reload: the start reads the file anyway, and the default is to die
  options.process_wide = true;
  lithos::EventLog log({log_format, LITHOS_LOG_INFO, {}, {}});
  options.log = log.function();
  Daemon daemon(options);
  if (const lithos::Status status = daemon.start(); !status.ok()) {
    log.write(lithos::LogEvent::start_failed, status.message());
    const bool input =
        status.code() == lithos::StatusCode::invalid_argument || status.code() == lithos::StatusCode::not_found;
    return input ? 3 : 1;
  }
  running = &daemon;
  struct sigaction action {};
  action.sa_handler = &on_stop;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = &on_reload;
  ::sigaction(SIGHUP, &action, nullptr);
  log.write(lithos::LogEvent::ready,
            "tenants at " + daemon.tenant_socket() + ", administrators at " + daemon.admin_socket());
  daemon.run();
  log.write(lithos::LogEvent::ended, "told to end");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (arguments.answer != nullptr) return std::fputs(arguments.answer, stdout) < 0 ? 1 : 0;
  if (arguments.supervise) return lithos::supervise([&] { return run(arguments.options, arguments.log_format); });
  return run(arguments.options, arguments.log_format);
}
