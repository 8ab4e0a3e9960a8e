// SPDX-License-Identifier: Apache-2.0
// Starting and ending. What the admin socket answers is in daemon_requests.cpp.
#include "daemon/daemon.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "config/read_file.hpp"
#include "daemon/clock.hpp"
#include "daemon/daemon_requests.hpp"
#include "daemon/learned_file.hpp"
#include "daemon/sd_notify.hpp"
#include "engine/gpu_info.hpp"
#include "policy_host/builtin.hpp"
#include "policy_host/catalog.hpp"

namespace lithos {
namespace {

Status make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? unavailable(path + ": " + error.message()) : Status{};
}

// On standard error past the log, whose thread would not come to it any more. Not if it had to wait: the end comes first.
void say_at_once(const std::string& line) {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

Status wrong(const std::vector<Diagnostic>& diagnostics) { return invalid_argument(join_lines(diagnostics)); }

}  // namespace

Daemon::Daemon(const DaemonOptions& options) : options_(options), config_path_(options.config) {}

Daemon::~Daemon() {
  server_.reset();
  watchdog_.reset();
  if (engine_ != nullptr) engine_->stop();
  if (policies_ != nullptr) policies_->detach();
  engine_.reset();
  plugins_.reset();  // the rings have no writer any more
  policies_.reset();
  if (black_box_ != nullptr) black_box_->orderly_end();
}

void Daemon::log(LogEvent event, const std::string& text, int level) const {
  if (options_.log) options_.log(event, text, level);
}

// Who was running when the last daemon crashed or hung is left out of this one.
void Daemon::blame(const LastEnd& last) {
  if (!last.crashed) return;
  const std::string what = last.hung ? "hang" : last.signal != 0 ? "crash" : "killed";
  ExitRecord record{what, "", last.blamed.id, last.blamed.path, last.blamed.hash, "", last.signal, last.decisions};
  if (last.signal != 0) record.message = fmt::format("signal {} ({})", last.signal, ::strsignal(last.signal));
  else if (!last.start_step.empty()) record.message = fmt::format("its start did not get beyond \"{}\" in time", last.start_step);
  else record.message = last.hung ? "the watchdog ended the daemon" : "ended from outside, no policy is to blame";
  if (last.blamed_kind != 0) {
    record.kind = last.blamed_kind == kPluginKind ? "plugin" : name_of(static_cast<PolicyKind>(last.blamed_kind));
    Quarantine(options_.state_folder).add({record.hash, record.id, record.path, what + ", " + record.message});
  }
  const std::string path = write_exit_record(options_.state_folder, record);
  log(LogEvent::last_daemon_crashed,
      fmt::format("the last daemon did not end in an orderly way: {}; {}; see {}", record.message,
                  record.id.empty() ? "no policy is to blame" : record.id + " is quarantined", path));
}

// What was in force when the last daemon crashed; null: not known.
Json Daemon::read_in_force() const {
  const Result<std::string> text = read_text_file(options_.state_folder + "/in-force.json");
  Result<Json> in_force = text.ok() ? Json::parse(text.value()) : Result<Json>(Json());
  return in_force.ok() ? std::move(in_force).value() : Json();
}

void Daemon::restore_in_force(const Json& in_force, DaemonConfig& config) const {
  for (const PolicyKind kind : kAllPolicyKinds) {
    const Json& one = in_force[name_of(kind)];
    if (!one.is_object()) continue;
    PolicyChoice& choice = choice_of(config.set, kind);
    choice.id = one.text_of("policy");
    choice.path = one.text_of("path");
    choice.params = params_from_json(one["params"]);
  }
}

Status Daemon::load() {
  const LastEnd& last = black_box_->last_end();
  if (last.crashed) {
    const Result<std::string> text = read_text_file(options_.state_folder + "/last-good.toml");
    if (text.ok()) {
      // Another set than the command line's, if one was applied since.
      const Json in_force = read_in_force();
      const std::string applied = in_force.text_of("set"), set = applied.empty() ? options_.set : applied;
      LoadedDaemonConfig loaded =
          parse_daemon_config(text.value(), config_path_, set, options_.map_file);  // paths inside are relative to it
      if (loaded.config != nullptr) {
        options_.set = set;
        config_ = std::move(loaded.config);
        restore_in_force(in_force, *config_);
        return {};
      }
    }
  }
  LoadedDaemonConfig loaded = load_daemon_config(config_path_, options_.set, options_.map_file);
  if (loaded.config == nullptr) return wrong(loaded.diagnostics);
  config_ = std::move(loaded.config);
  return {};
}

Status Daemon::start() {
  StartWatch watch(options_.start_limit, [process_wide = options_.process_wide](const char* step) {
    if (!process_wide) return;
    say_at_once(fmt::format("lithosd: the start did not get beyond \"{}\" in time\n", step));
    ::_exit(kExitHung);
  });
  return start_watched(watch);
}

Status Daemon::start_watched(StartWatch& watch) {
  watch.enter("state folder");
  if (Status status = open_black_box(); !status.ok()) return status;
  watch.keep_in(*black_box_);
  watch.enter("last end");
  blame(black_box_->last_end());
  watch.enter("configuration");
  if (Status status = load(); !status.ok()) return status;
  make_policies(watch);
  watch.enter("plugins");
  if (Status status = load_plugins(); !status.ok()) return status;
  if (Status status = start_engine(watch); !status.ok()) return status;

  watch.enter("administrators");
  server_ = std::make_unique<AdminServer>([this](const AdminRequest& request) { return handle(request); },
                                          [this] { tick(); });
  if (Status status = server_->listen(admin_socket()); !status.ok()) return status;
  started_ = monotonic_now();
  return {};
}

Status Daemon::open_black_box() {
  for (const std::string& folder : {options_.run_folder, options_.state_folder})
    if (Status status = make_folder(folder); !status.ok()) return status;
  Result<BlackBox> box = BlackBox::open(options_.state_folder + "/black-box");
  if (!box.ok()) return box.status();
  black_box_ = std::make_unique<BlackBox>(std::move(box).value());
  if (options_.process_wide) black_box_->catch_fatal_signals();
  return {};
}

void Daemon::make_policies(StartWatch& watch) {
  PolicyManagerOptions policies = options_.policies;
  policies.folders = options_.policy_path;
  for (const std::string& folder : config_->config.policy_path) policies.folders.push_back(folder);
  for (const std::string& folder : PolicyCatalog::default_folders()) policies.folders.push_back(folder);
  policies.state_folder = options_.state_folder;
  policies.black_box = black_box_.get();
  policies.log = options_.log;
  policies_ = std::make_unique<PolicyManager>(policies, *config_);
  policies_->listen([&watch](ChangeStep step) { watch.enter(name_of(step)); });
}

// A mistake in the configuration is an error; after a crash, daemon and tenants matter more than a plugin. One that is quarantined is left
// out, as a policy is.
Status Daemon::load_plugins() {
  PluginsOptions options;
  options.folders = options_.plugin_path;
  for (const std::string& folder : default_plugin_folders()) options.folders.push_back(folder);
  options.gpu.info = gpu_info(config_->gpu, config_->config.run.seed);
  options.gpu.log = [sink = options_.log](int level, const std::string& text) {
    if (sink) sink(LogEvent::plugin_says, text, level);
  };
  options.about_to_run = [this](const LibraryAboutToRun& library) {
    if (Status status = policies_->quarantine().check(library.path, library.hash); !status.ok()) return status;
    black_box_->set_candidate_plugin(library.id.empty() ? library.path : library.id, library.path, library.hash);
    return Status{};
  };
  options.came_back = [box = black_box_.get()] { box->clear_candidate(); };
  options.thread.clock = [] { return monotonic_now(); };
  // A plugin that is left behind may still fail when this object has gone: it keeps what it calls.
  options.thread.on_failure = [sink = options_.log](const std::string&, const Status& failed) {
    if (sink) sink(LogEvent::plugin_failed, failed.message(), LITHOS_LOG_WARNING);
  };
  options.thread.on_dropped = [sink = options_.log](const std::string& plugin, std::uint64_t count) {
    const std::string text = fmt::format("plugin {}: too slow, {} events dropped", plugin, count);
    if (sink) sink(LogEvent::plugin_dropped_events, text, LITHOS_LOG_WARNING);
  };
  plugins_ = std::make_unique<Plugins>(options);
  const Plugins::LeftOut left_out = plugins_->load(config_->config.plugins);
  if (!left_out.wrong.empty() && !black_box_->last_end().crashed) return wrong(left_out.wrong);
  for (const auto* problems : {&left_out.refused, &left_out.wrong})
    if (!problems->empty()) log(LogEvent::plugin_missing, "going on without a plugin: " + join_lines(*problems));
  return {};
}

Status Daemon::start_engine(StartWatch& watch) {
  watch.enter("policies");
  Result<std::shared_ptr<PolicySet>> first = policies_->start();
  policies_->listen({});
  if (!first.ok()) return first.status();
  watch.enter("engine");
  EngineRoomConfig room = engine_room_config(policies_->config());
  room.on_lease = [box = black_box_.get()](TenantId tenant, const Lease& lease) {
    const TpcSet borrowed = lease.borrowed[0] | lease.borrowed[1] | lease.borrowed[2];
    box->add_decision({to_u64(monotonic_now()), value_of(tenant), lease.own.count(), borrowed.count(), lease.lenders,
                       lease.generation});
  };
  room.set_clock = [plugins = plugins_.get()](std::uint32_t mhz) { plugins->set_clock(mhz); };
  room.power_reading = [plugins = plugins_.get()] { return std::pair(plugins->clock_mhz(), plugins->power_w()); };
  EngineThreadOptions thread;
  thread.socket = tenant_socket();
  thread.at_start = [box = black_box_.get()] { box->this_is_the_engine_thread(); };
  engine_ = std::make_unique<EngineThread>(thread, room, std::move(first).value());
  plugins_->attach(*engine_);
  recall_learned();
  if (Status status = engine_->start(); !status.ok()) return status;
  policies_->attach(*engine_);
  sampler_ = std::make_unique<Sampler>(*engine_);
  const auto end = [process_wide = options_.process_wide](std::uint64_t) {
    if (process_wide) ::_exit(kExitHung);
  };
  watchdog_ = std::make_unique<Watchdog>(*engine_, black_box_->content(), options_.hang_limit, end);
  return {};
}

// Before the engine thread exists. What cannot be used is put aside under another name, so that it is not overwritten unseen.
void Daemon::recall_learned() {
  if (options_.keep_learned.count() == 0) return;
  learned_kept_at_ = monotonic_now();
  const std::string path = options_.state_folder + "/learned";
  const Result<std::string> text = read_text_file(path);
  if (!text.ok()) return;  // there is none yet
  const GpuShape& gpu = policies_->config().gpu;
  const auto learned = parse_learned(path, text.value(), {gpu.name, gpu.tpcs});
  if (learned.ok()) {
    const std::size_t taken = engine_->room().recall(learned.value());
    log(LogEvent::learned_recalled, fmt::format("{}: {} of {} entries taken", path, taken, learned.value().size()));
    return;
  }
  std::error_code error;
  std::filesystem::rename(path, path + ".refused", error);
  log(LogEvent::learned_refused, learned.status().message() + "; kept as " + path + ".refused, starting without");
}

// A part at a time: between two of them the engine thread decides.
void Daemon::keep_learned() {
  learned_kept_at_ = monotonic_now();
  std::vector<lithos_observation> learned;
  for (std::size_t part = 0; part < Engine::kLearnedParts; ++part) {
    std::vector<lithos_observation> some;
    const auto read = [room = &engine_->room(), part] {
      std::vector<lithos_observation> out;
      room->learned_part(part, out);
      return out;
    };
    if (!engine_->mailbox().ask<std::vector<lithos_observation>>(read, some, std::chrono::milliseconds(1000))) return;
    learned.insert(learned.end(), some.begin(), some.end());
  }
  const GpuShape& gpu = policies_->config().gpu;
  const Status written =
      write_file_atomically(options_.state_folder + "/learned", learned_text({gpu.name, gpu.tpcs}, learned));
  if (!written.ok()) log(LogEvent::learned_not_kept, written.message());
}

void Daemon::run() {
  sd_notify("READY=1");
  server_->run();
  if (options_.keep_learned.count() > 0) keep_learned();
  sd_notify("STOPPING=1");
}

void Daemon::stop() { server_->stop(); }

void Daemon::reload() {
  reload_asked_.store(true);
  server_->wake();
}

void Daemon::sample(Nanoseconds now) {
  if (!plugins_->anyone_takes_samples()) return;
  const std::shared_ptr<MetricPage> page = sampler_->tick(now);
  if (page == nullptr) return;
  put_daemon_metrics(
      {policies_->counts(), policies_->quarantine().all().size(), policies_->config().gpu.name, plugins_->reports()},
      *page);
  page->close(now, 0);
  plugins_->post_sample(page);
}

void Daemon::tick() {
  const Nanoseconds now = monotonic_now();
  policies_->tick(now);
  sample(now);
  if (options_.keep_learned.count() > 0 && now - learned_kept_at_ >= options_.keep_learned) keep_learned();
  static const Nanoseconds kSignEvery = sd_watchdog_interval();
  if (kSignEvery.count() > 0 && now - last_sign_of_life_ >= kSignEvery) {
    last_sign_of_life_ = now;
    sd_notify("WATCHDOG=1");
  }
  if (!reload_asked_.exchange(false)) return;
  sd_notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count() / 1000));
  const Result<Json> done = handle({"config.apply", Json::object(), true, {}});
  sd_notify("READY=1");
  if (!done.ok()) log(LogEvent::reload_failed, done.status().message());
}

}  // namespace lithos
