// SPDX-License-Identifier: Apache-2.0
#include "sim/timeline.hpp"

#include <algorithm>

namespace lithos {
namespace {

void divide(std::vector<double>& sums, std::uint32_t bins, double by) {
  sums.resize(bins);
  for (double& sum : sums) sum /= by;
}

// Columns [0, bins) of a table whose rows are `width` long.
std::vector<std::uint16_t> first_columns(const std::vector<std::uint16_t>& table, std::uint32_t width,
                                         std::uint32_t bins) {
  std::vector<std::uint16_t> out;
  for (std::size_t row = 0; row * width < table.size(); ++row)
    out.insert(out.end(), table.begin() + static_cast<std::ptrdiff_t>(row * width),
               table.begin() + static_cast<std::ptrdiff_t>(row * width + bins));
  return out;
}

}  // namespace

TimelineSampler::TimelineSampler(const TimelineSpan& span, std::uint32_t tpcs, std::size_t tenants, std::uint64_t seed)
    : span_(span), tpcs_(tpcs), random_(seed) {
  sums_.start = span.start;
  sums_.bin = std::max(Nanoseconds{1}, (span.end - span.start) / span.bins);
  sums_.samples_per_bin = span.samples_per_bin;
  sums_.tpcs = tpcs;
  const std::vector<double> zeros(span.bins, 0.0);
  const TenantTimeline empty{std::vector<std::uint16_t>(std::size_t{tpcs} * span.bins), zeros, zeros, zeros, zeros};
  sums_.tenants.assign(tenants, empty);
  sums_.clock_mhz = sums_.power_w = zeros;
  choose_next();
}

void TimelineSampler::choose_next() {
  if (sample_ >= std::uint64_t{span_.bins} * span_.samples_per_bin) {
    next_ = kNever;
    return;
  }
  const double part_ns = static_cast<double>(sums_.bin.count()) / span_.samples_per_bin;
  const double at_ns = (static_cast<double>(sample_) + random_.uniform()) * part_ns;
  next_ = span_.start + Nanoseconds{static_cast<std::int64_t>(at_ns)};
}

void TimelineSampler::look(const std::vector<TenantSample>& tenants, double clock_mhz, double power_w) {
  const std::size_t bin = sample_ / span_.samples_per_bin;
  for (std::size_t i = 0; i < tenants.size() && i < sums_.tenants.size(); ++i) {
    const TenantSample& seen = tenants[i];
    TenantTimeline& sum = sums_.tenants[i];
    seen.working.for_each([&](unsigned tpc) {
      if (tpc < tpcs_) ++sum.working[std::size_t{tpc} * span_.bins + bin];
    });
    sum.working_tpcs[bin] += seen.working.count();
    sum.borrowed_tpcs[bin] += (seen.working - seen.own).count();
    sum.leased_tpcs[bin] += seen.leased.count();
    sum.open_requests[bin] += static_cast<double>(seen.open_requests);
  }
  sums_.clock_mhz[bin] += clock_mhz;
  sums_.power_w[bin] += power_w;
  ++sample_;
  choose_next();
}

Timeline TimelineSampler::finish() const {
  Timeline out = sums_;
  out.bins = static_cast<std::uint32_t>(sample_ / span_.samples_per_bin);
  const double samples = span_.samples_per_bin;
  for (TenantTimeline& tenant : out.tenants) {
    tenant.working = first_columns(tenant.working, span_.bins, out.bins);
    for (std::vector<double>* mean :
         {&tenant.working_tpcs, &tenant.borrowed_tpcs, &tenant.leased_tpcs, &tenant.open_requests})
      divide(*mean, out.bins, samples);
  }
  divide(out.clock_mhz, out.bins, samples);
  divide(out.power_w, out.bins, samples);
  return out;
}

}  // namespace lithos
