// SPDX-License-Identifier: Apache-2.0
// Runs the program as a shell would, and files for it to read.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "test_paths.hpp"
#include "unit/config/support.hpp"

namespace lithos::testing {

struct ProgramResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A test with a folder of its own, in which the program runs.
class ProgramTest : public ::testing::Test {
 protected:
  // `arguments` as typed in a shell.
  ProgramResult lithos(const std::string& arguments) {
    const std::string command =
        "cd '" + folder_.at("") + "' && " LITHOS_PROGRAM " " + arguments + " > stdout.txt 2> stderr.txt < /dev/null";
    const int status = std::system(command.c_str());
    ProgramResult result{WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder_.at("stdout.txt")),
                         read_file(folder_.at("stderr.txt"))};
    return result;
  }
  std::string write(const std::string& name, const std::string& text) { return folder_.write(name, text); }
  std::string read(const std::string& name) { return read_file(folder_.at(name)); }

  // A configuration that is right and short, with the shipped traces. `set` goes into its one set of policies.
  std::string small_config(const std::string& set = "scheduler = \"shared\"") {
    return "[run]\nduration = \"60ms\"\nwarmup = \"10ms\"\nseed = 3\n"
           "[[tenant]]\nname = \"hp\"\nclass = \"latency_critical\"\nslo = \"10ms\"\nmode = \"graph\"\n"
           "trace = \"" LITHOS_SOURCE_DIR
           "/configs/traces/resnet50_infer_b16.csv\"\n"
           "arrivals = { kind = \"poisson\", rate = \"300/s\" }\n"
           "[[tenant]]\nname = \"be\"\nclass = \"best_effort\"\n"
           "trace = \"" LITHOS_SOURCE_DIR
           "/configs/traces/dlrm_infer_b2048.csv\"\n"
           "[[set]]\nname = \"only\"\n" +
           set + "\n";
  }

  TemporaryFolder folder_;
};

}  // namespace lithos::testing
