// SPDX-License-Identifier: Apache-2.0
// Takes every event and does nothing with it: what is left is the cost of the way.
#include <lithos/service.hpp>

class NullExporter {
 public:
  static constexpr const char* id = "org.lithos.bench.null";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "For benchmarks.";
  void events(const lithos::EventRange& batch) { seen_ += batch.size(); }

 private:
  std::size_t seen_ = 0;
};
LITHOS_EXPORT_EXPORTER(NullExporter)
