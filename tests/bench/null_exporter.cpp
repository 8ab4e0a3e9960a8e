// SPDX-License-Identifier: Apache-2.0
// Takes events and does nothing with them: what is left is the cost of the way. Or it counts to some number at each, in
// registers: what is left is the cost of a neighbour that works as long as an exporter does, and touches nothing else.
#include <lithos/service.hpp>

class NullExporter {
 public:
  static constexpr const char* id = "org.lithos.bench.null";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "For benchmarks.";

  struct Params {
    bool submissions;
    std::int64_t count_to;
  };
  static constexpr std::tuple params{lithos::param<&Params::submissions>(1, "submissions", true).doc("Take those, too."),
                                     lithos::param<&Params::count_to>(2, "count_to", 0).range(0, 1'000'000).doc("At each event.")};

  explicit NullExporter(const lithos::Host&, const lithos_service_gpu&, const Params& values) : values_(values) {}
  std::uint64_t wants() const {
    return values_.submissions ? ~std::uint64_t{0} : ~(std::uint64_t{1} << LITHOS_EVENT_ATOM_SUBMITTED);
  }
  void events(const lithos::EventRange& batch) {
    for (std::int64_t i = static_cast<std::int64_t>(batch.size()) * values_.count_to; i > 0; --i) asm volatile("" : "+r"(i));
  }

 private:
  const Params values_;
};
LITHOS_EXPORT_EXPORTER(NullExporter)
