// SPDX-License-Identifier: Apache-2.0
// One function per command: arguments in, exit code out, everything a person sees through the console.
#pragma once

#include "cli/command_line.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

namespace lithos {

ExitCode run_sim(const SimArguments& arguments, Console& console);
ExitCode run_bench_policies(const BenchPoliciesArguments& arguments, Console& console);
ExitCode run_bench_predict(const BenchPredictArguments& arguments, Console& console);
ExitCode run_bench_savings(const BenchSavingsArguments& arguments, Console& console);
ExitCode run_bench_colocate(const ColocateArguments& arguments, Console& console);
ExitCode run_report(const ReportArguments& arguments, Console& console);
ExitCode run_top(const TopArguments& arguments, Console& console);
ExitCode run_trace(const TraceArguments& arguments, Console& console);
ExitCode run_trace_convert(const TraceConvertArguments& arguments, Console& console);
ExitCode run_daemon_request(const DaemonArguments& arguments, Console& console);
ExitCode run_config_check(const ConfigCheckArguments& arguments, Console& console);
ExitCode run_config_keys(const ConfigKeysArguments& arguments, Console& console);
ExitCode run_policy_new(const PolicyNewArguments& arguments, Console& console);
ExitCode run_policy_describe(const PolicyDescribeArguments& arguments, Console& console);
ExitCode run_policy_check(const PolicyCheckArguments& arguments, Console& console);
// Becomes the program; returns only if that failed, with the exit code.
int run_program(const RunArguments& arguments, Console& console);
ExitCode run_up(const UpArguments& arguments, Console& console);
ExitCode run_down(const DownArguments& arguments, Console& console);
ExitCode run_doctor(const DoctorArguments& arguments, Console& console);
ExitCode run_calibrate(const CalibrateArguments& arguments, Console& console);
ExitCode run_policy_sim(const PolicySimArguments& arguments, Console& console);

}  // namespace lithos
