// SPDX-License-Identifier: Apache-2.0
// The part of the command line below `lithos policy`. Like command_line.cpp, command_line_policy.cpp knows the library
// that parses it; nothing else does.
#pragma once

#include <optional>

#include "cli/command_line.hpp"

namespace CLI {
class App;
}

namespace lithos {

// Declares the commands; after the parse, parsed() says which was given. Must outlive the parse.
class PolicyCommands {
 public:
  explicit PolicyCommands(CLI::App& program);
  PolicyCommands(const PolicyCommands&) = delete;
  PolicyCommands& operator=(const PolicyCommands&) = delete;

  std::optional<CommandLine> parsed() const;  // empty: another command
  CLI::App& app() { return *app_; }           // for further commands below `lithos policy`

 private:
  void add_new();
  void add_describe();
  void add_check();
  void add_sim();

  CLI::App* app_;
  CLI::App* new_app_ = nullptr;
  CLI::App* describe_app_ = nullptr;
  CLI::App* check_app_ = nullptr;
  CLI::App* sim_app_ = nullptr;
  PolicyNewArguments new_;
  PolicyDescribeArguments describe_;
  PolicyCheckArguments check_;
  PolicySimArguments sim_;
};

}  // namespace lithos
