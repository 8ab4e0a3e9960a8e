// SPDX-License-Identifier: Apache-2.0
// What must hold of the virtual GPU between events. For tests; slow and plain on purpose.
#include "sim/virtual_gpu_impl.hpp"

namespace lithos {
namespace {

std::string about(const Stream& stream, const char* what) {
  return "tenant " + std::to_string(value_of(stream.tenant)) + " queue " + std::to_string(value_of(stream.queue)) +
         ": " + what;
}

std::string check_stream(const Stream& stream) {
  if (stream.phase == Phase::idle && !stream.submissions.empty()) return about(stream, "idle with work submitted");
  if (stream.phase != Phase::idle && stream.submissions.empty()) return about(stream, "busy with nothing submitted");
  if (stream.phase != Phase::running) return {};
  if (stream.held.empty()) return about(stream, "runs on no TPC");
  if (stream.held.count() != stream.held_count) return about(stream, "miscounts its TPCs");
  if (!stream.allowed.contains(stream.held)) return about(stream, "runs outside its mask");
  const bool whole_clusters = stream.kernel->info->cluster_blocks > stream.kernel->blocks_per_tpc;
  if (stream.held_count > stream.target_tpcs && !whole_clusters)
    return about(stream, "holds more TPCs than it can use");
  if (stream.remaining < -1e-6 || stream.remaining > 1) return about(stream, "has an impossible amount of work left");
  return {};
}

}  // namespace

std::string VirtualGpu::Impl::check_invariants() const {
  for (const Stream& stream : streams_)
    if (std::string wrong = check_stream(stream); !wrong.empty()) return wrong;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    TpcSet once, twice, thrice;
    for (const unsigned index : group.running) {
      thrice |= twice & streams_[index].held;
      twice |= once & streams_[index].held;
      once |= streams_[index].held;
    }
    if (!thrice.empty()) return "three launches on one TPC";
    if (once != group.once || twice != group.twice) return "the record of occupied TPCs is wrong";
    if (g != working_) continue;
    TpcSet claimed;
    for (const unsigned index : group.line) {
      const Stream& stream = streams_[index];
      TpcSet idle = stream.allowed - stream.held - claimed - group.once;
      if (stream.kernel->info->cluster_blocks > 1) idle &= room_for_clusters(*stream.kernel->info, idle | stream.held);
      if (stream.held_count < stream.target_tpcs && !idle.empty()) return about(stream, "waits for a TPC that is free");
      if (!stream.dispatched) claimed |= stream.allowed;
    }
  }
  return {};
}

}  // namespace lithos
