// SPDX-License-Identifier: Apache-2.0
#include "cli/colocate/ways.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace lithos {
namespace {

constexpr int kThreadGrid[] = {25, 50, 75};  // percent
constexpr std::string_view kThreads = "mps_threads_";
constexpr const char* kHardware[] = {"alone", "alone_mps", "time_slicing", "mps", "mps_priority", "mps_threads"};

bool is_hardware(const std::string& name) {
  return name.starts_with(kThreads) || std::find(std::begin(kHardware), std::end(kHardware), name) != std::end(kHardware);
}

// What sets with sharing = "time_slicing" are is measured by the way of that name; under lithosd there is MPS.
bool for_lithosd(const PolicySetConfig& set) { return set.sharing == Sharing::mps && !is_hardware(set.name); }

class WayMaker {
 public:
  explicit WayMaker(const Config& config) : config_(config) {
    for (const TenantConfig& tenant : config.tenants) all_.push_back(tenant.name);
    if (const TenantConfig* leader = leader_of(config)) leader_ = {leader->name};
  }

  std::vector<Way> defaults() const {
    std::vector<Way> ways;
    for (const char* word : {"alone", "time_slicing", "mps", "mps_priority", "mps_threads"}) add(hardware(word), ways);
    for (const PolicySetConfig& set : config_.sets)
      if (for_lithosd(set)) ways.push_back(under_lithosd(set));
    return ways;
  }

  // Empty: no such way.
  std::vector<Way> named(const std::string& word) const {
    if (is_hardware(word)) return hardware(word);
    std::vector<Way> ways;
    for (const PolicySetConfig& set : config_.sets)
      if (for_lithosd(set) && (set.name == word || (word == "static" && set.scheduler.id.ends_with("static_partition"))))
        ways.push_back(under_lithosd(set));
    return ways;
  }

  std::vector<std::string> words() const {
    std::vector<std::string> known(std::begin(kHardware), std::end(kHardware));
    known.push_back("static");
    for (const PolicySetConfig& set : config_.sets)
      if (for_lithosd(set)) known.push_back(set.name);
    return known;
  }

  static void add(std::vector<Way> more, std::vector<Way>& ways) {
    for (Way& way : more)
      if (std::none_of(ways.begin(), ways.end(), [&](const Way& one) { return one.name == way.name; })) ways.push_back(std::move(way));
  }

 private:
  std::vector<Way> hardware(const std::string& word) const {
    if (word == "alone") return {{word, WayKind::plain, leader_}};
    if (word == "alone_mps") return {{word, WayKind::mps, leader_}};
    if (word == "time_slicing") return {{word, WayKind::plain, all_}};
    if (word == "mps") return {{word, WayKind::mps, all_}};
    if (word == "mps_priority") return {{word, WayKind::mps, all_, {{"CUDA_MPS_CLIENT_PRIORITY", "1"}}}};
    std::vector<Way> ways;
    if (word == "mps_threads")
      for (const int percent : kThreadGrid) ways.push_back(with_threads(percent));
    int percent = 0;
    const char* end = word.data() + word.size();
    if (word.starts_with(kThreads) && std::from_chars(word.data() + kThreads.size(), end, percent).ptr == end && percent > 0 && percent <= 100)
      ways.push_back(with_threads(percent));
    return ways;
  }
  Way with_threads(int percent) const {
    return {fmt::format("{}{}", kThreads, percent), WayKind::mps, all_, {}, {{"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", std::to_string(percent)}}};
  }
  Way under_lithosd(const PolicySetConfig& set) const {
    Way way{.name = set.name, .kind = WayKind::lithosd, .set = set.name};
    for (const TenantConfig& tenant : config_.tenants)
      if (takes_part(set, tenant)) way.tenants.push_back(tenant.name);
    return way;
  }

  const Config& config_;
  std::vector<std::string> all_, leader_;
};

}  // namespace

const TenantConfig* leader_of(const Config& config) {
  for (const TenantConfig& tenant : config.tenants)
    if (tenant.arrivals.kind != ArrivalKind::closed_loop) return &tenant;
  return nullptr;
}

Result<std::vector<Way>> ways_named(const std::vector<std::string>& words, const Config& config) {
  const WayMaker maker(config);
  if (words.empty()) return maker.defaults();
  std::vector<Way> ways = maker.named("alone");
  for (const std::string& word : words) {
    std::vector<Way> more = maker.named(word);
    if (more.empty()) {
      const std::string near = closest_word(word, maker.words());
      return invalid_argument(fmt::format("--ways {}: there is no such way{}", word,
                                          near.empty() ? fmt::format("; known: {}", fmt::join(maker.words(), ", "))
                                                       : fmt::format("; did you mean \"{}\"?", near)));
    }
    WayMaker::add(std::move(more), ways);
  }
  return ways;
}

bool can_exchange_live(const PolicySetConfig& from, const PolicySetConfig& to, const std::vector<TenantConfig>& tenants) {
  const bool same_rules = from.sharing == to.sharing && from.masks == to.masks && from.slip == to.slip &&
                          from.starvation_limit == to.starvation_limit && from.submit_ahead == to.submit_ahead;
  return same_rules && std::all_of(tenants.begin(), tenants.end(), [&](const TenantConfig& tenant) {
           return quota_of(from, tenant) == quota_of(to, tenant) && tolerates_of(from, tenant) == tolerates_of(to, tenant);
         });
}

}  // namespace lithos
