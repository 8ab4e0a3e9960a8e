// SPDX-License-Identifier: Apache-2.0
// An exporter that does as a test says: writes down what it gets, fails, or hangs until somebody opens a pipe.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include <lithos/service.hpp>

struct TestParams {
  std::string out;   // one line per event: its type and launch; appended
  std::string gate;  // a named pipe: events() blocks until it has a writer, once
  bool fail;
};

class TestExporter {
 public:
  static constexpr const char* id = "org.lithos.test.exporter";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "For tests.";
  using Params = TestParams;
  static constexpr std::tuple params{lithos::param<&Params::out>(1, "out", "").doc(""),
                                     lithos::param<&Params::gate>(2, "gate", "").doc(""),
                                     lithos::param<&Params::fail>(3, "fail", false).doc("")};
  static constexpr std::tuple metrics{lithos::counter("events_total", "", ""), lithos::counter("dropped_total", "", ""),
                                      lithos::counter("samples_total", "", ""), lithos::counter("out_of_order_total", "", "")};

  TestExporter(const lithos::Host& host, const Params& values) : host_(host), values_(values) {
    if (!values.out.empty()) file_.reset(std::fopen(values.out.c_str(), "ae"));
  }
  void events(const lithos::EventRange& batch) {
    if (!values_.gate.empty()) {
      const int pipe = ::open(values_.gate.c_str(), O_RDONLY | O_CLOEXEC);
      ::close(pipe);
      values_.gate.clear();
    }
    if (values_.fail) throw std::runtime_error("no space left on device");
    for (const lithos_event& event : batch) {
      if (event.type == LITHOS_EVENT_DROPPED) host_.add(1, static_cast<double>(event.as.dropped.count));
      else host_.add(0);
      if (event.time_ns < last_ns_) host_.add(3);
      last_ns_ = event.time_ns;
      if (file_ != nullptr)
        std::fprintf(
            file_.get(), "%u %llu\n", event.type,
            event.type == LITHOS_EVENT_ATOM_ENDED ? static_cast<unsigned long long>(event.as.atom.launch_id) : 0);
    }
  }
  void sample(const lithos::MetricFamilies&) { host_.add(2); }
  void flush() {
    if (file_ != nullptr) std::fflush(file_.get());
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  lithos::Host host_;
  TestParams values_;
  std::uint64_t last_ns_ = 0;
  std::unique_ptr<std::FILE, Close> file_;
};

class TestPower {
 public:
  static constexpr const char* id = "org.lithos.test.power";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "For tests.";
  std::uint32_t apply_clock(std::uint32_t mhz) { return mhz_ = mhz - 5; }
  void read(lithos::PowerReading& out) {
    out.clock_mhz = mhz_;
    out.power_w = 321;
  }

 private:
  std::uint32_t mhz_ = 0;
};
LITHOS_EXPORT_PLUGINS(TestExporter, TestPower)
