// SPDX-License-Identifier: Apache-2.0
// The daemon's plugins: loaded at start from [[plugin]], each on a thread of its own (observe/plugin_thread.hpp), joined
// to the engine by rings that it fills and never waits for. Exporters can also be started for a while (`lithos trace`).
//
// A plugin cannot stop the daemon: what is wrong in the configuration is said before anything starts, what fails later
// is counted, logged and shown by `lithos status`.
// Threads    The control thread's; set_clock(), clock_mhz() and power_w() the engine's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "config/config.hpp"
#include "observe/plugin_thread.hpp"
#include "policy_host/services.hpp"

namespace lithos {

class EngineThread;

struct PluginsOptions {
  std::vector<std::string> folders;  // where plugins are found by id
  ServiceGpu gpu;                    // `log` is set here, too
  std::function<Status(const LibraryAboutToRun&)> about_to_run;  // as in ServiceGpu
  std::function<void()> came_back;                               // … and so has what it was told of
  PluginThreadOptions thread;
  Nanoseconds answer_limit{2'000'000'000};  // for the engine thread
};

class Plugins {
 public:
  explicit Plugins(const PluginsOptions& options);
  ~Plugins();

  struct LeftOut {
    std::vector<Diagnostic> wrong;
    std::vector<Diagnostic> refused;  // by about_to_run: no mistake of the configuration's
  };
  // Creates them; what cannot be had is left out and said. Before attach().
  LeftOut load(const std::vector<PluginConfig>& wanted);
  void attach(EngineThread& engine);  // before its thread starts
  void detach();                      // after it has ended: hands over what is left and ends the plugins

  // ---- another configuration, while everything runs --------------------------------------------------------
  // What it would change, a sentence each. Error: it takes a restart, because power control differs. Plugins that start()
  // began are nobody's configuration and stay.
  Result<std::vector<std::string>> plan(const std::vector<PluginConfig>& wanted) const;
  // New exporters start, those with other parameters are started anew; on an error everything is as before. Then either
  // finish_change(): those no longer wanted end; or take_back_change().
  Status begin_change(const std::vector<PluginConfig>& wanted);
  void finish_change();
  Status take_back_change();

  // One more exporter while everything runs; it is told first what it missed. The name is for stop().
  Result<std::string> start(const PluginConfig& wanted);
  Status stop(const std::string& name);

  std::vector<std::pair<std::string, PluginReport>> reports() const;  // by name
  bool anyone_takes_samples() const;
  void post_sample(const std::shared_ptr<const MetricPage>& page);

  // Power control, if there is one; else nothing is known and nothing happens.
  void set_clock(std::uint32_t mhz);
  std::uint32_t clock_mhz() const;
  double power_w() const;

 private:
  struct Plugin {
    std::string name;
    std::unique_ptr<PluginThread> thread;
    std::optional<PluginConfig> configured;  // none: start() began it
  };
  // Between what runs and what is wanted (plugins_change.cpp).
  struct Difference {
    struct Fresh {
      PluginConfig wanted;
      std::string replaces;  // the name of one with other parameters; empty: of none
    };
    std::vector<Fresh> fresh;
    std::vector<std::string> gone;  // names
    bool power = false;             // power control is concerned
  };
  struct Change {  // begun, neither finished nor taken back
    std::vector<std::string> started, gone;
    std::vector<PluginConfig> replaced;
  };
  Difference difference(const std::vector<PluginConfig>& wanted) const;
  const Plugin* find(const std::string& name) const;
  Result<std::unique_ptr<PluginThread>> create(const PluginConfig& wanted, LeftOut& left_out) const;
  std::string name_for(const PluginThread& plugin);

  const PluginsOptions options_;
  EngineThread* engine_ = nullptr;
  std::vector<Plugin> plugins_;
  PluginThread* power_ = nullptr;
  Change change_;
};

}  // namespace lithos
