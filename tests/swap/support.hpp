// SPDX-License-Identifier: Apache-2.0
// A daemon in this process, tenants in others, and an administrator.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/read_file.hpp"
#include "daemon/admin_client.hpp"
#include "daemon/clock.hpp"
#include "daemon/daemon.hpp"
#include "test_paths.hpp"

extern char** environ;

namespace lithos::testing {

inline std::string fixture(const std::string& name) { return LITHOS_BINARY_DIR "/tests/fixtures/" + name + ".so"; }

// Looks again and again, without a fixed pause, until it is so; a minute is for slow machines under sanitizers.
inline bool eventually(const std::function<bool()>& is_so, std::chrono::seconds limit = std::chrono::seconds(60)) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "lithos-test-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::string at(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
    return at(name);
  }
  std::string read(const std::string& name) const {
    const Result<std::string> text = read_text_file(at(name));
    return text.ok() ? text.value() : "";
  }

 private:
  std::string path_;
};

// Tenants "a" (owns 40 TPCs) and "b" (borrows), "c0" … (best effort); `set` is the rest of the one set.
inline std::string config_text(const std::string& set = "scheduler = \"tpc_borrowing\"") {
  const auto tenant = [](const std::string& name, const std::string& more) {
    return "[[tenant]]\nname = \"" + name + "\"\nmode = \"eager\"\npipeline_depth = 2\n" + more +
           "trace = \"" LITHOS_SOURCE_DIR "/configs/traces/dlrm_infer_b2048.csv\"\narrivals = { kind = \"closed\" }\n";
  };
  return "kernel_rules = \"" LITHOS_SOURCE_DIR "/configs/kernels.toml\"\n" +
         tenant("a", "class = \"latency_critical\"\nquota = 40\nslo = \"20ms\"\n") +
         tenant("b", "class = \"best_effort\"\n") + "[[set]]\nname = \"only\"\n" + set + "\n";
}

class Process {
 public:
  Process() = default;
  explicit Process(std::vector<std::string> line, const std::string& output = "/dev/null") {
    std::vector<char*> argv;
    for (std::string& word : line) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    output_ = output;
  }
  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), output_(std::move(other.output_)) {}
  Process& operator=(Process&& other) noexcept {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    output_ = std::move(other.output_);
    return *this;
  }
  ~Process() { kill(); }

  pid_t pid() const { return pid_; }
  bool started() const { return pid_ > 0; }
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  // The exit code; 128 + signal.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string output() const {
    const Result<std::string> text = read_text_file(output_);
    return text.ok() ? text.value() : "";
  }

 private:
  pid_t pid_ = -1;
  std::string output_;
};

inline Process start_tenant(const Folder& folder, const std::string& config, const std::string& name,
                            std::vector<std::string> more = {}) {
  std::vector<std::string> line{LITHOS_BINARY_DIR "/bin/lithos-tenant",
                                "--socket",
                                folder.at("tenants.sock"),
                                "--config",
                                config,
                                "--name",
                                name,
                                "--kernels",
                                "12"};
  line.insert(line.end(), more.begin(), more.end());
  return Process(line, folder.at(name + ".out"));
}

// A tenant that was told to finish: everything it launched has completed, each block once.
inline void expect_exact(Process& tenant) {
  const int code = tenant.wait();
  const Result<Json> report = Json::parse(tenant.output());
  ASSERT_EQ(code, 0) << tenant.output();
  ASSERT_TRUE(report.ok()) << tenant.output();
  EXPECT_GT(report.value().integer_of("blocks_launched"), 0);
  EXPECT_EQ(report.value().integer_of("blocks_launched"), report.value().integer_of("blocks_completed"))
      << tenant.output();
  EXPECT_EQ(report.value().integer_of("launches"), report.value().integer_of("launches_ended"));
  EXPECT_EQ(report.value().integer_of("refused_by_device"), 0);
}

class DaemonTest : public ::testing::Test {
 protected:
  ~DaemonTest() override { stop(); }

  void start(const std::string& text = config_text()) {
    options.config = folder.write("daemon.toml", text);
    options.run_folder = folder.path();
    options.state_folder = folder.at("state");
    options.policy_path = {LITHOS_BINARY_DIR "/lib/lithos/policies"};
    daemon = std::make_unique<Daemon>(options);
    const Status started = daemon->start();
    ASSERT_TRUE(started.ok()) << started.message();
    control = std::thread([this] { daemon->run(); });
    Result<AdminClient> connected = AdminClient::connect(folder.at("admin.sock"));
    ASSERT_TRUE(connected.ok()) << connected.status().message();
    admin = std::make_unique<AdminClient>(std::move(connected).value());
  }
  void stop() {
    admin.reset();
    if (control.joinable()) {
      daemon->stop();
      control.join();
    }
    daemon.reset();
  }

  static Json change(const std::string& kind, const std::string& policy, const std::string& path = "") {
    Json one = Json::object();
    return one.set("kind", kind).set("policy", policy).set("path", path);
  }
  static Json changes(const std::vector<Json>& list) {
    Json array = Json::array();
    for (const Json& one : list) array.add(one);
    Json arguments = Json::object();
    return arguments.set("changes", array);
  }
  Result<Json> swap(const std::vector<Json>& list) { return admin->ask("policy.swap", changes(list)); }
  Result<Json> swap_to(const std::string& path) { return swap({change("scheduler", "", path)}); }
  // Member `what` of the policy of a kind, as `status` tells it.
  std::string in_force(const std::string& kind, const std::string& what = "policy") {
    const Result<Json> status = admin->ask("status");
    if (!status.ok() || status.value()["policies"]["policies"].items() == nullptr) return "?";
    for (const Json& one : *status.value()["policies"]["policies"].items())
      if (one.text_of("kind") == kind) return one.text_of(what);
    return "?";
  }
  std::int64_t policies_number(const std::string& what) {
    const Result<Json> status = admin->ask("status");
    return status.ok() ? status.value()["policies"].integer_of(what, -1) : -1;
  }
  Process tenant(const std::string& name, std::vector<std::string> more = {"--duration", "600s"}) {
    return start_tenant(folder, options.config, name, std::move(more));
  }
  std::int64_t atoms_of(const std::string& name) {
    const Result<Json> tenants = admin->ask("tenants");
    if (!tenants.ok() || tenants.value().items() == nullptr) return -1;
    for (const Json& one : *tenants.value().items())
      if (one.text_of("name") == name) return one.integer_of("atoms_completed");
    return -1;
  }
  // Waits until a tenant has done work.
  bool works(const std::string& name, std::int64_t atoms = 20) {
    return eventually([&] { return atoms_of(name) >= atoms; });
  }
  static void finish(Process& tenant) {
    tenant.signal(SIGTERM);
    expect_exact(tenant);
  }

  Folder folder;
  DaemonOptions options;
  std::unique_ptr<Daemon> daemon;
  std::thread control;
  std::unique_ptr<AdminClient> admin;
};

// How often a word occurs in /proc/self/maps: what is loaded.
inline std::size_t mapped(const std::string& word) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(word) != std::string::npos;
  return count;
}
inline std::size_t entries_of(const char* folder) {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) ++count;
  return count;
}

}  // namespace lithos::testing
