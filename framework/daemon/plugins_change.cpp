// SPDX-License-Identifier: Apache-2.0
// Another configuration's [[plugin]] sections, while everything runs.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/plugins.hpp"

namespace lithos {
namespace {

bool same_plugin(const PluginConfig& a, const PluginConfig& b) {
  return a.kind == b.kind && a.choice.id == b.choice.id && a.choice.path == b.choice.path;
}

bool same_params(const PluginConfig& a, const PluginConfig& b) {
  return std::equal(
      a.choice.params.begin(), a.choice.params.end(), b.choice.params.begin(), b.choice.params.end(),
      [](const auto& x, const auto& y) { return x.first == y.first && x.second.value == y.second.value; });
}

const std::string& name_in(const PluginConfig& plugin) {
  return plugin.choice.id.empty() ? plugin.choice.path : plugin.choice.id;
}

}  // namespace

const Plugins::Plugin* Plugins::find(const std::string& name) const {
  const auto found = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& p) { return p.name == name; });
  return found != plugins_.end() ? &*found : nullptr;
}

// One that is wanted as it runs stays, whatever else there is of its kind; what is left over of the same plugin is taken
// for one with other parameters.
Plugins::Difference Plugins::difference(const std::vector<PluginConfig>& wanted) const {
  std::vector<const Plugin*> left;
  for (const Plugin& plugin : plugins_)
    if (plugin.configured) left.push_back(&plugin);
  const auto take = [&left](auto&& fits) -> const Plugin* {
    const auto found = std::find_if(left.begin(), left.end(), fits);
    if (found == left.end()) return nullptr;
    const Plugin* const taken = *found;
    left.erase(found);
    return taken;
  };
  std::vector<const PluginConfig*> unmatched;
  for (const PluginConfig& one : wanted) {
    const bool runs = take([&](const Plugin* plugin) {
      return same_plugin(*plugin->configured, one) && same_params(*plugin->configured, one);
    });
    if (!runs) unmatched.push_back(&one);
  }
  Difference out;
  for (const PluginConfig* one : unmatched) {
    const Plugin* const old = take([&](const Plugin* plugin) { return same_plugin(*plugin->configured, *one); });
    out.fresh.push_back({*one, old != nullptr ? old->name : ""});
    out.power = out.power || one->kind == PluginKind::power;
  }
  for (const Plugin* plugin : left) {
    out.gone.push_back(plugin->name);
    out.power = out.power || plugin->configured->kind == PluginKind::power;
  }
  return out;
}

Result<std::vector<std::string>> Plugins::plan(const std::vector<PluginConfig>& wanted) const {
  const Difference changes = difference(wanted);
  if (changes.power) return invalid_argument("power control stays for the daemon's life: restart lithosd for another, or for other parameters");
  std::vector<std::string> said;
  for (const Difference::Fresh& one : changes.fresh)
    said.push_back(one.replaces.empty()
                       ? fmt::format("plugin: exporter {} starts", name_in(one.wanted))
                       : fmt::format("plugin: exporter {} is started anew with other parameters", one.replaces));
  for (const std::string& name : changes.gone) said.push_back(fmt::format("plugin: exporter {} ends", name));
  return said;
}

Status Plugins::begin_change(const std::vector<PluginConfig>& wanted) {
  if (const auto planned = plan(wanted); !planned.ok()) return planned.status();
  Difference changes = difference(wanted);
  change_ = {{}, std::move(changes.gone), {}};
  for (const Difference::Fresh& one : changes.fresh) {
    if (!one.replaces.empty()) {  // ends first: both may want the same address, or the same file
      PluginConfig before = *find(one.replaces)->configured;
      (void)stop(one.replaces);   // one that hangs is left behind, and is no reason to keep it
      change_.replaced.push_back(std::move(before));
    }
    Result<std::string> name = start(one.wanted);
    if (!name.ok()) {
      const Status back = take_back_change();
      return {name.status().code(), fmt::format("plugin: {}{}", name.status().message(), back.ok() ? "" : "; " + back.message())};
    }
    plugins_.back().configured = one.wanted;
    change_.started.push_back(std::move(name).value());
  }
  return {};
}

void Plugins::finish_change() {
  for (const std::string& name : change_.gone) (void)stop(name);
  change_ = {};
}

Status Plugins::take_back_change() {
  const Change undone = std::move(change_);
  change_ = {};
  for (const std::string& name : undone.started) (void)stop(name);
  Status failed;
  for (const PluginConfig& before : undone.replaced) {
    if (const Result<std::string> name = start(before); name.ok()) plugins_.back().configured = before;
    else failed = {name.status().code(), "the exporter of before does not start either: " + name.status().message()};
  }
  return failed;
}

}  // namespace lithos
