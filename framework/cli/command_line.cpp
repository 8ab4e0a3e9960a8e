// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>

#include <sstream>

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
    "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 configuration invalid or input not found (nothing was started).";

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

// "unknown command "simm"; did you mean "sim"?"
std::string unknown_command_hint(int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  const std::string near = closest_word(argv[1], {"sim", "config", "bench", "policy"});
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
  CLI::App& config_app = *app.add_subcommand("config", "Work with configuration files");
  config_app.require_subcommand(1);
  CLI::App& check_app = *config_app.add_subcommand("check", "Report every mistake in a file; run nothing");
  add_config_check(check_app, check);
  BenchPoliciesArguments bench;
  CLI::App& bench_app = *app.add_subcommand("bench", "Measure and compare");
  bench_app.require_subcommand(1);
  CLI::App& policies_app = *bench_app.add_subcommand("policies", "The paper's experiments on the virtual GPU, all schedulers");
  add_bench_policies(policies_app, bench);
  PolicyCommands policy(app);

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
  if (std::optional<CommandLine> parsed = policy.parsed()) return *std::move(parsed);
  return check;
}

}  // namespace lithos
