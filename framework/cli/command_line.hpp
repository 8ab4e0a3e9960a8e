// SPDX-License-Identifier: Apache-2.0
// The command line as values. command_line.cpp is the only file that knows the library that parses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "cli/gpu_arguments.hpp"
#include "cli/policy_arguments.hpp"

namespace lithos {

// lithos sim
struct SimArguments {
  std::string config;
  std::string json;               // file to write; "-": stdout, in place of the table; empty: none
  std::string report;             // HTML file to write; empty: none
  std::string perfetto;           // trace to write, of several sets one each; empty: none
  std::string against;            // result of `lithos bench colocate` to compare with; empty: none
  std::string case_name;          // of a file with cases only this one; empty: all
  std::vector<std::string> sets;  // only these; empty: all
  std::vector<std::string> policy_path;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> seeds;  // in place of run.seeds
  std::optional<Nanoseconds> duration;
  unsigned jobs = 0;   // runs at once; 0: one per processor
  bool operators = false;  // per-operator tables after the comparison
  bool quiet = false;  // no progress, no notes
};

// lithos config check
struct ConfigCheckArguments {
  std::vector<std::string> files;
  std::vector<std::string> policy_path;
};

// lithos config keys
struct ConfigKeysArguments {
  std::string section;  // "tenant", "[run]", …; empty: all
};

// What commands that run an experiment have in common.
struct ExperimentArguments {
  std::string json;
  std::vector<std::string> policy_path;
  std::optional<std::uint64_t> seeds;
  std::optional<Nanoseconds> duration;
  unsigned jobs = 0;
  bool quiet = false;
};

// lithos bench policies
struct BenchPoliciesArguments : ExperimentArguments {
  std::vector<std::string> files;  // empty: the paper's experiments
  std::string subject = "lithos";  // the set that the others are compared with
};

// lithos bench predict
struct BenchPredictArguments {
  std::string traces;                 // folder; empty: the shipped ones
  std::vector<std::string> policies;  // predictors by id; empty: all that are shipped
  std::vector<std::string> seen;      // "66,40,8": what they are shown, one row each; empty: several choices
  unsigned passes = 3;                // over each trace
  bool ordinals = true;
  std::string json;
  std::vector<std::string> policy_path;
};

// lithos bench rightsize, lithos bench dvfs: an experiment, and what its sets save against one of them
struct BenchSavingsArguments : ExperimentArguments {
  bool power = false;    // dvfs: energy and clocks, and the power model's constants
  std::string file;      // empty: configs/paper/right_sizing.toml or dvfs.toml
  std::string baseline;  // set; empty: the file's first
  std::string subject;   // set whose cases are shown one by one
  std::string traces;    // rightsize: folder of the traces for the scaling law
};

// lithos report
struct ReportArguments {
  std::string result;  // JSON
  std::string out;     // "-": stdout
};

// lithos top
struct TopArguments {
  std::string run_folder;
  Nanoseconds interval{1'000'000'000};
  std::uint64_t samples = 0;  // 0: until the end
  bool json = false;          // one sample per line
};

// lithos trace
struct TraceArguments {
  std::string run_folder;
  std::string out = "lithos.perfetto-trace";
  Nanoseconds duration{5'000'000'000};
  std::uint64_t most_mib = 256;
};

// lithos trace convert
struct TraceConvertArguments {
  std::string trace;
  std::string out;  // folder
};

// Everything that talks to a running lithosd: one request of the admin protocol (docs/operate.md).
struct DaemonArguments {
  std::string request;              // "status", "policy.swap", …
  std::string run_folder;           // where its sockets are
  std::vector<std::string> words;   // KIND=POLICY …, FILE, KIND.KEY VALUE, KIND: by request
  std::vector<std::string> params;  // KIND.KEY=VALUE, for policy.swap
  std::string set;                  // for config.plan and config.apply; empty: the one that is in force
  bool json = false;                // the answer as it came
};

// Nothing to run: help or version was asked for (exit 0), or the line is wrong (exit 2).
struct ParserOutput {
  std::string out;
  std::string err;
  int exit_code = 0;
};

using CommandLine = std::variant<ParserOutput, SimArguments, ConfigCheckArguments, ConfigKeysArguments,
                                 BenchPoliciesArguments, BenchPredictArguments, BenchSavingsArguments, ReportArguments,
                                 TopArguments, TraceArguments, TraceConvertArguments, PolicyNewArguments, PolicyDescribeArguments, PolicyCheckArguments,
                                 PolicySimArguments, DaemonArguments, RunArguments, UpArguments, DownArguments, DoctorArguments,
                                 CalibrateArguments, ColocateArguments>;
CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace lithos
