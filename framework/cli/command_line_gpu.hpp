// SPDX-License-Identifier: Apache-2.0
// The part of the command line for CUDA programs: up, down, run, doctor, calibrate, bench colocate. Like command_line.cpp, command_line_gpu.cpp
// knows the library that parses it.
#pragma once

#include <optional>

#include "cli/command_line.hpp"

namespace CLI {
class App;
}

namespace lithos {

// Declares the commands; after the parse, parsed() says which was given. Must outlive the parse.
class GpuCommands {
 public:
  // `bench`: the command below which its own go.
  GpuCommands(CLI::App& program, CLI::App& bench);
  GpuCommands(const GpuCommands&) = delete;
  GpuCommands& operator=(const GpuCommands&) = delete;

  std::optional<CommandLine> parsed() const;  // empty: another command

 private:
  void add_run(CLI::App& program);
  void add_up(CLI::App& program);
  void add_down(CLI::App& program);
  void add_doctor(CLI::App& program);
  void add_calibrate(CLI::App& program);
  void add_colocate(CLI::App& bench);

  CLI::App* run_app_ = nullptr;
  CLI::App* up_app_ = nullptr;
  CLI::App* down_app_ = nullptr;
  CLI::App* doctor_app_ = nullptr;
  CLI::App* calibrate_app_ = nullptr;
  CLI::App* colocate_app_ = nullptr;
  RunArguments run_;
  UpArguments up_;
  DownArguments down_;
  DoctorArguments doctor_;
  CalibrateArguments calibrate_;
  ColocateArguments colocate_;
};

}  // namespace lithos
