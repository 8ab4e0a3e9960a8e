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

// `into`: something that a time can be assigned to.
template <class Into>
void add_time(CLI::App& app, const std::string& option, Into& into, const std::string& what) {
  app.add_option_function<std::string>(
         option,
         [&into, option](const std::string& text) {
           const auto time = parse_duration(text);
           if (!time.ok()) throw CLI::ValidationError(option + " " + text, time.status().message());
           if (time.value().count() <= 0) throw CLI::ValidationError(option + " " + text, "must be above zero");
           into = time.value();
         },
         what)
      ->type_name("TIME");
}

void add_duration(CLI::App& app, std::optional<Nanoseconds>& into) {
  add_time(app, "--duration", into, "In place of the file's run.duration, for example 10s");
}

void add_sim(CLI::App& app, SimArguments& arguments) {
  app.add_option("-c,--config", arguments.config, "What to simulate")->type_name("FILE")->required();
  app.add_option("--case", arguments.case_name, "Of a file with cases: run only this one")->type_name("NAME");
  app.add_option("--set", arguments.sets, "Run only this set of policies (repeatable)")->type_name("NAME")->take_all();
  app.add_option("--seed", arguments.seed, "In place of the file's run.seed")->type_name("N");
  app.add_option("--seeds", arguments.seeds, "Run each set with so many seeds; the table shows means and intervals")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  add_duration(app, arguments.duration);
  app.add_option("--json", arguments.json, "Also write the results here; - writes them to stdout in place of the table")
      ->type_name("FILE");
  app.add_option("--report", arguments.report, "Also write the results as one HTML file with pictures")->type_name("FILE");
  app.add_option("--perfetto", arguments.perfetto, "Also write a timeline for ui.perfetto.dev, one per set")->type_name("FILE");
  app.add_option("--against", arguments.against, "Also compare with what lithos bench colocate measured of the same sets on a GPU")
      ->type_name("RESULT.json");
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

void add_experiment(CLI::App& app, ExperimentArguments& arguments) {
  app.add_option("--seeds", arguments.seeds, "In place of the file's run.seeds")->type_name("N")->check(CLI::Range(1, 1000));
  add_duration(app, arguments.duration);
  app.add_option("--json", arguments.json, "Also write the results here")->type_name("FILE");
  app.add_option("-j,--jobs", arguments.jobs, "Runs at once (default: one per processor)")->type_name("N");
  add_policy_path(app, arguments.policy_path);
  app.add_flag("-q,--quiet", arguments.quiet, "No progress bar");
}

void add_bench_policies(CLI::App& app, BenchPoliciesArguments& arguments) {
  app.add_option("files", arguments.files, "Experiments (default: stacking, hybrid and ablation of configs/paper)")->type_name("FILE");
  app.add_option("--subject", arguments.subject, "The set that the others are compared with")->type_name("SET")->capture_default_str();
  add_experiment(app, arguments);
  app.footer("Every case of every file under every set of policies, with every seed; one row per set, means over the cases.");
}

void add_bench_predict(CLI::App& app, BenchPredictArguments& arguments) {
  app.add_option("--traces", arguments.traces, "Folder of the traces (default: the shipped ones)")->type_name("DIR");
  app.add_option("--predictor", arguments.policies, "Predictor by id (repeatable; default: all shipped)")->type_name("ID")->take_all();
  app.add_option("--seen", arguments.seen, "TPC counts that it is shown, for example 66,40,8 (repeatable)")
      ->type_name("N,N…")
      ->take_all();
  app.add_option("--passes", arguments.passes, "How often each trace is shown, on each count")->type_name("N")->check(CLI::Range(1, 1000));
  app.add_flag("!--no-ordinals", arguments.ordinals, "Launches do not say their place in the batch");
  app.add_option("--json", arguments.json, "Also write the results here")->type_name("FILE");
  add_policy_path(app, arguments.policy_path);
  app.footer(
      "Each predictor is shown every launch of a trace on a few TPC counts and asked for every launch on all counts of the trace.\n"
      "error: time-weighted, of p50, operators of 20us and more. wrong: launches off by more than max(50us, 10 %).");
}

void add_bench_savings(CLI::App& app, BenchSavingsArguments& arguments) {
  app.add_option("file", arguments.file, "Experiment (default: the paper's, in configs/paper)")->type_name("FILE");
  app.add_option("--baseline", arguments.baseline, "Set that the others are compared with (default: the file's first)")->type_name("SET");
  app.add_option("--subject", arguments.subject, "Set whose cases are shown one by one")->type_name("SET")->capture_default_str();
  if (!arguments.power) app.add_option("--traces", arguments.traces, "Folder of the traces for the scaling law (default: the shipped ones)")->type_name("DIR");
  add_experiment(app, arguments);
}

void add_report(CLI::App& app, ReportArguments& arguments) {
  app.add_option("result", arguments.result, "What lithos sim --json or any lithos bench wrote")
      ->type_name("RESULT.json")
      ->required();
  app.add_option("-o,--out", arguments.out, "File to write; - is stdout")->type_name("FILE.html")->required();
  app.footer("One self-contained file: it loads nothing from anywhere. lithos sim --report FILE does both in one step.");
}

void add_run_dir(CLI::App& app, std::string& into) {
  app.add_option("--run-dir", into, "Where lithosd has its sockets (default: $LITHOS_RUN_DIR, /run/lithos)")->type_name("DIR");
}

void add_top(CLI::App& app, TopArguments& arguments) {
  add_run_dir(app, arguments.run_folder);
  add_time(app, "--interval", arguments.interval, "Between two samples (default: 1s)");
  app.add_option("--samples", arguments.samples, "End after so many (default: never)")->type_name("N");
  app.add_flag("--json", arguments.json, "One sample per line, as JSON");
  app.footer("Keys: q quit, s next sort (n name, t TPCs, u queue, r rate, p p99), k kernels, space pause, ? help.\n"
             "Into a pipe or a file it writes plain text.");
}

// Returns the sub-command "convert".
CLI::App& add_trace(CLI::App& app, TraceArguments& arguments, TraceConvertArguments& convert) {
  add_run_dir(app, arguments.run_folder);
  app.add_option_function<double>(
         "--seconds", [&arguments](double seconds) { arguments.duration = Nanoseconds{static_cast<std::int64_t>(seconds * 1e9)}; },
         "How long (default: 5); Ctrl-C ends it earlier")
      ->type_name("N")
      ->check(CLI::Range(0.01, 86'400.0));
  app.add_option("-o,--out", arguments.out, "File that lithosd writes, as its user")->type_name("FILE")->capture_default_str();
  app.add_option("--most-mib", arguments.most_mib, "Its size: beyond three quarters of it atoms are summed up")
      ->type_name("N")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.footer("Open the file in ui.perfetto.dev. lithos sim --perfetto FILE makes one of a simulation.");
  CLI::App& sub = *app.add_subcommand("convert", "A trace as a workload: kernels and arrivals for lithos sim");
  sub.add_option("trace", convert.trace, "What lithos trace or lithos sim --perfetto wrote")->type_name("FILE")->required();
  sub.add_option("-o,--out", convert.out, "Folder to write")->type_name("DIR")->required();
  return sub;
}

// One command that talks to lithosd. Which one was given is known after parsing.
CLI::App& add_request(CLI::App& parent, const char* name, const char* request, const char* what,
                      DaemonArguments& arguments) {
  CLI::App& app = *parent.add_subcommand(name, what);
  add_run_dir(app, arguments.run_folder);
  app.add_flag("--json", arguments.json, "The answer as it came");
  app.callback([&arguments, request] { arguments.request = request; });
  return app;
}

void add_daemon_commands(CLI::App& app, CLI::App& config_app, DaemonArguments& arguments) {
  add_request(app, "status", "status", "What lithosd does: policies in force, tenants, faults", arguments);
  add_request(app, "tenants", "tenants", "Who is attached, and what they have done", arguments);
  for (const auto& [name, request, what] :
       {std::tuple{"plan", "config.plan", "What apply would change; nothing changes"},
        std::tuple{"apply", "config.apply", "Put a configuration in force, whole or not at all"}}) {
    CLI::App& one = add_request(config_app, name, request, what, arguments);
    one.add_option("file", arguments.words, "Configuration (default: the daemon's own, as it is now)")
        ->type_name("FILE")
        ->expected(0, 1);
    one.add_option("--set", arguments.set, "Another set of policies of it (default: as lithosd was told)")->type_name("NAME");
  }
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
  const std::string near = closest_word(
      argv[1], {"sim", "config", "bench", "policy", "status", "tenants", "params", "up", "down", "run", "doctor", "calibrate", "report", "top", "trace"});
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
  BenchPredictArguments predict;
  CLI::App& predict_app = *bench_app.add_subcommand("predict", "Predictors on recorded kernels: errors on TPC counts they have not seen");
  add_bench_predict(predict_app, predict);
  BenchSavingsArguments rightsize, dvfs;
  rightsize.subject = "marginal";
  dvfs.power = true;
  dvfs.subject = "sensitivity";
  CLI::App& rightsize_app = *bench_app.add_subcommand("rightsize", "Right-sizing: capacity saved, and what it costs");
  add_bench_savings(rightsize_app, rightsize);
  CLI::App& dvfs_app = *bench_app.add_subcommand("dvfs", "Clock policies: energy saved, and what it costs");
  add_bench_savings(dvfs_app, dvfs);
  ReportArguments report;
  CLI::App& report_app = *app.add_subcommand("report", "A result as one HTML file with pictures");
  add_report(report_app, report);
  TopArguments top;
  CLI::App& top_app = *app.add_subcommand("top", "Live: who has which TPCs, queues, latencies, kernels");
  add_top(top_app, top);
  TraceArguments trace;
  TraceConvertArguments convert;
  CLI::App& trace_app = *app.add_subcommand("trace", "A timeline of a running lithosd for ui.perfetto.dev");
  CLI::App& convert_app = add_trace(trace_app, trace, convert);
  DaemonArguments daemon;
  add_daemon_commands(app, config_app, daemon);
  PolicyCommands policy(app);
  GpuCommands gpu(app, bench_app);

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
  if (predict_app.parsed()) return predict;
  if (rightsize_app.parsed()) return rightsize;
  if (dvfs_app.parsed()) return dvfs;
  if (report_app.parsed()) return report;
  if (top_app.parsed()) return top;
  if (std::optional<CommandLine> parsed = gpu.parsed()) return *std::move(parsed);
  if (convert_app.parsed()) return convert;
  if (trace_app.parsed()) return trace;
  if (std::optional<CommandLine> parsed = policy.parsed()) return *std::move(parsed);
  if (check_app.parsed()) return check;
  if (keys_app.parsed()) return keys;
  return daemon;
}

}  // namespace lithos
