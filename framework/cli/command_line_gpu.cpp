// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line_gpu.hpp"

#include <CLI/CLI.hpp>

namespace lithos {
namespace {

constexpr const char* kRunNotes =
    "The program runs unmodified: the shim is found as libcuda.so.1 through LD_LIBRARY_PATH. What LithOS did is in "
    "the\n"
    "counters that --stats writes. The exit code is the program's own; 127 where it could not be started.";

}  // namespace

GpuCommands::GpuCommands(CLI::App& program, CLI::App& bench) {
  add_up(program);
  add_down(program);
  add_run(program);
  add_doctor(program);
  add_calibrate(program);
  add_colocate(bench);
}

void GpuCommands::add_run(CLI::App& program) {
  run_app_ = program.add_subcommand("run", "Run a CUDA program as a tenant: lithos run --tenant hp -- program ...");
  CLI::App& app = *run_app_;
  app.add_option("--tenant", run_.tenant, "The tenant's name in lithosd's configuration")->required();
  app.add_option("--run-dir", run_.run_folder, "Where lithosd's sockets are")->type_name("DIR");
  app.add_flag("--no-daemon", run_.no_daemon, "Without lithosd: count and time, confine only to --tpcs");
  app.add_option("--tpcs", run_.tpcs, "Without lithosd: confine to these TPCs, for example 0-15,40");
  app.add_option("--unmanaged", run_.unmanaged, "Where LithOS has to stand aside: run, limit (run if MPS limits its SMs) or refuse")
      ->check(CLI::IsMember({"run", "limit", "refuse"}));
  app.add_option("--advertised-tpcs", run_.advertised_tpcs, "Tell the program that the GPU has so many TPCs");
  app.add_option("--memory-limit", run_.memory_limit, "For example 8GiB (default: the configuration's)");
  app.add_flag("--queued", run_.queued, "Not for latency_critical tenants: launches wait for their lease while the program goes on (default: the configuration's)");
  app.add_flag("--no-hook", run_.no_hook, "Leave the tools interface to a profiler; MPS alone confines, to the tenant's own share");
  app.add_option("--map", run_.map, "TPC map, without lithosd (default: what lithos calibrate keeps)")
      ->type_name("FILE");
  app.add_option("--kernel-rules", run_.kernel_rules, "Default: the shipped ones")->type_name("FILE");
  app.add_option("--stats", run_.stats, "Write counters as JSON when the program ends")->type_name("FILE");
  app.add_option("program", run_.program, "The program and its arguments, after --")->required();
  app.footer(kRunNotes);
}

void GpuCommands::add_up(CLI::App& program) {
  up_app_ = program.add_subcommand("up", "Everything for tenants on this GPU: MPS, TPC map, lithosd");
  CLI::App& app = *up_app_;
  app.add_option("-c,--config", up_.config, "Who shares the GPU, and how")->type_name("FILE")->required();
  app.add_option("--set", up_.set, "Which set of policies of the file (default: the only one, or \"lithos\")")->type_name("NAME");
  app.add_option("--run-dir", up_.run_folder, "Sockets, logs, MPS's folders (default: $LITHOS_RUN_DIR, /run/lithos)")->type_name("DIR");
  app.add_option("--state-dir", up_.state_folder, "What lithosd keeps (default: \"state\" in the run folder)")->type_name("DIR");
  app.add_option("--device", up_.device, "A TPC map, or \"virtual\" (default: this machine's GPU, calibrated if need be)")->type_name("MAP");
  app.add_option("--gpu", up_.gpu, "CUDA's number of the GPU")->type_name("N");
  app.add_flag("--no-mps", up_.no_mps, "Programs take turns on the GPU, or use an MPS that you run");
  app.add_option("--policy-path", up_.policy_path, "Folder to search for policies first (repeatable)")->type_name("DIR")->take_all()->check(CLI::ExistingDirectory);
  app.add_option("--timeout", up_.timeout_s, "Seconds for each step")->type_name("N")->check(CLI::Range(1, 3600));
  app.footer(
      "All or nothing: where a step fails, what was started before it is ended again. lithos down ends it, lithos run\n"
      "starts tenants. An MPS that somebody else runs is left alone.");
}

void GpuCommands::add_down(CLI::App& program) {
  down_app_ = program.add_subcommand("down", "End what lithos up has started");
  down_app_->add_option("--run-dir", down_.run_folder, "As given to lithos up (default: $LITHOS_RUN_DIR, /run/lithos)")->type_name("DIR");
  down_app_->add_flag("--force", down_.force, "Also while tenants are attached: programs under MPS are ended first");
}

void GpuCommands::add_doctor(CLI::App& program) {
  doctor_app_ = program.add_subcommand("doctor", "What works on this machine, what does not, and how to turn it on");
  doctor_app_->add_option("--run-dir", doctor_.run_folder, "Where lithosd's sockets are")->type_name("DIR");
  doctor_app_->add_flag("--json", doctor_.json, "For machines");
}

void GpuCommands::add_calibrate(CLI::App& program) {
  calibrate_app_ =
      program.add_subcommand("calibrate", "Measure which position of the TPC mask is which TPC of the GPU");
  calibrate_app_->add_option("--output", calibrate_.output, "Default: kept for lithos run, by the GPU's uuid")
      ->type_name("FILE");
  calibrate_app_->add_option("--device", calibrate_.device, "CUDA's number of the GPU");
  calibrate_app_->add_option("--timeout", calibrate_.timeout_s, "Seconds")->check(CLI::Range(1, 3600));
}

void GpuCommands::add_colocate(CLI::App& bench) {
  colocate_app_ = bench.add_subcommand("colocate", "Real tenants on this GPU: alone, time slicing, MPS, sets of policies under lithosd");
  CLI::App& app = *colocate_app_;
  const auto seconds = [](Nanoseconds& into) {
    return [&into](double count) { into = Nanoseconds{static_cast<std::int64_t>(count * 1e9)}; };
  };
  app.add_option("-c,--config", colocate_.config, "Tenants with their commands, sets of policies")->type_name("FILE")->required();
  app.add_option("--case", colocate_.case_name, "Of a file with cases: which")->type_name("NAME");
  app.add_option("-o,--out", colocate_.out, "Results, written after each way; its log beside it")->type_name("RESULT.json")->required();
  app.add_option("--ways", colocate_.ways, "alone, alone_mps, time_slicing, mps, mps_priority, mps_threads[_N], static, or a set (default: all)")
      ->type_name("WAY,WAY…")
      ->delimiter(',');
  app.add_option("--rates", colocate_.rates, "Requests per second of the tenant whose latency counts")->type_name("N,N…")->delimiter(',')->check(CLI::Range(0.01, 1e6));
  app.add_option_function<double>("--seconds", seconds(colocate_.duration), "Of each way and rate (default: 15)")->type_name("N")->check(CLI::Range(0.1, 3600.0));
  app.add_option("--be", colocate_.best_effort, "Model of best-effort tenants: {model} in their command")->type_name("MODEL");
  app.add_option("--tenants", colocate_.tenants_folder, "Where the tenants' commands run (default: here)")->type_name("DIR")->check(CLI::ExistingDirectory);
  app.add_option("--device", colocate_.device, "A TPC map, or \"virtual\" (default: this machine's GPU, calibrated if need be)")->type_name("MAP");
  app.add_flag("--no-mps", colocate_.no_mps, "Sets under lithosd go without MPS");
  app.add_option("--policy-path", colocate_.policy_path, "Folder to search for policies first (repeatable)")->type_name("DIR")->take_all()->check(CLI::ExistingDirectory);
  app.add_option("--swaps", colocate_.swaps, "Also: so many exchanges of the scheduler while serving, against a run without")->type_name("N")->check(CLI::Range(1, 100'000));
  app.add_option("--swap-set", colocate_.swap_set, "The set whose scheduler is exchanged")->type_name("SET")->capture_default_str();
  app.add_option_function<double>("--within", seconds(colocate_.within), "Begin no way later than this")->type_name("SECONDS")->check(CLI::Range(1.0, 1e6));
  app.footer(
      "The tenants keep running from way to way where their environment is the same; a way that fails is recorded with its\n"
      "reason and the others go on. docs/colocate.md tells what tenants have to speak.");
}

std::optional<CommandLine> GpuCommands::parsed() const {
  if (run_app_->parsed()) return run_;
  if (up_app_->parsed()) return up_;
  if (down_app_->parsed()) return down_;
  if (doctor_app_->parsed()) return doctor_;
  if (calibrate_app_->parsed()) return calibrate_;
  if (colocate_app_->parsed()) return colocate_;
  return std::nullopt;
}

}  // namespace lithos
