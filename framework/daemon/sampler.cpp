// SPDX-License-Identifier: Apache-2.0
#include "daemon/sampler.hpp"

#include <atomic>

#include "daemon/clock.hpp"
#include "daemon/engine_thread.hpp"

namespace lithos {

struct Sampler::Answer {
  EngineSnapshot engine;
  double energy_j = 0;
  std::uint64_t joined = 0;
  std::atomic<bool> asked = false, ready = false;  // asked until ready: the engine thread's; else ours
};

Sampler::Sampler(EngineThread& engine, Nanoseconds every)
    : engine_(engine), every_(every), answer_(std::make_shared<Answer>()) {}

std::shared_ptr<MetricPage> Sampler::tick(Nanoseconds now) {
  std::shared_ptr<MetricPage> page;
  if (answer_->ready.exchange(false)) {
    page = std::make_shared<MetricPage>();
    page->add(Metric::gpu_energy, {}, answer_->energy_j);
    page->add(Metric::tenants_joined, {}, answer_->joined);
    metrics_.take(answer_->engine, *page);
    answer_->asked.store(false);
  }
  if (now < next_ || answer_->asked.exchange(true)) return page;
  next_ = now + every_;
  engine_.mailbox().post([answer = answer_, room = &engine_.room()] {
    room->snapshot(monotonic_now(), answer->engine);
    answer->energy_j = room->energy_j();
    answer->joined = room->joined();
    answer->ready.store(true);
  });
  return page;
}

void put_daemon_metrics(const DaemonFacts& facts, MetricPage& page) {
  page.add(Metric::build_info, {LITHOS_VERSION, facts.gpu}, std::uint64_t{1});
  for (const PolicyInForce& policy : facts.policies.policies) {
    const PolicyDescription& used = policy.description;
    page.add(Metric::policy_info, {name_of(used.kind), used.id, used.version, used.hash}, std::uint64_t{1});
  }
  page.add(Metric::policy_swaps, {}, facts.policies.swaps);
  page.add(Metric::policy_changes_refused, {}, facts.policies.failed_changes);
  page.add(Metric::policy_rollbacks, {}, facts.policies.rollbacks);
  page.add(Metric::policy_demotions, {}, facts.policies.demotions);
  page.add(Metric::policies_quarantined, {}, std::uint64_t{facts.quarantined});
  for (const auto& [name, plugin] : facts.plugins) {
    page.add(Metric::plugin_failures, {name}, plugin.failures);
    page.add(Metric::plugin_busy, {name}, to_seconds(plugin.busy_for));
    if (plugin.kind != PluginKind::exporter) continue;
    page.add(Metric::plugin_events, {name}, plugin.feed.delivered);
    page.add(Metric::plugin_events_dropped, {name}, plugin.feed.dropped);
    page.add(Metric::plugin_samples, {name}, plugin.samples);
  }
}

}  // namespace lithos
