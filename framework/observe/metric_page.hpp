// SPDX-License-Identifier: Apache-2.0
// A sample of metrics as plugins get it (lithos_metrics), with everything it points to.
//
//   auto page = std::make_shared<MetricPage>();
//   page->add(Metric::tenant_queued, {"hp"}, 3);
//   page->close(now, gpu);          // from here on it does not change, and any thread may read it
//
// Families come in the order of the catalogue, series in the order of add(); a family without series is left out. One
// writer until close().
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_histogram.hpp"
#include "base/time.hpp"
#include "observe/metric_catalogue.hpp"

namespace lithos {

class MetricPage {
 public:
  MetricPage() = default;
  MetricPage(const MetricPage&) = delete;
  MetricPage& operator=(const MetricPage&) = delete;

  // As many labels as the catalogue says. A value that is no number is left out.
  void add(Metric metric, std::initializer_list<std::string_view> labels, double value);
  void add(Metric metric, std::initializer_list<std::string_view> labels, std::uint64_t value) {
    add(metric, labels, static_cast<double>(value));
  }
  void add(Metric metric, std::initializer_list<std::string_view> labels, const LogHistogram& values);
  void close(Nanoseconds now, std::uint32_t gpu);

  const lithos_metrics& view() const { return view_; }

 private:
  lithos_series& new_series(Metric metric, std::initializer_list<std::string_view> labels);

  // Deques: what was put there stays where it is.
  std::deque<std::string> texts_;
  std::deque<std::array<const char*, 4>> labels_;
  std::deque<std::array<std::uint64_t, kBounds>> buckets_;
  std::array<std::vector<lithos_series>, kMetrics> series_;
  std::vector<lithos_metric_family> families_;
  lithos_metrics view_{};
};

}  // namespace lithos
