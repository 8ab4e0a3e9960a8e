// SPDX-License-Identifier: Apache-2.0
// When requests arrive: Poisson or bursts from a seed, or a file with one arrival time per line. Deterministic, the
// same on every machine: the generator and its distributions are ours. One thread per object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "config/config.hpp"

namespace lithos {

// splitmix64: 64 bits of state, passes BigCrush, two lines.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits();
  double uniform();      // [0, 1)
  double exponential();  // mean 1

 private:
  std::uint64_t state_;
};

// A seed of its own for each named stream of randomness in a run.
std::uint64_t seed_for(std::uint64_t run_seed, const std::string& name);

struct ParsedArrivals {
  std::optional<std::vector<Nanoseconds>> times;  // present only if there are no diagnostics; not decreasing
  std::vector<Diagnostic> diagnostics;
};
// One time in microseconds per line, not decreasing; empty lines and lines that begin with # are skipped.
ParsedArrivals parse_arrivals_file(const std::string& path);
ParsedArrivals parse_arrivals_text(const std::string& text, const std::string& file_name);

class Arrivals {
 public:
  // `times`: for ArrivalKind::file. A closed loop has no arrivals of its own: next() is kNever.
  Arrivals(const ArrivalConfig& config, std::uint64_t seed, std::vector<Nanoseconds> times = {});

  Nanoseconds next();  // the next arrival, each later than or equal to the one before; kNever: no more

 private:
  Nanoseconds next_in_bursts();

  ArrivalConfig config_;
  Random random_;
  std::vector<Nanoseconds> times_;
  std::size_t position_ = 0;
  double at_ns_ = 0;  // of the last arrival; for bursts: counted in time within bursts only
};

}  // namespace lithos
