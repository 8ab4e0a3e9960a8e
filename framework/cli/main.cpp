// SPDX-License-Identifier: Apache-2.0
#include <exception>

#include "cli/command_line.hpp"
#include "cli/commands.hpp"

namespace {

struct Dispatch {
  lithos::Console& console;

  int operator()(const lithos::ParserOutput& output) const {
    console.out << output.out;
    console.err << output.err;
    return output.exit_code;
  }
  int operator()(const lithos::SimArguments& arguments) const {
    return static_cast<int>(lithos::run_sim(arguments, console));
  }
  int operator()(const lithos::ReportArguments& arguments) const {
    return static_cast<int>(lithos::run_report(arguments, console));
  }
  int operator()(const lithos::TopArguments& arguments) const {
    return static_cast<int>(lithos::run_top(arguments, console));
  }
  int operator()(const lithos::TraceArguments& arguments) const {
    return static_cast<int>(lithos::run_trace(arguments, console));
  }
  int operator()(const lithos::TraceConvertArguments& arguments) const {
    return static_cast<int>(lithos::run_trace_convert(arguments, console));
  }
  int operator()(const lithos::BenchPoliciesArguments& arguments) const {
    return static_cast<int>(lithos::run_bench_policies(arguments, console));
  }
  int operator()(const lithos::BenchPredictArguments& arguments) const {
    return static_cast<int>(lithos::run_bench_predict(arguments, console));
  }
  int operator()(const lithos::BenchSavingsArguments& arguments) const {
    return static_cast<int>(lithos::run_bench_savings(arguments, console));
  }
  int operator()(const lithos::ColocateArguments& arguments) const {
    return static_cast<int>(lithos::run_bench_colocate(arguments, console));
  }
  int operator()(const lithos::ConfigCheckArguments& arguments) const {
    return static_cast<int>(lithos::run_config_check(arguments, console));
  }
  int operator()(const lithos::ConfigKeysArguments& arguments) const {
    return static_cast<int>(lithos::run_config_keys(arguments, console));
  }
  int operator()(const lithos::PolicyNewArguments& arguments) const {
    return static_cast<int>(lithos::run_policy_new(arguments, console));
  }
  int operator()(const lithos::PolicyDescribeArguments& arguments) const {
    return static_cast<int>(lithos::run_policy_describe(arguments, console));
  }
  int operator()(const lithos::PolicyCheckArguments& arguments) const {
    return static_cast<int>(lithos::run_policy_check(arguments, console));
  }
  int operator()(const lithos::PolicySimArguments& arguments) const {
    return static_cast<int>(lithos::run_policy_sim(arguments, console));
  }
  int operator()(const lithos::RunArguments& arguments) const { return lithos::run_program(arguments, console); }
  int operator()(const lithos::UpArguments& arguments) const {
    return static_cast<int>(lithos::run_up(arguments, console));
  }
  int operator()(const lithos::DownArguments& arguments) const {
    return static_cast<int>(lithos::run_down(arguments, console));
  }
  int operator()(const lithos::DoctorArguments& arguments) const {
    return static_cast<int>(lithos::run_doctor(arguments, console));
  }
  int operator()(const lithos::CalibrateArguments& arguments) const {
    return static_cast<int>(lithos::run_calibrate(arguments, console));
  }
  int operator()(const lithos::DaemonArguments& arguments) const {
    return static_cast<int>(lithos::run_daemon_request(arguments, console));
  }
};

}  // namespace

int main(int argc, char** argv) {
  lithos::Console console = lithos::process_console();
  try {
    return std::visit(Dispatch{console}, lithos::parse_command_line(argc, argv));
  } catch (const std::exception& error) {  // out of memory, or a bug: no module lets anything else out
    console.err << "lithos: " << error.what() << "\n";
    return static_cast<int>(lithos::ExitCode::failed);
  }
}
