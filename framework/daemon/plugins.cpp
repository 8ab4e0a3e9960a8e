// SPDX-License-Identifier: Apache-2.0
#include "daemon/plugins.hpp"

#include <algorithm>
#include <limits>

#include "daemon/clock.hpp"
#include "daemon/engine_thread.hpp"

namespace lithos {

Plugins::Plugins(const PluginsOptions& options) : options_(options) {}
Plugins::~Plugins() { detach(); }

Result<std::unique_ptr<PluginThread>> Plugins::create(const PluginConfig& wanted, LeftOut& left_out) const {
  bool refused = false;
  ServiceGpu gpu = options_.gpu;
  if (options_.about_to_run)
    gpu.about_to_run = [&](const LibraryAboutToRun& library) {
      const Status status = options_.about_to_run(library);
      refused = refused || !status.ok();
      return status;
    };
  const auto made = [&](auto created) -> Result<std::unique_ptr<PluginThread>> {
    if (options_.came_back) options_.came_back();
    if (created.service != nullptr) return std::make_unique<PluginThread>(std::move(created.service), options_.thread);
    std::vector<Diagnostic>& said = refused ? left_out.refused : left_out.wrong;
    said.insert(said.end(), created.diagnostics.begin(), created.diagnostics.end());
    return invalid_argument(created.diagnostics.empty() ? "cannot be created" : created.diagnostics.front().message);
  };
  if (wanted.kind == PluginKind::power) return made(create_power_service(wanted.choice, options_.folders, gpu));
  return made(create_exporter_service(wanted.choice, options_.folders, gpu));
}

// "jsonl", and "jsonl-2" where there is one already.
std::string Plugins::name_for(const PluginThread& plugin) {
  const std::string& id = plugin.id();
  const std::string base = id.substr(id.rfind('.') + 1);
  std::string name = base;
  const auto taken = [&](const Plugin& other) { return other.name == name; };
  for (int n = 2; std::any_of(plugins_.begin(), plugins_.end(), taken); ++n) name = base + "-" + std::to_string(n);
  return name;
}

Plugins::LeftOut Plugins::load(const std::vector<PluginConfig>& wanted) {
  LeftOut out;
  for (const PluginConfig& one : wanted) {
    if (one.kind == PluginKind::power && power_ != nullptr) {
      out.wrong.push_back({one.choice.where, "plugin: power control is there already; one plugin sets the clock"});
      continue;
    }
    Result<std::unique_ptr<PluginThread>> made = create(one, out);
    if (!made.ok()) continue;
    if (one.kind == PluginKind::power) power_ = made.value().get();
    const std::string name = name_for(*made.value());
    plugins_.push_back({name, std::move(made).value(), one});
  }
  return out;
}

void Plugins::attach(EngineThread& engine) {
  engine_ = &engine;
  for (const Plugin& plugin : plugins_)
    if (EventRing* ring = plugin.thread->ring(); ring != nullptr) engine.room().attach(*ring, monotonic_now());
}

void Plugins::detach() {
  engine_ = nullptr;
  power_ = nullptr;
  plugins_.clear();
}

Result<std::string> Plugins::start(const PluginConfig& wanted) {
  if (engine_ == nullptr) return unavailable("the engine is not running");
  if (wanted.kind != PluginKind::exporter) return invalid_argument("only exporters can be started while lithosd runs");
  LeftOut left_out;
  Result<std::unique_ptr<PluginThread>> made = create(wanted, left_out);
  if (!made.ok()) return made.status();
  const std::string name = name_for(*made.value());
  plugins_.push_back({name, std::move(made).value(), std::nullopt});
  EventRing* const ring = plugins_.back().thread->ring();
  bool done = false;
  const auto join = [room = &engine_->room(), ring] {
    room->attach(*ring, monotonic_now());
    return true;
  };
  // Without an answer the ring may still be joined later, so the plugin stays.
  if (!engine_->mailbox().ask<bool>(join, done,
                                    std::chrono::duration_cast<std::chrono::milliseconds>(options_.answer_limit)))
    return internal_error("the engine thread does not answer");
  return name;
}

Status Plugins::stop(const std::string& name) {
  const auto found = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& p) { return p.name == name; });
  if (found == plugins_.end()) return not_found("no plugin is called \"" + name + "\"");
  EventRing* const ring = found->thread->ring();
  if (ring == nullptr) return invalid_argument("power control stays for the daemon's life");
  bool done = false;
  const auto part = [room = &engine_->room(), ring] {
    room->detach(*ring);
    return true;
  };
  if (engine_ == nullptr ||
      !engine_->mailbox().ask<bool>(part, done,
                                    std::chrono::duration_cast<std::chrono::milliseconds>(options_.answer_limit)))
    return internal_error("the engine thread does not answer");
  const bool came_back = found->thread->stop();
  plugins_.erase(found);
  return came_back ? Status{} : unavailable("the plugin hangs; it was left behind");
}

std::vector<std::pair<std::string, PluginReport>> Plugins::reports() const {
  std::vector<std::pair<std::string, PluginReport>> out;
  for (const Plugin& plugin : plugins_) out.emplace_back(plugin.name, plugin.thread->report());
  return out;
}

bool Plugins::anyone_takes_samples() const {
  return std::any_of(plugins_.begin(), plugins_.end(), [](const Plugin& p) { return p.thread->takes_samples(); });
}

void Plugins::post_sample(const std::shared_ptr<const MetricPage>& page) {
  for (const Plugin& plugin : plugins_)
    if (plugin.thread->takes_samples()) plugin.thread->post_sample(page);
}

void Plugins::set_clock(std::uint32_t mhz) {
  if (power_ != nullptr) power_->request_clock(mhz);
}
std::uint32_t Plugins::clock_mhz() const { return power_ != nullptr ? power_->clock_mhz() : 0; }
double Plugins::power_w() const {
  return power_ != nullptr ? power_->power_w() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace lithos
