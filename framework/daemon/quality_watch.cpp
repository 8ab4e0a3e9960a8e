// SPDX-License-Identifier: Apache-2.0
#include "daemon/quality_watch.hpp"

#include <fmt/format.h>

#include <cmath>

#include "config/config.hpp"

namespace lithos {
namespace {

double mean_error(double log2_sum, std::uint64_t count) { return std::exp2(log2_sum / static_cast<double>(count)) - 1; }

std::string how_far(double error) {
  return error < 1 ? fmt::format("{:.0f} %", 100 * error) : fmt::format("{:.3g} times", 1 + error);
}

}  // namespace

void QualityWatch::restart(const PredictionScore& score, Nanoseconds now) {
  began_ = now;
  before_ = score;
  quality_ = {};
}

bool QualityWatch::look(const PredictionScore& score, Nanoseconds now) {
  quality_.judged = score.judged;
  quality_.contended = score.contended;
  quality_.unfamiliar = score.unfamiliar;
  const std::uint64_t judged = score.judged - before_.judged;
  if (judged == 0 || judged < options_.least || now - began_ < options_.window) return false;
  quality_.off = mean_error(score.configured_log2 - before_.configured_log2, judged);
  quality_.builtin_off = mean_error(score.builtin_log2 - before_.builtin_log2, judged);
  began_ = now;
  before_ = score;
  if (quality_.off <= options_.tolerated || quality_.off <= quality_.builtin_off) quality_.bad_windows = 0;
  else if (quality_.off > options_.worse * quality_.builtin_off) ++quality_.bad_windows;
  return options_.windows > 0 && quality_.bad_windows >= options_.windows;
}

std::string QualityWatch::why() const {
  return fmt::format("off by {}, the built-in predictor by {}, in {} windows of {} or longer", how_far(quality_.off),
                     how_far(quality_.builtin_off), quality_.bad_windows, format_duration(options_.window));
}

}  // namespace lithos
