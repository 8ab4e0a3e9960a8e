// SPDX-License-Identifier: Apache-2.0
#include "observe/metric_page.hpp"

#include <cassert>
#include <cmath>

namespace lithos {

lithos_series& MetricPage::new_series(Metric metric, std::initializer_list<std::string_view> labels) {
  assert(labels.size() == labels_of(entry_of(metric)));
  std::array<const char*, 4>& values = labels_.emplace_back();
  std::size_t n = 0;
  for (const std::string_view label : labels) values[n++] = texts_.emplace_back(label).c_str();
  lithos_series series{};
  series.struct_size = sizeof series;
  series.labels = values.data();
  series_[static_cast<std::size_t>(metric)].push_back(series);
  return series_[static_cast<std::size_t>(metric)].back();
}

void MetricPage::add(Metric metric, std::initializer_list<std::string_view> labels, double value) {
  if (!std::isfinite(value)) return;
  new_series(metric, labels).value = value;
}

void MetricPage::add(Metric metric, std::initializer_list<std::string_view> labels, const LogHistogram& values) {
  lithos_series& series = new_series(metric, labels);
  std::array<std::uint64_t, kBounds>& buckets = buckets_.emplace_back();
  for (std::size_t i = 0; i < kBounds; ++i)
    buckets[i] = values.at_most_pow2(static_cast<unsigned>(kFirstBoundPow2 + i));
  series.buckets = buckets.data();
  series.count = values.count();
  series.value = values.sum_s();
}

void MetricPage::close(Nanoseconds now, std::uint32_t gpu) {
  for (const MetricEntry& entry : metric_catalogue()) {
    const std::vector<lithos_series>& series = series_[static_cast<std::size_t>(entry.metric)];
    if (series.empty()) continue;
    lithos_metric_family family{};
    family.struct_size = sizeof family;
    family.type = entry.type;
    family.name = entry.name;
    family.help = entry.help;
    family.label_names = entry.label;
    family.n_labels = static_cast<std::uint32_t>(labels_of(entry));
    if (entry.type == LITHOS_SERIES_HISTOGRAM) {
      family.bounds = histogram_bounds().data();
      family.n_bounds = kBounds;
    }
    family.series = series.data();
    family.n_series = static_cast<std::uint32_t>(series.size());
    family.series_size = sizeof(lithos_series);
    families_.push_back(family);
  }
  view_ = {sizeof view_,
           gpu,
           to_u64(now),
           families_.data(),
           static_cast<std::uint32_t>(families_.size()),
           sizeof(lithos_metric_family)};
}

}  // namespace lithos
