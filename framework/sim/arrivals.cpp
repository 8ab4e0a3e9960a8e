// SPDX-License-Identifier: Apache-2.0
#include "sim/arrivals.hpp"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

namespace lithos {
namespace {

constexpr std::size_t kDiagnosticsMax = 20;  // a file that is no arrival file at all need not fill the screen

ParsedArrivals read(std::istream& in, const std::string& file) {
  ParsedArrivals parsed;
  std::vector<Nanoseconds> times;
  std::string line;
  for (int number = 1; std::getline(in, line) && parsed.diagnostics.size() < kDiagnosticsMax; ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    double us = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), us);
    if (error != std::errc{} || end != line.data() + line.size() || !(us >= 0) || us > 1e12) {
      parsed.diagnostics.push_back(
          {{file, number, 1}, "\"" + line + "\": expected an arrival time in microseconds, for example 1250.5"});
      continue;
    }
    const Nanoseconds at{static_cast<std::int64_t>(std::llround(us * 1e3))};
    if (!times.empty() && at < times.back()) {
      parsed.diagnostics.push_back(
          {{file, number, 1}, "\"" + line + "\": expected a time not before that of the line above"});
      continue;
    }
    times.push_back(at);
  }
  if (times.empty() && parsed.diagnostics.empty())
    parsed.diagnostics.push_back({{file, 1, 1}, "no arrival times in this file"});
  if (parsed.diagnostics.empty()) parsed.times = std::move(times);
  return parsed;
}

}  // namespace

std::uint64_t Random::bits() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double Random::uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

double Random::exponential() { return -std::log1p(-uniform()); }

std::uint64_t seed_for(std::uint64_t run_seed, const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return Random(run_seed ^ hash).bits();
}

ParsedArrivals parse_arrivals_file(const std::string& path) {
  std::ifstream in(path);
  if (in) return read(in, path);
  ParsedArrivals parsed;
  parsed.diagnostics.push_back({{path, 1, 1}, std::string("cannot read the arrival file: ") + std::strerror(errno)});
  return parsed;
}

ParsedArrivals parse_arrivals_text(const std::string& text, const std::string& file_name) {
  std::istringstream in(text);
  return read(in, file_name);
}

Arrivals::Arrivals(const ArrivalConfig& config, std::uint64_t seed, std::vector<Nanoseconds> times)
    : config_(config), random_(config.seed != 0 ? config.seed : seed), times_(std::move(times)) {}

Nanoseconds Arrivals::next() {
  switch (config_.kind) {
    case ArrivalKind::closed_loop: return kNever;
    case ArrivalKind::file: return position_ < times_.size() ? times_[position_++] : kNever;
    case ArrivalKind::poisson:
      at_ns_ += random_.exponential() * 1e9 / config_.rate_per_s;
      return Nanoseconds{static_cast<std::int64_t>(at_ns_)};
    case ArrivalKind::bursts: return next_in_bursts();
  }
  return kNever;
}

// Poisson in the time that bursts last; the gaps are put in afterwards.
Nanoseconds Arrivals::next_in_bursts() {
  at_ns_ += random_.exponential() * 1e9 / config_.rate_per_s;
  const auto within = static_cast<std::int64_t>(at_ns_);
  const std::int64_t burst = std::max<std::int64_t>(1, config_.burst_length.count());
  return Nanoseconds{within + within / burst * config_.burst_gap.count()};
}

}  // namespace lithos
