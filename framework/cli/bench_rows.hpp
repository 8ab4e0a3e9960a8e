// SPDX-License-Identifier: Apache-2.0
// What `lithos bench policies` says of a file: one row per set, means over the cases; and how the subject's sets compare with the others.
// Pure functions of finished runs.
#pragma once

#include <string>
#include <vector>

#include "cli/experiment.hpp"
#include "sim/estimate.hpp"

namespace lithos {

// A set keeps its SLO where at least this share of the requests does.
inline constexpr double kKeepsSlo = 0.99;

// One set over all cases of a file: per seed the mean over the cases (tails: geometric), then over the seeds.
struct BenchRow {
  struct Case {
    std::string name;
    double attainment = 0, goodput = 0;  // means over the seeds
  };
  std::string set;
  bool diverges = false;
  Estimate tail, worst_tail, attainment, goodput, throughput, others, jain;
  std::vector<Case> cases;
};

struct BenchFile {
  std::string name;             // "stacking"
  std::vector<BenchRow> rows;   // in the order of the file
  Estimate bound;               // of throughput, over the cases: sim/throughput_bound.hpp. runs == 0: no set has all tenants
};

BenchFile bench_file(const std::string& name, const LoadedConfig& loaded, const Experiment& experiment);

std::string render_bench(const std::vector<BenchFile>& files, bool colour);

// The sets that are `subject` or "subject_…" against two groups of rivals: systems as they are, and ideas of others on LithOS's mechanisms
// (sets whose names end in "_on_lithos"); the set "alone" is nobody's rival. Two readings of "the best" side by side: of all, and of
// those that keep the SLO.
std::string render_verdicts(const std::vector<BenchFile>& files, const std::string& subject, bool colour);

}  // namespace lithos
