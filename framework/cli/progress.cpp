// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace lithos {
namespace {

constexpr std::size_t kBarWidth = 40;
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);

}  // namespace

void Progress::report(std::size_t run, double fraction) {
  if (!visible_) return;
  const std::lock_guard lock(mutex_);
  fractions_[run] = std::clamp(fraction, 0.0, 1.0);
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - drawn_at_ < kRedrawEvery) return;
  drawn_at_ = now;
  drawn_ = true;
  const double all =
      std::accumulate(fractions_.begin(), fractions_.end(), 0.0) / static_cast<double>(fractions_.size());
  const auto done = std::count(fractions_.begin(), fractions_.end(), 1.0);
  const auto filled = static_cast<std::size_t>(all * static_cast<double>(kBarWidth));
  std::string bar;
  for (std::size_t i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  err_ << fmt::format("\r  {} {:3.0f}%  {} of {} sets done ", bar, all * 100, done, fractions_.size()) << std::flush;
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  if (drawn_) err_ << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace lithos
