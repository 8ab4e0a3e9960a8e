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

void add_sim(CLI::App& app, SimArguments& arguments) {
  app.add_option("-c,--config", arguments.config, "What to simulate")->type_name("FILE")->required();
  app.add_option("--set", arguments.sets, "Run only this set of policies (repeatable)")->type_name("NAME")->take_all();
  app.add_option("--seed", arguments.seed, "In place of the file's run.seed")->type_name("N");
  app.add_option_function<std::string>(
         "--duration",
         [&arguments](const std::string& text) {
           const auto duration = parse_duration(text);
           if (!duration.ok()) throw CLI::ValidationError("--duration " + text, duration.status().message());
           if (duration.value().count() <= 0) throw CLI::ValidationError("--duration " + text, "must be above zero");
           arguments.duration = duration.value();
         },
         "In place of the file's run.duration, for example 10s")
      ->type_name("TIME");
  app.add_option("--json", arguments.json, "Also write the results here; - writes them to stdout in place of the table")
      ->type_name("FILE");
  app.add_option("-j,--jobs", arguments.jobs, "Sets to run at once (default: one per processor)")->type_name("N");
  add_policy_path(app, arguments.policy_path);
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

// "unknown command "simm"; did you mean "sim"?"
std::string unknown_command_hint(int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  const std::string near = closest_word(argv[1], {"sim", "config", "policy"});
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
  if (std::optional<CommandLine> parsed = policy.parsed()) return *std::move(parsed);
  return check;
}

}  // namespace lithos
