// SPDX-License-Identifier: Apache-2.0
#include "policy_host/prediction_judge.hpp"

#include <algorithm>
#include <cmath>

namespace lithos {
namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio: its multiples spread evenly
constexpr unsigned kSampleBits = 3;                     // one in 2^3

double off_log2(double predicted_ns, double observed_ns) {
  return std::min(std::abs(std::log2(predicted_ns / observed_ns)), PredictionJudge::kMostLog2);
}

}  // namespace

bool PredictionJudge::wants(const lithos_observation& seen) {
  if (seen.duration_ns == 0 || seen.block_count == 0) return false;
  if (seen.neighbour_tpcs != 0) {
    ++score_.contended;
    return false;
  }
  const std::uint64_t key = (seen.op.op_id ^ seen.tenant_id * kGolden) * 0xff51afd7ed558ccdu | 1;
  Familiar& familiar = familiar_[key >> (64 - kSlotBits)];
  if (familiar.key != key) familiar = {key, 0};
  if (familiar.count < kFamiliarAfter) {
    ++familiar.count;
    ++score_.unfamiliar;
    return false;
  }
  return ++fair_ * kGolden >> (64 - kSampleBits) == 0;
}

void PredictionJudge::judge(const lithos_observation& seen, double configured_ns, double builtin_ns) {
  const auto observed_ns = static_cast<double>(seen.duration_ns);
  ++score_.judged;
  score_.configured_log2 += off_log2(configured_ns, observed_ns);
  score_.builtin_log2 += off_log2(builtin_ns, observed_ns);
}

}  // namespace lithos
