// SPDX-License-Identifier: Apache-2.0
// A policy with one mistake at a time, chosen by macro. Without any it compiles.
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

enum class Mode { fair, strict };

class Mistaken {
 public:
#if !defined(MISTAKE_NO_ID)
#if defined(MISTAKE_BAD_ID)
  static constexpr const char* id = "Mistaken";
#else
  static constexpr const char* id = "org.example.mistaken";
#endif
#endif
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "One mistake at a time.";

  struct Params {
    std::chrono::nanoseconds slice;
    Mode mode;
  };
  static constexpr std::tuple params {
#if defined(MISTAKE_RANGE)
    lithos::param<&Params::slice>(1, "slice", 250us).range(5ms, 20us),
#elif defined(MISTAKE_DEFAULT)
    lithos::param<&Params::slice>(1, "slice", 250us).range(1ms, 5ms),
#elif defined(MISTAKE_NOT_LIVE)
    lithos::param<&Params::slice>(1, "slice", 250us).live(),
#else
    lithos::param<&Params::slice>(1, "slice", 250us).range(20us, 5ms),
#endif
#if defined(MISTAKE_SAME_KEY)
        lithos::param<&Params::mode>(2, "slice", Mode::fair).choices("fair", "strict")
  };
#elif defined(MISTAKE_NO_CHOICES)
        lithos::param<&Params::mode>(2, "mode", Mode::fair)
  };
#else
        lithos::param<&Params::mode>(2, "mode", Mode::fair).choices("fair", "strict")
  };
#endif

#if defined(MISTAKE_CONSTRUCTOR)
  explicit Mistaken(int) {}
#endif
#if !defined(MISTAKE_NO_OPERATION)
  void decide(const lithos::SchedView&, lithos::SchedAnswer&) {}
#endif
#if defined(MISTAKE_TWO_KINDS)
  lithos::Prediction predict(const lithos::PredictQuery&) { return {1, 1, 0}; }
#endif
};
LITHOS_EXPORT_SCHEDULER(Mistaken)
