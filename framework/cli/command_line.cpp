// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>

#include <sstream>
#include <tuple>

#include "cli/command_line_gpu.hpp"
#include "cli/command_line_policy.hpp"
#include "cli/exit_code.hpp"
#include "config/config.hpp"

namespace lithos {
namespace {

constexpr const char* kSimExamples =
    "Examples:\n"
    "  lithos sim --config configs/demo.toml\n"
    "  lithos sim --config configs/demo.toml --set alone --set lithos --duration 60s --json result.json\n"
    "\n"
    "Tenants, traces, arrivals and policies come from the TOML file (docs/reference/toml.md). Every set of policies "
    "sees the\n"
    "same arrivals; the same seed gives the same result, byte for byte.";

constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 configuration invalid or input not found (nothing was started),\n"
    "4 no lithosd answers, 5 lithosd refused (what was in force stays in force).";

void add_policy_path(CLI::App& app, std::vector<std::string>& into) {
  app.add_option("--policy-path", into, "Folder to search for policies first (repeatable)")
      ->type_name("DIR")
      ->take_all()
      ->check(CLI::ExistingDirectory);
}

void add_duration(CLI::App& app, std::optional<Nanoseconds>& into) {
  app.add_option_function<std::string>(
         "--duration",
         [&into](const std::string& text) {
           const auto duration = parse_duration(text);
           if (!duration.ok()) throw CLI::ValidationError("--duration " + text, duration.status().message());
           if (duration.value().count() <= 0) throw CLI::ValidationError("--duration " + text, "must be above zero");
           into = duration.value();
         },
         "In place of the file's run.duration, for example 10s")
      ->type_name("TIME");
}

void add_sim(CLI::App& app, SimArguments& arguments) {
  app.add_option("-c,--config", arguments.config, "What to simulate")->type_name("FILE")->required();
  app.add_option("--set", arguments.sets, "Run only this set of policies (repeatable)")->type_name("NAME")->take_all();
  app.add_option("--seed", arguments.seed, "In place of the file's run.seed")->type_name("N");
  app.add_option("--seeds", arguments.seeds, "Run each set with so many seeds; the table shows means and intervals")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  add_duration(app, arguments.duration);
  app.add_option("--json", arguments.json, "Also write the results here; - writes them to stdout in place of the table")
      ->type_name("FILE");
  app.add_option("-j,--jobs", arguments.jobs, "Sets to run at once (default: one per processor)")->type_name("N");
  add_policy_path(app, arguments.policy_path);
  app.add_flag("--operators", arguments.operators, "Also show what ran of each operator, the heaviest first");
  app.add_flag("-q,--quiet", arguments.quiet, "No progress bar and no notes");
  app.footer(kSimExamples);
}

void add_config_check(CLI::App& app, ConfigCheckArguments& arguments) {
  app.add_option("files", arguments.files, "Configurations")->type_name("FILE")->required();
  add_policy_path(app, arguments.policy_path);
  app.footer(
      "Reports every mistake at once with file:line:column: TOML, names, units, traces, policies and their "
      "parameters.");
}

void add_bench_policies(CLI::App& app, BenchPoliciesArguments& arguments) {
  app.add_option("files", arguments.files, "Experiments (default: stacking, hybrid and ablation of configs/paper)")->type_name("FILE");
  app.add_option("--subject", arguments.subject, "The set that the others are compared with")->type_name("SET")->capture_default_str();
  app.add_option("--seeds", arguments.seeds, "In place of the files' run.seeds")->type_name("N")->check(CLI::Range(1, 1000));
  add_duration(app, arguments.duration);
  app.add_option("--json", arguments.json, "Also write the results here")->type_name("FILE");
  app.add_option("-j,--jobs", arguments.jobs, "Runs at once (default: one per processor)")->type_name("N");
  add_policy_path(app, arguments.policy_path);
  app.add_flag("-q,--quiet", arguments.quiet, "No progress bar");
  app.footer("Every case of every file under every set of policies, with every seed; one row per set, means over the cases.");
}

// One command that talks to lithosd. Which one was given is known after parsing.
CLI::App& add_request(CLI::App& parent, const char* name, const char* request, const char* what,
                      DaemonArguments& arguments) {
  CLI::App& app = *parent.add_subcommand(name, what);
  app.add_option("--run-dir", arguments.run_folder,
                 "Where lithosd has its sockets (default: $LITHOS_RUN_DIR, /run/lithos)")
      ->type_name("DIR");
  app.add_flag("--json", arguments.json, "The answer as it came");
  app.callback([&arguments, request] { arguments.request = request; });
  return app;
}

void add_daemon_commands(CLI::App& app, CLI::App& config_app, DaemonArguments& arguments) {
  add_request(app, "status", "status", "What lithosd does: policies in force, tenants, faults", arguments);
  add_request(app, "tenants", "tenants", "Who is attached, and what they have done", arguments);
  for (const auto& [name, request, what] :
       {std::tuple{"plan", "config.plan", "What apply would change; nothing changes"},
        std::tuple{"apply", "config.apply", "Put a configuration in force, whole or not at all"}})
    add_request(config_app, name, request, what, arguments)
        .add_option("file", arguments.words, "Configuration (default: the daemon's own, as it is now)")
        ->type_name("FILE")
        ->expected(0, 1);
  add_request(config_app, "rollback", "config.rollback", "Back to the policies before the last change", arguments);

  CLI::App& policy = *app.add_subcommand("policy", "Look at policies and change them while tenants run");
  policy.require_subcommand(1);
  add_request(policy, "list", "policy.list", "What could be put in force", arguments);
  CLI::App& swap =
      add_request(policy, "swap", "policy.swap", "Put other policies in force, all of them or none", arguments);
  swap.add_option("changes", arguments.words, "KIND=POLICY or KIND=/path/to/library.so, several for one commit")
      ->type_name("KIND=POLICY")
      ->required();
  swap.add_option("--param", arguments.params, "Parameter of a new policy (repeatable)")
      ->type_name("KIND.KEY=VALUE")
      ->take_all();
  add_request(policy, "rollback", "policy.rollback", "Back to the policies before the last change, while they are warm",
              arguments);
  add_request(policy, "fallback", "policy.fallback", "The built-in policies, at once: of one kind or all", arguments)
      .add_option("kind", arguments.words, "scheduler, predictor, right_sizer or dvfs")
      ->expected(0, 1);
  add_request(policy, "exits", "policy.exits", "Why policies, or daemons, ended", arguments);
  add_request(policy, "quarantine", "policy.quarantine", "Libraries that are not loaded any more", arguments);
  add_request(policy, "release", "policy.release", "Let a quarantined library be loaded again", arguments)
      .add_option("which", arguments.words, "Its hash or its policy's id")
      ->required();

  CLI::App& params = *app.add_subcommand("params", "Parameters of policies in force");
  params.require_subcommand(1);
  add_request(params, "set", "params.set", "Change a live parameter", arguments)
      .add_option("what", arguments.words, "For example: scheduler.atom_length 500us")
      ->type_name("KIND.KEY VALUE")
      ->required()
      ->expected(2);
}

// "unknown command "simm"; did you mean "sim"?"
std::string unknown_command_hint(int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  const std::string near = closest_word(argv[1], {"sim", "config", "bench", "policy", "status", "tenants", "params", "run", "doctor", "calibrate"});
  return near.empty() || near == argv[1] ? "" : "Did you mean \"lithos " + near + "\"?\n";
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app(
      "LithOS: an operating-system layer for GPUs. Policies decide and cannot act; plugins act and cannot decide.",
      "lithos");
  app.set_version_flag("--version", "lithos " LITHOS_VERSION, "Show the version");
  app.require_subcommand(1);
  app.footer(std::string("Start with: lithos sim --config configs/demo.toml\n") + kExitCodes);
  app.get_formatter()->column_width(28);

  SimArguments sim;
  ConfigCheckArguments check;
  CLI::App& sim_app = *app.add_subcommand("sim", "Compare sets of policies on the virtual GPU");
  add_sim(sim_app, sim);
  CLI::App& config_app = *app.add_subcommand("config", "Work with configurations");
  config_app.require_subcommand(1);
  CLI::App& check_app = *config_app.add_subcommand("check", "Report every mistake in a file; run nothing");
  add_config_check(check_app, check);
  ConfigKeysArguments keys;
  CLI::App& keys_app = *config_app.add_subcommand("keys", "Every key of a configuration: type, default, meaning");
  keys_app.add_option("section", keys.section, "Only this one: run, tenant, arrivals, set, …")->type_name("SECTION");
  BenchPoliciesArguments bench;
  CLI::App& bench_app = *app.add_subcommand("bench", "Measure and compare");
  bench_app.require_subcommand(1);
  CLI::App& policies_app = *bench_app.add_subcommand("policies", "The paper's experiments on the virtual GPU, all schedulers");
  add_bench_policies(policies_app, bench);
  DaemonArguments daemon;
  add_daemon_commands(app, config_app, daemon);
  PolicyCommands policy(app);
  GpuCommands gpu(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const bool asked_for = app.exit(error, out, err) == 0;  // --help, --version
    return ParserOutput{out.str(), asked_for ? err.str() : err.str() + unknown_command_hint(argc, argv),
                        static_cast<int>(asked_for ? ExitCode::ok : ExitCode::usage)};
  }
  if (sim_app.parsed()) return sim;
  if (policies_app.parsed()) return bench;
  if (std::optional<CommandLine> parsed = gpu.parsed()) return *std::move(parsed);
  if (std::optional<CommandLine> parsed = policy.parsed()) return *std::move(parsed);
  if (check_app.parsed()) return check;
  if (keys_app.parsed()) return keys;
  return daemon;
}

}  // namespace lithos
