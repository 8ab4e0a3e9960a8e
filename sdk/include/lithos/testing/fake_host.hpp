// SPDX-License-Identifier: Apache-2.0
// A host and a GPU for tests of policies: they record what a policy says and offer what the ABI promises, nothing more.
//
//   lithos::testing::FakeHost host;
//   lithos::testing::FakeGpu gpu(66);
//
// Threads    One test thread. Ownership: a policy keeps pointers to its host until its destructor has returned, so a
//            FakeHost outlives the policies it was given to. Neither can be copied.
// Depends on the standard library only, like everything in lithos/testing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "lithos/policy_abi.h"

namespace lithos::testing {

class FakeHost {
 public:
  // `nothing`: every function a policy must be able to do without is NULL.
  enum class Offers { everything, nothing };

  explicit FakeHost(Offers offers = Offers::everything) {
    host_.struct_size = sizeof host_;
    host_.abi_minor = LITHOS_POLICY_ABI_MINOR;
    host_.ctx = this;
    if (offers == Offers::nothing) return;
    host_.log = [](const lithos_host* host, std::int32_t level, const char* text) {
      of(host).lines_.push_back({level, text});
    };
    host_.fail = [](const lithos_host* host, const char* text) {
      of(host).failure_ = text;
      ++of(host).failures_;
    };
    host_.metric = [](const lithos_host* host, std::uint32_t index, double value) {
      if (index >= kMetricsMax) return;
      of(host).sum_[index] += value;
      of(host).last_[index] = value;
    };
    host_.extension = [](const lithos_host*, const char*) -> const void* { return nullptr; };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const lithos_host* c() const { return &host_; }

  struct Line {
    std::int32_t level;  // LITHOS_LOG_*
    std::string text;
  };
  const std::vector<Line>& lines() const { return lines_; }

  // What the policy gave to fail(), and how often it did.
  const std::string& failure() const { return failure_; }
  unsigned failures() const { return failures_; }

  // By the metric's position in the policy's table: the sum of what was reported (a counter), the last (a gauge).
  double counter(std::uint32_t index) const { return sum_.at(index); }
  double gauge(std::uint32_t index) const { return last_.at(index); }

 private:
  static constexpr std::size_t kMetricsMax = 64;
  static FakeHost& of(const lithos_host* host) { return *static_cast<FakeHost*>(host->ctx); }

  lithos_host host_{};
  std::vector<Line> lines_;
  std::string failure_;
  unsigned failures_ = 0;
  std::array<double, kMetricsMax> sum_{}, last_{};
};

// A GPU of `tpcs` TPCs in GPCs of at most nine, with clocks from 1980 MHz down to 345 MHz.
class FakeGpu {
 public:
  explicit FakeGpu(unsigned tpcs = 66, std::uint64_t seed = 1) {
    constexpr unsigned kTpcsPerGpc = 9;
    for (unsigned tpc = 0; tpc < tpcs; ++tpc) gpc_of_tpc_.push_back(static_cast<std::uint16_t>(tpc / kTpcsPerGpc));
    for (std::uint32_t mhz = 1980; mhz >= 345; mhz -= 15) clocks_mhz_.push_back(mhz);
    info_.struct_size = sizeof info_;
    info_.tpcs = tpcs;
    info_.sms_per_tpc = 2;
    info_.gpcs = (tpcs + kTpcsPerGpc - 1) / kTpcsPerGpc;
    info_.gpc_of_tpc = gpc_of_tpc_.data();
    info_.seed = seed;
    info_.clocks_mhz = clocks_mhz_.data();
    info_.clocks = static_cast<std::uint32_t>(clocks_mhz_.size());
  }
  FakeGpu(const FakeGpu&) = delete;
  FakeGpu& operator=(const FakeGpu&) = delete;

  const lithos_gpu_info* c() const { return &info_; }
  unsigned tpcs() const { return info_.tpcs; }
  const std::vector<std::uint32_t>& clocks_mhz() const { return clocks_mhz_; }

 private:
  std::vector<std::uint16_t> gpc_of_tpc_;
  std::vector<std::uint32_t> clocks_mhz_;
  lithos_gpu_info info_{};
};

}  // namespace lithos::testing
