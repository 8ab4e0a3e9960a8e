// SPDX-License-Identifier: Apache-2.0
// A sequence of questions and facts for a policy of any kind, made from a seed, and a judge of the answers.
//
// Everything is prepared when the script is made: playing it allocates nothing, so that what a policy allocates can be
// counted. Playing the same script to two policies shows whether they answer alike (Played::digest).
// One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/policy_check/subject.hpp"
#include "lithos/testing/fake_host.hpp"

namespace lithos {

struct ScriptOptions {
  std::uint64_t seed = 1;
  unsigned steps = 200;
  unsigned tenants_max = 8;  // scheduler
  bool settled = false;      // scheduler: the same tenants from the first question to the last
  bool all_leave = false;    // scheduler: after the last question nobody is there any more
  bool garbage = false;      // numbers at and beyond every plausible bound, flags and classes from the future
  bool clock_runs_back = false;
  std::size_t larger_structs_by = 0;  // bytes by which the host's array elements exceed this header's
  unsigned first_tenant = 1;          // scheduler: tenants' ids are this and the following
};

struct Played {
  unsigned asked = 0;
  unsigned refused = 0;                           // negative statuses
  std::string first_refusal;                      // what the policy said about it
  std::string first_fault;                        // of an answer that the host would correct; empty: none
  std::string wild_write;                         // beyond the answer, or into the question; empty: none
  std::uint64_t digest = 0;                       // of all answers
  std::vector<std::uint64_t>* took_ns = nullptr;  // by question: the shortest time seen, where anybody wants it
};

// The questions of one kind: step by step, one question each and the facts before it.
class ScriptPart {
 public:
  virtual ~ScriptPart() = default;
  virtual void play(unsigned step, SubjectInstance& subject, Played& played) = 0;
};
std::unique_ptr<ScriptPart> scheduler_script(const lithos_gpu_info& gpu, const ScriptOptions& options);
std::unique_ptr<ScriptPart> predictor_script(const lithos_gpu_info& gpu, const ScriptOptions& options);
std::unique_ptr<ScriptPart> right_sizer_script(const lithos_gpu_info& gpu, const ScriptOptions& options);
std::unique_ptr<ScriptPart> dvfs_script(const lithos_gpu_info& gpu, const ScriptOptions& options);

class Script {
 public:
  Script(std::uint32_t kind, const lithos_gpu_info& gpu, const ScriptOptions& options);

  Played play(SubjectInstance& subject) const;
  // Without looking at the answers: allocates nothing itself.
  void play_unjudged(SubjectInstance& subject) const;
  // The slowest question, each by its fastest of `plays`: what the machine did meanwhile does not count.
  std::uint64_t slowest_ns(SubjectInstance& subject, unsigned plays) const;

 private:
  void play(SubjectInstance& subject, Played& played) const;

  std::unique_ptr<ScriptPart> part_;
  unsigned steps_;
};

// For the parts: mixes bytes into a digest, and times a call that returns a status.
void mix(std::uint64_t& digest, const void* bytes, std::size_t size);
template <class Call>
bool timed(SubjectInstance& subject, Played& played, Call&& call);

// A source of numbers as odd as a host could ever show: bounds, near-bounds, anything.
class OddNumbers {
 public:
  explicit OddNumbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint64_t next();  // uniform
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  double real() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // 0 … 1
  std::uint64_t odd();                                                   // 0, 1, 2^63, 2^64-1, … or anything
  double odd_real();                                                     // NaN, infinities, negative, tiny, huge

 private:
  std::uint64_t state_;
};

std::uint64_t monotonic_ns();
void note_refusal(SubjectInstance& subject, Played& played);

template <class Call>
bool timed(SubjectInstance& subject, Played& played, Call&& call) {
  const std::uint64_t start = monotonic_ns();
  const lithos_status status = call();
  const std::uint64_t took = monotonic_ns() - start;
  ++played.asked;
  if (played.took_ns != nullptr) {
    std::uint64_t& shortest = (*played.took_ns)[played.asked - 1];
    if (took < shortest) shortest = took;
  }
  mix(played.digest, &status, sizeof status);
  if (status < 0) note_refusal(subject, played);
  return status >= 0;
}

}  // namespace lithos
