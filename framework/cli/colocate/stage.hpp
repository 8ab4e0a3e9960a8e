// SPDX-License-Identifier: Apache-2.0
// What a way of sharing needs, brought about and changed for the next: MPS, lithosd with a set of policies, tenants that are ready.
// Whatever the next way can use stays: tenants as long as their environment is the same, lithosd as long as its policies can be
// exchanged while they serve. Everything ends with this object. Errors: unavailable, one message. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/colocate/tenant_process.hpp"
#include "cli/colocate/ways.hpp"
#include "cli/command_line.hpp"
#include "cli/up/mps_server.hpp"
#include "daemon/json.hpp"

namespace lithos {

struct StageOptions {
  Config config;
  std::string device;                         // TPC map, or "virtual"
  std::string tenants_folder;                 // where their commands run
  std::string log;                            // of lithosd and the tenants
  std::map<std::string, std::string> models = {};  // by tenant: what {model} in its command is; else its trace's name
  std::vector<std::string> policy_path = {};
  bool no_mps = false;                        // sets under lithosd go without
  std::string case_name = {};                 // that `config` is of its file
  Nanoseconds start_limit{180'000'000'000};   // of a tenant, until it is ready
};

class Stage {
 public:
  explicit Stage(const StageOptions& options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Status prepare(const Way& way);
  // How prepare() came to lithosd's set: "started" (with fresh tenants), "exchanged live", "kept"; empty: no lithosd.
  const std::string& how() const { return how_; }
  TenantProcess& tenant(const std::string& name);
  Status bring(const std::string& name, const Way& way);  // one more tenant, beside those of prepare()
  const PolicySetConfig& set_named(const std::string& name) const;
  const std::string& folder() const { return folder_; }   // for files that are gone with the stage
  // The same request as the commands of the program make.
  Result<Json> ask_lithosd(const DaemonArguments& request) const;
  // After a failure: nothing of it is used any more.
  void give_up();
  // What the shims counted, of tenants that have ended: {"tenant": …, "ways": […], "stats": {…}}.
  const Json& counters() const { return counters_; }

 private:
  struct Running {
    TenantProcess process;
    std::string environment;  // what it was started for
    std::vector<std::string> ways;
  };

  Launch launch_of(const TenantConfig& tenant, const Way& way) const;
  void end_tenant(const std::string& name);
  void end_tenants_of_others(const Way& way);
  Status start_tenants(const std::vector<std::string>& names, const Way& way);
  Status need_mps();
  Status need_lithosd(const PolicySetConfig& set);
  Status start_lithosd_with(const PolicySetConfig& set);
  std::string name_for_lithosd(const PolicySetConfig& set) const;
  void end_lithosd_now();

  const StageOptions options_;
  std::string folder_;
  std::map<std::string, Running> running_;
  std::optional<MpsFolders> mps_;
  std::optional<ProcessMark> lithosd_;
  const PolicySetConfig* in_force_ = nullptr;
  std::string how_;
  unsigned mps_runs_ = 0;
  bool mps_suffered_ = false;
  Json counters_ = Json::array();
};

}  // namespace lithos
