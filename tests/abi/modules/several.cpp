// SPDX-License-Identifier: Apache-2.0
// One library with a policy of each kind, through the C++ face. The scheduler misbehaves as its parameter says. The
// code uses what tends to pin a library in memory (std::make_shared, statics in templates), so that unloading is really
// tested.
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <lithos/policy.hpp>

// A static in a template of external linkage is an STB_GNU_UNIQUE symbol unless the build takes care of it.
template <class T>
T& shared_by_all_instances() {
  static T value{};
  return value;
}

namespace {

enum class Fault { none, throws, error, garbage };

class Scheduler {
 public:
  static constexpr const char* id = "org.lithos.test.several.scheduler";
  static constexpr const char* version = "2.0.0";
  static constexpr const char* summary = "Misbehaves as told.";

  struct Params {
    Fault fault;
    std::string note;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::fault>(1, "fault", Fault::none).choices("none", "throws", "error", "garbage").live(),
      lithos::param<&Params::note>(2, "note", "nothing").doc("Text that an error carries.")};

  Scheduler(const lithos::Host&, const lithos::Gpu& gpu, const Params& values)
      : all_(gpu.all()), params_(std::make_shared<Params>(values)) {
    shared_by_all_instances<std::string>() = values.note;
    if (values.note.starts_with("refuse")) throw std::runtime_error("refused by note");
  }
  void set_params(const Params& values) { *params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    if (params_->fault == Fault::throws) throw std::runtime_error("thrown: " + params_->note);
    if (params_->fault == Fault::error) throw lithos::Error(LITHOS_E_INTERNAL, params_->note);
    for (const lithos::Tenant tenant : view.tenants()) {
      answer.lease(tenant).usable[LITHOS_PRESSURE_IDLE] = all_;
      if (params_->fault != Fault::garbage) continue;
      answer.lease(tenant).usable[LITHOS_PRESSURE_PRESSED] = lithos::TpcSet::first(LITHOS_TPCS_MAX);
      answer.lease(tenant).launches_per_s = tenant.best_effort() ? std::numeric_limits<double>::quiet_NaN() : 0;
    }
  }

 private:
  lithos::TpcSet all_;
  std::shared_ptr<Params> params_;
};

class Predictor {
 public:
  static constexpr const char* id = "org.lithos.test.several.predictor";
  static constexpr const char* version = "2.0.0";
  static constexpr const char* summary = "Remembers the last duration of anything.";
  lithos::Prediction predict(const lithos::PredictQuery&) { return {last_, 2 * last_, 0.25}; }
  void observe(const lithos::Observation& seen) { last_ = seen.duration_ns; }

 private:
  std::uint64_t last_ = 1;
};

class Sizer {
 public:
  static constexpr const char* id = "org.lithos.test.several.sizer";
  static constexpr const char* version = "2.0.0";
  static constexpr const char* summary = "Half of what can be had.";
  lithos::Size choose(const lithos::SizeQuery& query) { return {(query.tpcs + 1) / 2, 0, query.slip}; }
};

class Dvfs {
 public:
  static constexpr const char* id = "org.lithos.test.several.dvfs";
  static constexpr const char* version = "2.0.0";
  static constexpr const char* summary = "The lowest clock.";
  explicit Dvfs(const lithos::Gpu& gpu) : clocks_(gpu.clocks_mhz()) {}
  lithos::ClockRequest plan(const lithos::PowerSample& sample) {
    return {sizeof(lithos::ClockRequest), clocks_.empty() ? 0 : clocks_.back(), sample->now_ns + 10};
  }

 private:
  std::vector<std::uint32_t> clocks_;
};

}  // namespace

LITHOS_EXPORT_POLICIES(Scheduler, Predictor, Sizer, Dvfs)
