// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line_policy.hpp"

#include <CLI/CLI.hpp>

#include "config/config.hpp"

namespace lithos {
namespace {

constexpr const char* kFirstHour =
    "From an idea to a measured policy:\n"
    "  lithos policy new scheduler my_fair && cd my_fair && ./build.sh\n"
    "  lithos policy check my_fair.so && lithos policy sim my_fair.so";

constexpr const char* kCheckNotes =
    "Levels: 1 library, 2 parameters, 3 lifecycle, 4 decisions, 5 kind; each includes those before it.\n"
    "Every check runs in a process of its own. The same seed gives the same findings.\n"
    "Exit codes: 0 no FAIL, CRASH or TIMEOUT; 1 otherwise; 3 no such file.";

constexpr const char* kSimNotes =
    "A latency-critical service beside a best-effort batch job. Rows: the hardware's own ways of sharing, the shipped\n"
    "policies of this one's kind, and this policy. Options after -- go to lithos sim: -- --duration 20s --seed 7";

// `lithos policy`, which others may have begun.
CLI::App& group(CLI::App& program) {
  for (CLI::App* known : program.get_subcommands([](const CLI::App* app) { return app->get_name() == "policy"; }))
    return *known;
  return *program.add_subcommand("policy", "Make, look at, check and measure policies");
}

}  // namespace

PolicyCommands::PolicyCommands(CLI::App& program) : app_(&group(program)) {
  app_->require_subcommand(1);
  app_->footer(kFirstHour);
  add_new();
  add_describe();
  add_check();
  add_sim();
}

void PolicyCommands::add_new() {
  new_app_ = app_->add_subcommand("new", "Make a folder with a policy that builds, passes and runs at once");
  new_app_->add_option("kind", new_.kind, "scheduler, predictor, right_sizer or dvfs")
      ->required()
      ->check(CLI::IsMember({"scheduler", "predictor", "right_sizer", "dvfs"}));
  new_app_->add_option("name", new_.name, "For example my_fair; also the folder's name")->required();
  new_app_->add_option("--in", new_.folder, "Where to make it (default: here)")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  new_app_->footer(kFirstHour);
}

void PolicyCommands::add_describe() {
  describe_app_ = app_->add_subcommand("describe", "Show identity, parameters, metrics and needs of policies");
  describe_app_->add_option("files", describe_.files, "Policy libraries")->type_name("FILE");
  describe_app_->add_flag("--all", describe_.all, "Every policy in the search folders");
  describe_app_->add_flag("--json", describe_.json, "For machines");
  describe_app_->add_flag("--markdown", describe_.markdown, "For the reference page");
  describe_app_->add_option("--policy-path", describe_.policy_path, "Folder to search first (repeatable)")
      ->type_name("DIR")
      ->take_all()
      ->check(CLI::ExistingDirectory);
}

void PolicyCommands::add_check() {
  check_app_ = app_->add_subcommand("check", "Find out what a policy library does wrong before it is trusted");
  check_app_->add_option("file", check_.file, "Policy library")->type_name("FILE")->required();
  check_app_->add_option("--level", check_.level, "How far to go, 1 to 5 (default 5)")->check(CLI::Range(1, 5));
  check_app_->add_option("--include", check_.include, "Only checks whose name matches")->type_name("REGEX");
  check_app_->add_option("--exclude", check_.exclude, "No checks whose name matches")->type_name("REGEX");
  check_app_->add_option("--seed", check_.seed, "Of everything random (default 1)")->type_name("N");
  check_app_
      ->add_option_function<std::string>(
          "--timeout",
          [this](const std::string& text) {
            const auto duration = parse_duration(text);
            if (!duration.ok() || duration.value().count() <= 0)
              throw CLI::ValidationError("--timeout " + text, "expected a duration, for example 10s");
            check_.timeout = duration.value();
          },
          "Of one check (default 10s)")
      ->type_name("TIME");
  check_app_->add_flag("--json", check_.json, "For machines");
  check_app_->add_flag("--in-process", check_.in_process, "Without isolation and timeout, for a debugger");
  check_app_->footer(kCheckNotes);
}

void PolicyCommands::add_sim() {
  sim_app_ = app_->add_subcommand("sim", "Measure a policy beside the shipped ones on the virtual GPU");
  sim_app_->add_option("file", sim_.file, "Policy library")->type_name("FILE")->required();
  sim_app_->add_option("--service", sim_.service_trace, "Trace of the latency-critical service")
      ->type_name("CSV")
      ->check(CLI::ExistingFile);
  sim_app_->add_option("--trace,--batch", sim_.batch_trace, "Trace of the best-effort batch job")
      ->type_name("CSV")
      ->check(CLI::ExistingFile);
  sim_app_->add_option("--quota", sim_.quota, "TPCs of service and batch job, for example 42,24 (default 66,0)")
      ->type_name("N,N");
  sim_app_->add_option("--config-out", sim_.config_out, "Keep the configuration that was made, to go on from")
      ->type_name("FILE");
  sim_app_->add_option("options", sim_.sim_options, "After --: options of lithos sim")->type_name("OPTION");
  sim_app_->footer(kSimNotes);
}

std::optional<CommandLine> PolicyCommands::parsed() const {
  if (new_app_->parsed()) return new_;
  if (describe_app_->parsed()) return describe_;
  if (check_app_->parsed()) return check_;
  if (sim_app_->parsed()) return sim_;
  return std::nullopt;
}

}  // namespace lithos
