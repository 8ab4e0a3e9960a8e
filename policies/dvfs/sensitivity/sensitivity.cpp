// SPDX-License-Identifier: Apache-2.0
// Lowers the clock as far as the work in flight does not feel it, after the LithOS paper (§5.6), but in a closed loop.
//
// With s the share by which an operator slows down when the clock halves its speed (1: fully, 0: not at all), w its share of busy time
// and S = Σ w·s, running at f costs about S · (fmax/f − 1). So a tolerated slowdown k gives f = fmax / (1 + k/S). Operators not known yet
// count as s = 1. The open formula overshoots its budget by far when s is learnt from noise (reference: a public re-implementation measured
// six-fold), so the clock goes down one notch at a time, and what the operators really lost decides whether it goes on.
//
// Guards: a change takes about 50 ms, so windows in which the clock moved teach nothing and changes are `settle` apart; most of the busy
// time must be of operators known at the highest clock; times are compared for the same tenant on about as many TPCs; every `refresh` the
// highest clock comes back for a moment, because kernels change with their data; small moves are not worth a switch.
#include <algorithm>
#include <cmath>
#include <vector>

#include <lithos/operator_memory.hpp>
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Sensitivity {
 public:
  static constexpr const char* id = "org.lithos.dvfs.sensitivity";
  static constexpr const char* version = "1.2.0";
  static constexpr const char* summary = "f = fmax / (1 + k/S) by the sensitivity of what runs, approached step by step.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double coverage, hysteresis, step;
    std::chrono::nanoseconds settle, refresh;
    double floor, margin;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::coverage>(1, "coverage", 0.8).range(0.1, 1.0)
          .doc("Share of busy time whose operators must be known at the highest clock before it is lowered."),
      lithos::param<&Params::hysteresis>(2, "hysteresis", 0.7).range(0.1, 1.0)
          .doc("The clock goes further down only while the slowdown is below this share of what is tolerated."),
      lithos::param<&Params::step>(3, "step", 0.08).range(0.01, 0.5).doc("Largest change downwards at once, as a share of the highest clock."),
      lithos::param<&Params::settle>(4, "settle", 500ms).range(50ms, 60s)
          .doc("Time between changes; the hardware takes about 50 ms for one."),
      lithos::param<&Params::refresh>(5, "refresh", 30s).range(1s, 1h)
          .doc("How often the highest clock comes back for one settling time, to learn anew what operators take there."),
      lithos::param<&Params::floor>(6, "floor", 0.5).range(0.1, 1.0)
          .doc("Never below this share of the highest clock: further down the voltage does not fall any more."),
      lithos::param<&Params::margin>(7, "margin", 0.08).range(0.0, 0.9)
          .doc("Share of the tolerated slowdown that is kept back: the mean is what is held, and ten seconds of another mix lose more.")};
  static constexpr std::tuple metrics{
      lithos::counter("clock_changes_total", "", "Times that another clock was asked for."),
      lithos::gauge("sensitivity", "", "Part of the busy time that the clock stretches."),
      lithos::gauge("slowdown", "", "What the operators lose at the present clock, as a share of their time.")};

  Sensitivity(const lithos::Host& host, const lithos::Gpu& gpu, const Params& values)
      : host_(host), clocks_mhz_(gpu.clocks_mhz()), top_mhz_(gpu.max_clock_mhz()), wish_mhz_(top_mhz_), params_(values) {}

  lithos::ClockRequest plan(const lithos::PowerSample& sample) {
    const std::uint64_t now = sample->now_ns;
    if (refresh_at_ns_ == 0) refresh_at_ns_ = now + lithos::ns(params_.refresh);
    const bool moved = sample->clock_mhz != last_mhz_;
    last_mhz_ = sample->clock_mhz;
    if (top_mhz_ > 0 && !moved) {
      const Budget budget = learn(sample);
      note(budget);
      if (now >= settled_at_ns_ && budget.weight > 0) ask(now, refreshed(now) ? top_mhz_ : next_clock(budget, (1 - params_.margin) * (sample->slip - 1)));
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
    double slowdown = 0;      // Σ w·(now/at top − 1) / Σ w over the known, w in time at the highest clock
  };

  static std::uint64_t key_of(const lithos::OpWeight& weight) {
    const std::uint64_t about = weight->tpcs < 2 ? weight->tpcs : static_cast<std::uint64_t>(4 * std::log2(weight->tpcs));
    return lithos::spread_key(weight->op_id ^ lithos::spread_key(weight->tenant_id << 8 ^ about));
  }

  Budget learn(const lithos::PowerSample& sample) {
    Budget budget;
    const double stretch = sample->clock_mhz > 0 ? static_cast<double>(top_mhz_) / sample->clock_mhz - 1 : 0;
    double then = 0, now = 0;
    for (const lithos::OpWeight weight : sample.ops()) {
      Operator& op = known_.get(key_of(weight));
      const auto mean_ns = static_cast<double>(weight->mean_ns);
      if (!(weight->share > 0) || mean_ns <= 0) continue;
      if (stretch < 0.01) {
        op.at_top_ns = op.at_top_ns == 0 ? mean_ns : 0.7 * op.at_top_ns + 0.3 * mean_ns;
      } else if (op.at_top_ns > 0) {
        const double loss = mean_ns / op.at_top_ns - 1;
        op.sensitivity = 0.5 * op.sensitivity + 0.5 * std::clamp(loss / stretch, 0.0, 1.5);
        now += weight->share, then += weight->share / (1 + std::max(-0.5, loss));
      }
      budget.weight += weight->share;
      budget.sensitivity += weight->share * op.sensitivity;
      if (op.at_top_ns > 0) budget.known += weight->share;
    }
    if (budget.weight > 0) budget.sensitivity /= budget.weight;
    if (then > 0) budget.slowdown = now / then - 1;
    return budget;
  }

  // The slowdown of one window is noisy: the mean of those since the clock last changed counts.
  void note(const Budget& budget) {
    ++windows_;
    slowdown_ += (budget.slowdown - slowdown_) / std::min(windows_, 8);
    host_.set(1, budget.sensitivity);
    host_.set(2, slowdown_);
  }

  bool refreshed(std::uint64_t now) {
    if (now < refresh_at_ns_) return false;
    refresh_at_ns_ = now + lithos::ns(params_.refresh);
    return true;
  }

  void ask(std::uint64_t now, std::uint32_t mhz) {
    if (mhz == wish_mhz_) return;
    wish_mhz_ = mhz;
    settled_at_ns_ = now + lithos::ns(params_.settle);
    slowdown_ = 0;
    windows_ = 0;
    host_.add(0);
  }

  std::uint32_t next_clock(const Budget& budget, double tolerated) const {
    constexpr double kWorthASwitch = 0.015;  // of the highest clock
    if (budget.known < params_.coverage * budget.weight) return top_mhz_;
    const double least = params_.floor * top_mhz_;
    const double target = std::max(least, top_mhz_ / (1 + tolerated / std::max(0.02, budget.sensitivity)));
    double clock = wish_mhz_;
    if (slowdown_ > tolerated) clock *= 1 + (slowdown_ - tolerated) + kWorthASwitch;
    else if (clock > target && slowdown_ < params_.hysteresis * tolerated) clock = std::max(target, clock - params_.step * top_mhz_);
    else if (clock < target) clock = target;
    return std::abs(clock - wish_mhz_) < kWorthASwitch * top_mhz_ ? wish_mhz_ : supported(clock);
  }

  // The lowest clock of the device that is not below `wish`.
  std::uint32_t supported(double wish) const {
    std::uint32_t best = top_mhz_;
    for (const std::uint32_t clock : clocks_mhz_)
      if (clock >= wish && clock < best) best = clock;
    return best;
  }

  lithos::Host host_;
  std::vector<std::uint32_t> clocks_mhz_;
  std::uint32_t top_mhz_ = 0, wish_mhz_ = 0, last_mhz_ = 0;
  std::uint64_t settled_at_ns_ = 0, refresh_at_ns_ = 0;
  double slowdown_ = 0;
  int windows_ = 0;
  Params params_;
  lithos::BoundedTable<Operator> known_{4096};
};
LITHOS_EXPORT_DVFS(Sensitivity)
