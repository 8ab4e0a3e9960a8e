// SPDX-License-Identifier: Apache-2.0
// lithosd as an object: engine thread, policies, guard, admin socket. run() is the control thread; everything is torn
// down in order when it returns. One in a process if signals are caught, else as many as one likes (tests).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "daemon/admin_server.hpp"
#include "daemon/daemon_config.hpp"
#include "daemon/engine_thread.hpp"
#include "daemon/plugins.hpp"
#include "daemon/policy_manager.hpp"
#include "daemon/sampler.hpp"
#include "daemon/start_watch.hpp"
#include "daemon/watchdog.hpp"

namespace lithos {

struct DaemonOptions {
  std::string config;                    // TOML
  std::string set;                       // of policies; empty: the only one, or "lithos"
  std::string map_file;                  // of a GPU, as `lithos calibrate` writes it; empty: the virtual GPU
  std::string run_folder;                // sockets: tenants.sock and admin.sock
  std::string state_folder;              // black box, last good configuration, quarantine, exit records
  std::vector<std::string> policy_path;  // searched first
  std::vector<std::string> plugin_path;  // likewise
  PolicyManagerOptions policies;         // probation, strikes, limits; the rest is filled in
  Nanoseconds hang_limit{1'000'000'000};
  Nanoseconds start_limit{10'000'000'000};  // a start that has not come up by then ends the process
  Nanoseconds keep_learned{0};  // so often what is known of operators goes into the state folder, and at the end; 0: never, nor is it read
  bool process_wide = false;  // this is lithosd itself: catch fatal signals, end the process on a hang
  Log log;
};

class Daemon {
 public:
  explicit Daemon(const DaemonOptions& options);
  ~Daemon();

  // Errors as load_daemon_config(), and unavailable (sockets, state folder). After a crash the last good
  // configuration is taken, with the policies that were in force, without the one that is to blame.
  Status start();
  void run();     // until stop()
  void stop();    // any thread, also from a signal handler
  void reload();  // likewise: apply the configuration file again (SIGHUP)

  std::string tenant_socket() const { return options_.run_folder + "/tenants.sock"; }
  std::string admin_socket() const { return options_.run_folder + "/admin.sock"; }
  PolicyManager& policies() { return *policies_; }  // control thread, while run() is not running
  EngineThread& engine() { return *engine_; }

 private:
  Status load();
  Json read_in_force() const;
  void restore_in_force(const Json& in_force, DaemonConfig& config) const;
  void blame(const LastEnd& last);
  Status start_watched(StartWatch& watch);
  Status open_black_box();
  void make_policies(StartWatch& watch);
  Status load_plugins();
  Status start_engine(StartWatch& watch);
  void recall_learned();
  void keep_learned();
  void tick();
  void sample(Nanoseconds now);
  void log(LogEvent event, const std::string& text, int level = LITHOS_LOG_INFO) const;
  Result<Json> handle(const AdminRequest& request);
  Result<Json> read_request(const AdminRequest& request, bool& known);
  Result<Json> change_request(const AdminRequest& request, bool& known);
  Result<Json> status(const Json& arguments);
  Result<Json> tenants();
  Json list_policies();
  Result<ChangeReport> apply(const DaemonConfig& next);
  Result<DaemonConfig> requested_config(const AdminRequest& request) const;

  DaemonOptions options_;
  std::string config_path_;
  std::unique_ptr<BlackBox> black_box_;
  std::unique_ptr<DaemonConfig> config_;
  std::unique_ptr<PolicyManager> policies_;
  std::unique_ptr<Plugins> plugins_;
  std::unique_ptr<EngineThread> engine_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<AdminServer> server_;
  std::atomic<bool> reload_asked_ = false;
  Nanoseconds started_{0}, last_sign_of_life_{0}, learned_kept_at_{0};
};

}  // namespace lithos
