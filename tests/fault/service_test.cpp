// SPDX-License-Identifier: Apache-2.0
// lithosd as a systemd service: the unit file by systemd's own check where that is present, and the protocol of
// Type=notify with a watchdog (sd_notify(3)) against a service manager played by this test.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "fault/support.hpp"
#include "ipc/fd.hpp"

namespace lithos::testing {
namespace {

// The other end of NOTIFY_SOCKET.
class ServiceManager {
 public:
  // `name`: a path, or "@…" for an abstract one.
  explicit ServiceManager(const std::string& name)
      : name_(name), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0) << name;
  }
  const std::string& name() const { return name_; }

  // The next message; empty: none came within a minute.
  std::string next() {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 60'000) != 1) return "";
    char text[1024];
    const ssize_t got = ::recv(socket_.get(), text, sizeof text, 0);
    return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  // … that is no sign of life.
  std::string next_news() {
    std::string text = next();
    while (text == "WATCHDOG=1") text = next();
    return text;
  }

 private:
  std::string name_;
  ipc::Fd socket_;
};

class Service : public ::testing::Test {
 protected:
  ~Service() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  void start(const std::string& socket, const std::string& text = config_text()) {
    manager = std::make_unique<ServiceManager>(socket);
    ::setenv("NOTIFY_SOCKET", socket.c_str(), 1);
    config = folder.write("daemon.toml", text);
    lithosd = Process({LITHOS_BINARY_DIR "/bin/lithosd", "--config", config, "--run-dir", folder.path(), "--state-dir",
                       folder.at("state"), "--policy-path", LITHOS_BINARY_DIR "/lib/lithos/policies"},
                      folder.at("lithosd.log"));
  }
  Result<Json> ask(const std::string& request) {
    Result<AdminClient> client = AdminClient::connect(folder.at("admin.sock"));
    return client.ok() ? client.value().ask(request) : client.status();
  }
  Folder folder;
  std::string config;
  std::unique_ptr<ServiceManager> manager;
  Process lithosd;
};

TEST_F(Service, ReadyMeansThatItAnswersAndStoppingIsSaid) {
  start(folder.at("notify"));
  ASSERT_EQ(manager->next(), "READY=1") << lithosd.output();
  EXPECT_TRUE(ask("ping").ok()) << "at that very moment";
  lithosd.signal(SIGTERM);
  EXPECT_EQ(manager->next(), "STOPPING=1") << "and no signs of life: no watchdog was asked for";
  EXPECT_EQ(lithosd.wait(), 0);
}

TEST_F(Service, AbstractSocketsWork) {
  start("@lithos-test-" + std::to_string(::getpid()));
  EXPECT_EQ(manager->next(), "READY=1") << lithosd.output();
}

TEST_F(Service, AReloadIsAnnouncedWithItsTimeAndEndsInReady) {
  start(folder.at("notify"));
  ASSERT_EQ(manager->next(), "READY=1") << lithosd.output();
  folder.write("daemon.toml", config_text("scheduler = \"static_partition\""));
  const Nanoseconds before = monotonic_now();
  lithosd.signal(SIGHUP);
  const std::string reloading = manager->next();
  ASSERT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  const long long us = std::atoll(reloading.c_str() + reloading.rfind('=') + 1);
  EXPECT_GE(us, before.count() / 1000);
  EXPECT_LE(us, monotonic_now().count() / 1000);
  EXPECT_EQ(manager->next(), "READY=1");
  EXPECT_NE(ask("status").value().dump().find("static_partition"), std::string::npos);
  folder.write("daemon.toml", "nonsense = 1\n");
  lithosd.signal(SIGHUP);
  EXPECT_TRUE(manager->next().starts_with("RELOADING=1"));
  EXPECT_EQ(manager->next(), "READY=1") << "what was in force stays";
}

TEST_F(Service, SignsOfLifeComeTwiceAsOftenAsAsked) {
  ::setenv("WATCHDOG_USEC", "400000", 1);
  start(folder.at("notify"));
  ASSERT_EQ(manager->next(), "READY=1") << lithosd.output();
  const Nanoseconds began = monotonic_now();
  for (int i = 0; i < 4; ++i) ASSERT_EQ(manager->next(), "WATCHDOG=1");
  EXPECT_GE(monotonic_now() - began, Nanoseconds{550'000'000}) << "not more often than needed";
  lithosd.signal(SIGTERM);
  EXPECT_EQ(manager->next_news(), "STOPPING=1");
}

TEST_F(Service, AWatchdogForSomebodyElseIsNotOurs) {
  ::setenv("WATCHDOG_USEC", "1000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  start(folder.at("notify"));
  ASSERT_EQ(manager->next(), "READY=1") << lithosd.output();
  EXPECT_TRUE(ask("ping").ok());
  lithosd.signal(SIGTERM);
  EXPECT_EQ(manager->next(), "STOPPING=1");
}

// systemd's own parser on the unit that is shipped. It looks for the programs, so those that were built stand in.
TEST(UnitFile, SystemdFindsNothingToSay) {
  if (std::system("systemd-analyze --version > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "systemd-analyze is not installed here";
  Folder folder;
  std::string text = read_text_file(LITHOS_SOURCE_DIR "/configs/daemon/lithosd.service").value();
  const auto replace = [&](const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  replace("/usr/bin/lithosd", LITHOS_BINARY_DIR "/bin/lithosd");
  replace("/usr/bin/lithos ", LITHOS_BINARY_DIR "/bin/lithos ");
  const auto verify = [&](const std::string& unit) {
    const std::string line = "systemd-analyze verify --man=no '" + folder.write("lithosd.service", unit) + "' > '" +
                             folder.at("out") + "' 2>&1";
    const int code = std::system(line.c_str());
    return std::to_string(code) + folder.read("out");
  };
  EXPECT_EQ(verify(text), "0");
  replace("Restart=on-failure", "Restarts=on-failure");
  EXPECT_NE(verify(text).find("Restarts"), std::string::npos) << "the check itself bites";
}

}  // namespace
}  // namespace lithos::testing
