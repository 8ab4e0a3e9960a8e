// SPDX-License-Identifier: Apache-2.0
// lithosd as a process of its own, with its supervisor.
#pragma once

#include "swap/support.hpp"
#include "test_paths.hpp"

namespace lithos::testing {

// How often or how long: little in CI, more where the environment says so.
inline int number_wanted(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::max(1, std::atoi(text)) : otherwise;
}

class LithosdTest : public ::testing::Test {
 protected:
  void start(const std::vector<std::string>& more = {}, const std::string& text = config_text()) {
    config = folder.write("daemon.toml", text);
    launch(more);
    ASSERT_TRUE(answers()) << lithosd.output();
  }
  // … without waiting for it.
  void launch(const std::vector<std::string>& more) {
    std::vector<std::string> line{LITHOS_BINARY_DIR "/bin/lithosd",
                                  "--config",
                                  config,
                                  "--run-dir",
                                  folder.path(),
                                  "--state-dir",
                                  folder.at("state"),
                                  "--supervise",
                                  "--policy-path",
                                  LITHOS_BINARY_DIR "/lib/lithos/policies"};
    line.insert(line.end(), more.begin(), more.end());
    lithosd = Process(line, folder.at("lithosd.log"));
  }
  ~LithosdTest() override {
    if (!lithosd.started()) return;
    lithosd.signal(SIGTERM);
    EXPECT_EQ(lithosd.wait(), 0) << "an orderly end\n" << lithosd.output();
  }

  Result<Json> ask(const std::string& request, const Json& arguments = Json::object()) {
    Result<AdminClient> client = AdminClient::connect(folder.at("admin.sock"));
    if (!client.ok()) return client.status();
    return client.value().ask(request, arguments, Nanoseconds{5'000'000'000});
  }
  bool answers() {
    return eventually([&] { return ask("ping").ok(); });
  }
  // The daemon itself, not its supervisor.
  int daemon_pid() {
    const Result<Json> status = ask("status");
    return status.ok() ? static_cast<int>(status.value().integer_of("pid")) : 0;
  }
  std::string in_force(const std::string& kind) {
    const Result<Json> status = ask("status");
    if (!status.ok()) return "?";
    for (const Json& one : *status.value()["policies"]["policies"].items())
      if (one.text_of("kind") == kind) return one.text_of("policy");
    return "?";
  }
  Result<Json> swap_to(const std::string& path) {
    Json one = Json::object();
    one.set("kind", "scheduler").set("path", path);
    Json list = Json::array();
    list.add(one);
    Json arguments = Json::object();
    return ask("policy.swap", arguments.set("changes", list));
  }
  Process tenant(const std::string& name, std::vector<std::string> more = {"--duration", "600s"}) {
    return start_tenant(folder, config, name, std::move(more));
  }
  std::int64_t atoms_of(const std::string& name) {
    const Result<Json> tenants = ask("tenants");
    if (!tenants.ok() || tenants.value().items() == nullptr) return -1;
    for (const Json& one : *tenants.value().items())
      if (one.text_of("name") == name) return one.integer_of("atoms_completed");
    return -1;
  }
  bool works(const std::string& name, std::int64_t atoms = 20) {
    return eventually([&] { return atoms_of(name) >= atoms; });
  }

  Folder folder;
  std::string config;
  Process lithosd;
};

}  // namespace lithos::testing
