// SPDX-License-Identifier: Apache-2.0
#include "policy_host/services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <string_view>
#include <utility>

#include "policy_host/module.hpp"
#include "policy_host/params.hpp"
#include "policy_host/policy_table_check.hpp"
#include "policy_host/private_copy.hpp"
#include "policy_host/search_path.hpp"

namespace lithos {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

const char* kind_name(std::uint32_t kind) { return kind == LITHOS_SERVICE_POWER ? "power" : "exporter"; }
const char* section_name(std::uint32_t kind) { return kind == LITHOS_SERVICE_POWER ? "power" : "export"; }

struct FoundService {
  std::shared_ptr<Module> module;
  const lithos_service* service = nullptr;
};

using AboutToRun = std::function<Status(const LibraryAboutToRun&)>;

Result<std::vector<FoundService>> services_in(const std::string& path, const AboutToRun& about_to_run) {
  if (about_to_run) {
    Result<LibraryFile> file = read_library_file(path);
    if (!file.ok()) return file.status();
    if (Status status = about_to_run({"", path, file->hash}); !status.ok()) return status;
  }
  Result<std::shared_ptr<Module>> module = Module::open(path, kServiceEntry);
  if (!module.ok()) return module.status();
  Result<const void*> entry = module.value()->call_entry();
  if (!entry.ok()) return entry.status();
  const auto* table = static_cast<const lithos_service_library*>(entry.value());
  if (const Status status = check_service_library(table); !status.ok())
    return Status(status.code(), path + ": " + status.message());
  std::vector<FoundService> found;
  for (std::uint32_t i = 0; i < table->n_services; ++i) found.push_back({module.value(), table->services[i]});
  return found;
}

// Every plugin of the folders, and what could not be loaded.
std::vector<FoundService> scan(const std::vector<std::string>& folders, const AboutToRun& about_to_run, std::string& problems) {
  std::vector<FoundService> all;
  for (const std::string& folder : folders) {
    for (const std::string& path : libraries_in(folder)) {
      Result<std::vector<FoundService>> found = services_in(path, about_to_run);
      if (!found.ok()) problems += fmt::format(" ({})", found.status().message());
      else all.insert(all.end(), found.value().begin(), found.value().end());
    }
  }
  return all;
}

Result<FoundService> find(std::uint32_t kind, const PolicyChoice& choice, const std::vector<std::string>& folders,
                          const AboutToRun& about_to_run) {
  std::string problems;
  std::vector<FoundService> all;
  if (choice.path.empty()) {
    all = scan(folders, about_to_run, problems);
  } else {
    Result<std::vector<FoundService>> found = services_in(choice.path, about_to_run);
    if (!found.ok()) return found.status();
    all = std::move(found).value();
  }
  std::vector<std::string> known;
  for (const FoundService& candidate : all) {
    if (candidate.service->kind != kind) continue;
    const bool any = choice.id.empty() && !choice.path.empty();
    const std::string_view id = candidate.service->id;
    if (any || id == choice.id || last_part_of_id(id) == choice.id) return candidate;
    known.emplace_back(candidate.service->id);
  }
  std::string message = fmt::format("no {} plugin is called \"{}\"", kind_name(kind), choice.id);
  if (const std::string near = closest_id(choice.id, known); !near.empty())
    message += fmt::format("; did you mean \"{}\"?", near);
  else if (!known.empty()) message += fmt::format("; known are {}", fmt::join(known, ", "));
  return not_found(message + problems);
}

}  // namespace

// One created plugin. Its host functions may be called from the plugin's threads, hence the lock.
class ServiceInstance {
 public:
  ServiceInstance(FoundService found, const ServiceGpu& gpu)
      : found_(std::move(found)), uuid_(gpu.uuid), info_(gpu.info), log_(gpu.log) {
    metrics_.resize(found_.service->n_metrics, 0.0);
    gpu_ = {sizeof(lithos_service_gpu), gpu.index, uuid_.c_str(), &info_};
    host_ = {sizeof(lithos_host), LITHOS_SERVICE_ABI_MINOR, this, &on_log, &on_fail, &on_metric, &on_extension};
  }
  ~ServiceInstance() {
    if (!created_) return;
    try {
      found_.service->destroy(self_);
    } catch (...) {  // nothing is left that could be told
    }
  }
  ServiceInstance(const ServiceInstance&) = delete;
  ServiceInstance& operator=(const ServiceInstance&) = delete;

  Status create(const ResolvedParams& params) {
    const Status status = call("create", [&] {
      return found_.service->create(&host_, &gpu_, params.values.data(), found_.service->n_params, &self_);
    });
    created_ = status.ok();
    return status;
  }

  // Calls into the plugin; a negative status or an exception becomes a Status with the plugin's own words.
  template <class Call>
  Status call(const char* operation, Call&& body) {
    lithos_status status = LITHOS_E_EXCEPTION;
    try {
      status = body();
    } catch (...) { on_fail(&host_, "an exception left the plugin"); }
    if (status >= 0) return {};
    const std::lock_guard lock(mutex_);
    ++failures_;
    return unavailable(fmt::format("plugin {}: {} failed (status {}): {}", found_.service->id, operation, status,
                                   failure_.empty() ? "it gave no reason" : std::exchange(failure_, {})));
  }

  void* self() const { return self_; }
  template <class Ops>
  const Ops& ops() const {
    return *static_cast<const Ops*>(found_.service->ops);
  }
  // Of an operation that came after version 1.0: null where the plugin's table ends before it.
  template <class Ops, class Operation>
  Operation later(Operation Ops::*operation) const {
    const Ops& table = ops<Ops>();
    const auto end = reinterpret_cast<const char*>(&(table.*operation) + 1) - reinterpret_cast<const char*>(&table);
    return table.struct_size >= static_cast<std::size_t>(end) ? table.*operation : nullptr;
  }

  std::uint64_t failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }
  ServiceDescription description() const {
    const lithos_service& service = *found_.service;
    return {service.id, service.version, service.summary, found_.module->path(), found_.module->hash()};
  }
  std::vector<MetricReading> metrics() const {
    const std::lock_guard lock(mutex_);
    std::vector<MetricReading> out;
    for (std::uint32_t i = 0; i < found_.service->n_metrics; ++i) {
      const lithos_metric& metric = *found_.service->metrics[i];
      out.push_back({{}, metric.name, metric.unit, metric.type == LITHOS_METRIC_COUNTER, metrics_[i]});
    }
    return out;
  }

 private:
  static ServiceInstance& of(const lithos_host* host) { return *static_cast<ServiceInstance*>(host->ctx); }
  static void on_log(const lithos_host* host, std::int32_t level, const char* text) {
    if (const ServiceInstance& self = of(host); self.log_ && text != nullptr)
      self.log_(level, fmt::format("plugin {}: {}", self.found_.service->id, text));
  }
  static void on_fail(const lithos_host* host, const char* text) {
    const std::lock_guard lock(of(host).mutex_);
    of(host).failure_ = text != nullptr ? text : "";
  }
  static void on_metric(const lithos_host* host, std::uint32_t index, double value) {
    ServiceInstance& self = of(host);
    if (index >= self.metrics_.size() || !std::isfinite(value)) return;
    const std::lock_guard lock(self.mutex_);
    if (self.found_.service->metrics[index]->type == LITHOS_METRIC_GAUGE) self.metrics_[index] = value;
    else self.metrics_[index] += std::max(0.0, value);
  }
  static const void* on_extension(const lithos_host*, const char*) { return nullptr; }

  FoundService found_;  // declared first, destroyed last: everything below points into the library
  std::string uuid_;
  lithos_gpu_info info_;
  const std::function<void(int, const std::string&)> log_;
  lithos_service_gpu gpu_{};
  lithos_host host_{};
  mutable std::mutex mutex_;
  std::string failure_;
  std::uint64_t failures_ = 0;
  std::vector<double> metrics_;
  void* self_ = nullptr;
  bool created_ = false;
};

namespace {

struct ResolvedService {
  FoundService found;
  ResolvedParams params;
};

std::vector<Diagnostic> resolve(std::uint32_t kind, const PolicyChoice& choice, const std::vector<std::string>& folders,
                                const AboutToRun& about_to_run, ResolvedService& out) {
  Result<FoundService> found = find(kind, choice, folders, about_to_run);
  if (!found.ok()) return {{choice.where, fmt::format("{}: {}", section_name(kind), found.status().message())}};
  out.found = std::move(found).value();
  const lithos_service& service = *out.found.service;
  return resolve_params(choice.params, service.params, service.n_params, fmt::format("{}.params", section_name(kind)),
                        out.params);
}

template <class Service>
CreatedService<Service> create_service(std::uint32_t kind, const PolicyChoice& choice,
                                       const std::vector<std::string>& folders, const ServiceGpu& gpu) {
  CreatedService<Service> out;
  ResolvedService resolved;
  out.diagnostics = resolve(kind, choice, folders, gpu.about_to_run, resolved);
  if (!out.diagnostics.empty()) return out;
  const ResolvedParams& params = resolved.params;
  if (gpu.about_to_run) {
    const Module& module = *resolved.found.module;
    const Status status = gpu.about_to_run({resolved.found.service->id, module.path(), module.hash()});
    if (!status.ok()) {
      out.diagnostics.push_back({choice.where, fmt::format("{}: {}", section_name(kind), status.message())});
      return out;
    }
  }
  auto instance = std::make_unique<ServiceInstance>(std::move(resolved.found), gpu);
  if (const Status status = instance->create(params); !status.ok())
    out.diagnostics.push_back({choice.where, fmt::format("{}: {}", section_name(kind), status.message())});
  else out.service = std::make_unique<Service>(std::move(instance));
  return out;
}

}  // namespace

PowerService::PowerService(std::unique_ptr<ServiceInstance> instance) : instance_(std::move(instance)) {}
PowerService::~PowerService() = default;

Result<std::uint32_t> PowerService::apply_clock(std::uint32_t mhz) {
  std::uint32_t applied = 0;
  const Status status = instance_->call(
      "apply_clock", [&] { return instance_->ops<lithos_power_ops>().apply_clock(instance_->self(), mhz, &applied); });
  if (!status.ok()) return status;
  return applied;
}

Result<lithos_power_reading> PowerService::read() {
  lithos_power_reading reading{sizeof(lithos_power_reading), 0, kUnknown, kUnknown};
  const auto read = instance_->ops<lithos_power_ops>().read;
  if (read == nullptr) return reading;
  const Status status = instance_->call("read", [&] { return read(instance_->self(), &reading); });
  if (!status.ok()) return status;
  return reading;
}

std::uint64_t PowerService::failures() const { return instance_->failures(); }
ServiceDescription PowerService::description() const { return instance_->description(); }
std::vector<MetricReading> PowerService::metrics() const { return instance_->metrics(); }

ExporterService::ExporterService(std::unique_ptr<ServiceInstance> instance) : instance_(std::move(instance)) {
  wanted_ = ~std::uint64_t{0};
  const auto wants = instance_->later(&lithos_exporter_ops::wants);
  if (wants == nullptr) return;
  (void)instance_->call("wants", [&] {
    wanted_ = wants(instance_->self());
    return lithos_status{0};
  });
}
ExporterService::~ExporterService() { (void)flush(); }

Status ExporterService::events(std::span<const lithos_event> batch) {
  return events(batch.data(), batch.size(), sizeof(lithos_event));
}

Status ExporterService::events(std::span<const EventSlot> batch) {
  return batch.empty() ? Status{} : events(&batch.front().event, batch.size(), sizeof(EventSlot));
}

Status ExporterService::events(const lithos_event* first, std::size_t count, std::size_t stride) {
  if (count == 0) return {};
  return instance_->call(
      "events", [&] { return instance_->ops<lithos_exporter_ops>().events(instance_->self(), first, count, stride); });
}

bool ExporterService::takes_samples() const { return instance_->later(&lithos_exporter_ops::sample) != nullptr; }

Status ExporterService::sample(const lithos_metrics& metrics) {
  const auto sample = instance_->later(&lithos_exporter_ops::sample);
  if (sample == nullptr) return {};
  return instance_->call("sample", [&] { return sample(instance_->self(), &metrics); });
}

Status ExporterService::flush() {
  const auto flush = instance_->ops<lithos_exporter_ops>().flush;
  if (flush == nullptr) return {};
  return instance_->call("flush", [&] { return flush(instance_->self()); });
}

std::uint64_t ExporterService::failures() const { return instance_->failures(); }
ServiceDescription ExporterService::description() const { return instance_->description(); }
std::vector<MetricReading> ExporterService::metrics() const { return instance_->metrics(); }

std::vector<Diagnostic> check_plugin(const PluginConfig& plugin, const std::vector<std::string>& folders) {
  ResolvedService resolved;
  return resolve(plugin.kind == PluginKind::power ? LITHOS_SERVICE_POWER : LITHOS_SERVICE_EXPORTER, plugin.choice,
                 folders, {}, resolved);
}

std::vector<std::string> default_plugin_folders() { return search_folders("LITHOS_PLUGIN_PATH", "plugins"); }

CreatedService<PowerService> create_power_service(const PolicyChoice& choice, const std::vector<std::string>& folders,
                                                  const ServiceGpu& gpu) {
  return create_service<PowerService>(LITHOS_SERVICE_POWER, choice, folders, gpu);
}
CreatedService<ExporterService> create_exporter_service(const PolicyChoice& choice,
                                                        const std::vector<std::string>& folders,
                                                        const ServiceGpu& gpu) {
  return create_service<ExporterService>(LITHOS_SERVICE_EXPORTER, choice, folders, gpu);
}

}  // namespace lithos
