// SPDX-License-Identifier: Apache-2.0
// Lowers the clock as far as the work in flight does not feel it, after the LithOS paper (§5.6), but in a closed loop.
//
// With s the share by which an operator slows down when the clock halves its speed (1: fully, 0: not at all), w its share of busy time
// and S = Σ w·s, running at f costs about S · (fmax/f − 1). So a tolerated slowdown k gives f = fmax / (1 + k/S). Operators not known yet
// count as s = 1. The open formula overshoots its budget by far when s is learnt from noise (reference: a public re-implementation measured
// six-fold), so the clock goes down one notch at a time and what the operators really lost decides whether it goes on.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Sensitivity {
 public:
  static constexpr const char* id = "org.lithos.dvfs.sensitivity";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "f = fmax / (1 + k/S) by the sensitivity of what runs, approached step by step.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double coverage, hysteresis, step;
    std::chrono::nanoseconds settle;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::coverage>(1, "coverage", 0.8).range(0.1, 1.0)
          .doc("Share of busy time whose operators must be known at the highest clock before it is lowered."),
      lithos::param<&Params::hysteresis>(2, "hysteresis", 0.7).range(0.1, 1.0)
          .doc("The clock goes further down only while the slowdown is below this share of what is tolerated."),
      lithos::param<&Params::step>(3, "step", 0.08).range(0.01, 0.5).doc("Largest change of the clock at once, as a share of the highest."),
      lithos::param<&Params::settle>(4, "settle", 500ms).range(50ms, 60s)
          .doc("Time between changes; the hardware takes about 50 ms for one.")};

  Sensitivity(const lithos::Gpu& gpu, const Params& values)
      : clocks_mhz_(gpu.clocks_mhz()), top_mhz_(gpu.max_clock_mhz()), params_(values) {
    if (!gpu.clocks_mhz().empty()) lowest_mhz_ = gpu.clocks_mhz().back();
    wish_mhz_ = top_mhz_;
    known_.reserve(4096);
  }

  lithos::ClockRequest plan(const lithos::PowerSample& sample) {
    const Budget budget = learn(sample);
    if (sample->now_ns >= settled_at_ns_ && top_mhz_ > 0 && budget.weight > 0) {
      const std::uint32_t before = wish_mhz_;
      wish_mhz_ = next_clock(budget, sample->slip - 1);
      if (wish_mhz_ != before) settled_at_ns_ = sample->now_ns + lithos::ns(params_.settle);
    }
    lithos::ClockRequest request{};
    request.struct_size = sizeof request;
    request.clock_mhz = wish_mhz_;
    return request;
  }

 private:
  struct Operator {
    double at_top_ns = 0;     // mean at the highest clock
    double sensitivity = 1;   // assumed until seen at a lower clock
  };
  struct Budget {
    double weight = 0;        // Σ w over all operators of the window
    double known = 0;         // … of which have been seen at the highest clock
    double sensitivity = 0;   // S = Σ w·s / Σ w
    double slowdown = 0;      // Σ w·(now/at top − 1) / Σ w over the known
  };

  Budget learn(const lithos::PowerSample& sample) {
    Budget budget;
    const double stretch = sample->clock_mhz > 0 ? static_cast<double>(top_mhz_) / sample->clock_mhz - 1 : 0;
    for (const lithos::OpWeight weight : sample.ops()) {
      Operator& op = known_[weight->op_id];
      const auto mean_ns = static_cast<double>(weight->mean_ns);
      if (stretch < 0.01) {
        op.at_top_ns = op.at_top_ns == 0 ? mean_ns : 0.7 * op.at_top_ns + 0.3 * mean_ns;
      } else if (op.at_top_ns > 0) {
        const double loss = mean_ns / op.at_top_ns - 1;
        op.sensitivity = 0.5 * op.sensitivity + 0.5 * std::clamp(loss / stretch, 0.0, 1.5);
        budget.slowdown += weight->share * loss;
      }
      budget.weight += weight->share;
      budget.sensitivity += weight->share * op.sensitivity;
      if (op.at_top_ns > 0) budget.known += weight->share;
    }
    if (budget.weight > 0) budget.sensitivity /= budget.weight, budget.slowdown /= budget.weight;
    return budget;
  }

  std::uint32_t next_clock(const Budget& budget, double tolerated) const {
    if (budget.known < params_.coverage * budget.weight) return top_mhz_;
    const double step_mhz = params_.step * top_mhz_;
    const double target = top_mhz_ / (1 + tolerated / std::max(0.02, budget.sensitivity));
    double clock = wish_mhz_;
    if (budget.slowdown > tolerated) clock += step_mhz;
    else if (clock > target && budget.slowdown < params_.hysteresis * tolerated) clock = std::max(target, clock - step_mhz);
    else if (clock < target) clock = std::min(target, clock + step_mhz);
    return supported(std::clamp(clock, static_cast<double>(lowest_mhz_), static_cast<double>(top_mhz_)));
  }

  // The lowest clock of the device that is not below `wish`.
  std::uint32_t supported(double wish) const {
    std::uint32_t best = top_mhz_;
    for (const std::uint32_t clock : clocks_mhz_)
      if (clock >= wish && clock < best) best = clock;
    return best;
  }

  std::vector<std::uint32_t> clocks_mhz_;
  std::uint32_t top_mhz_ = 0, lowest_mhz_ = 0, wish_mhz_ = 0;
  std::uint64_t settled_at_ns_ = 0;
  Params params_;
  std::unordered_map<std::uint64_t, Operator> known_;
};
LITHOS_EXPORT_DVFS(Sensitivity)
