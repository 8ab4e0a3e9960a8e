// SPDX-License-Identifier: Apache-2.0
// Plugins that act, as the programs use them: power control and event exporters behind two small classes.
//
// A plugin is chosen like a policy: by id or its last part from search folders, or by path, with typed parameters. It
// is loaded from a private copy (module.hpp), its table checked, and it stays until the object goes; there is no swap.
// A call that fails is counted and its reason returned; the caller goes on without.
// Threads    Each object: one call at a time, from a control thread. The plugin's own threads may log and report
//            metrics meanwhile.
// Errors     As PolicyCatalog and PolicySet::create(): every mistake at once as diagnostics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "config/config.hpp"
#include "lithos/service_abi.h"
#include "policy_host/event_ring.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

class ServiceInstance;  // services.cpp

struct ServiceDescription {
  std::string id, version, summary, path, hash;
};

class PowerService {
 public:
  explicit PowerService(std::unique_ptr<ServiceInstance> instance);
  ~PowerService();

  // The clock in force afterwards, 0 if the plugin does not know. 0 gives the choice back to the driver.
  Result<std::uint32_t> apply_clock(std::uint32_t mhz);
  // What is not known is 0 or NaN; a plugin that cannot read gives that, not an error.
  Result<lithos_power_reading> read();

  std::uint64_t failures() const;
  ServiceDescription description() const;
  std::vector<MetricReading> metrics() const;  // MetricReading::kind means nothing here

 private:
  std::unique_ptr<ServiceInstance> instance_;
};

class ExporterService {
 public:
  explicit ExporterService(std::unique_ptr<ServiceInstance> instance);
  ~ExporterService();  // flushes

  Status events(std::span<const lithos_event> batch);
  Status events(std::span<const EventSlot> batch);
  Status flush();
  // The event types it wants, as bits (event_bit); asked at creation.
  std::uint64_t wanted() const { return wanted_; }
  bool takes_samples() const;
  Status sample(const lithos_metrics& metrics);

  std::uint64_t failures() const;
  ServiceDescription description() const;
  std::vector<MetricReading> metrics() const;

 private:
  Status events(const lithos_event* first, std::size_t count, std::size_t stride);

  std::unique_ptr<ServiceInstance> instance_;
  std::uint64_t wanted_ = 0;
};

template <class Service>
struct CreatedService {
  std::unique_ptr<Service> service;  // present only if there are no diagnostics
  std::vector<Diagnostic> diagnostics;
};

// A library whose code is about to run: its constructors, its entry function, a plugin's create().
struct LibraryAboutToRun {
  std::string id;  // of the plugin; empty: not known yet, what is looked for is the table that says so
  std::string path, hash;
};

// Which GPU a plugin is to serve.
struct ServiceGpu {
  std::uint32_t index = 0;
  std::string uuid;  // empty: virtual
  lithos_gpu_info info{};
  // What the plugin logs (level: LITHOS_LOG_*), from any of its threads; empty: dropped.
  std::function<void(int level, const std::string& text)> log = {};
  // Told beforehand whose code runs, each time, so that somebody is to blame if it does not come back; an error refuses it. May be empty.
  std::function<Status(const LibraryAboutToRun&)> about_to_run = {};
};

// Folders are searched in order; the default ones: $LITHOS_PLUGIN_PATH, then ../lib/lithos/plugins beside the program.
std::vector<std::string> default_plugin_folders();
CreatedService<PowerService> create_power_service(const PolicyChoice& choice, const std::vector<std::string>& folders,
                                                  const ServiceGpu& gpu);
CreatedService<ExporterService> create_exporter_service(const PolicyChoice& choice,
                                                        const std::vector<std::string>& folders, const ServiceGpu& gpu);

// What creating it would say of its name and its parameters; none of its code but the table runs.
std::vector<Diagnostic> check_plugin(const PluginConfig& plugin, const std::vector<std::string>& folders);

}  // namespace lithos
