// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace lithos {

Script::Script(std::uint32_t kind, const lithos_gpu_info& gpu, const ScriptOptions& options) : steps_(options.steps) {
  switch (kind) {
    case LITHOS_KIND_SCHEDULER: part_ = scheduler_script(gpu, options); break;
    case LITHOS_KIND_PREDICTOR: part_ = predictor_script(gpu, options); break;
    case LITHOS_KIND_RIGHT_SIZER: part_ = right_sizer_script(gpu, options); break;
    default: part_ = dvfs_script(gpu, options); break;
  }
}

Played Script::play(SubjectInstance& subject) const {
  Played played;
  play(subject, played);
  return played;
}

void Script::play_unjudged(SubjectInstance& subject) const {
  Played played;
  played.first_fault = played.wild_write = "-";  // the first of each is kept: nothing is put together
  play(subject, played);
}

std::uint64_t Script::slowest_ns(SubjectInstance& subject, unsigned plays) const {
  std::vector<std::uint64_t> took_ns(steps_, std::numeric_limits<std::uint64_t>::max());
  for (unsigned i = 0; i < plays; ++i) {
    Played played;
    played.took_ns = &took_ns;
    play(subject, played);
  }
  return *std::max_element(took_ns.begin(), took_ns.end());
}

void Script::play(SubjectInstance& subject, Played& played) const {
  for (unsigned step = 0; step < steps_; ++step) part_->play(step, subject, played);
}

void mix(std::uint64_t& digest, const void* bytes, std::size_t size) {
  const auto* byte = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < size; ++i) digest = (digest ^ byte[i]) * 0x100000001b3u + 1;
}

std::uint64_t monotonic_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

void note_refusal(SubjectInstance& subject, Played& played) {
  if (played.refused++ == 0) played.first_refusal = subject.host().failure();
}

// splitmix64: the same on every machine.
std::uint64_t OddNumbers::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t OddNumbers::odd() {
  switch (below(7)) {
    case 0: return 0;
    case 1: return 1;
    case 2: return std::numeric_limits<std::uint64_t>::max();
    case 3: return std::uint64_t{1} << 63;
    case 4: return std::numeric_limits<std::uint32_t>::max();
    case 5: return below(1'000'000);
    default: return next();
  }
}

double OddNumbers::odd_real() {
  switch (below(7)) {
    case 0: return std::numeric_limits<double>::quiet_NaN();
    case 1: return std::numeric_limits<double>::infinity();
    case 2: return -1;
    case 3: return 0;
    case 4: return std::numeric_limits<double>::max();
    case 5: return std::numeric_limits<double>::denorm_min();
    default: return real();
  }
}

}  // namespace lithos
