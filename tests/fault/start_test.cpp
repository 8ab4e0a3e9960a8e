// SPDX-License-Identifier: Apache-2.0
// A start that stands still: it is ended, an exit record says where, and the next one is tried.
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/quarantine.hpp"
#include "fault/support.hpp"
#include "ipc/fd.hpp"

namespace lithos::testing {
namespace {

class Start : public LithosdTest {
 protected:
  // A start of its own takes some 20 ms, on a busy machine ten times that.
  const std::vector<std::string> kLimit{"--start-limit", "2s"};

  // The first record of a start that was ended at this step; null: there is none.
  Json ended_at(const std::string& step) {
    for (const std::string& text : read_exit_records(folder.at("state"), 100)) {
      const Result<Json> record = Json::parse(text);
      if (record.ok() && record.value().text_of("message").find('"' + step + '"') != std::string::npos)
        return record.value();
    }
    return {};
  }
  static bool has_ended(pid_t process, int code) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process &&
           info.si_code == CLD_EXITED && info.si_status == code;
  }
  // Gives the configuration to whoever has the pipe open for reading. False: nobody.
  bool feed(const std::string& text) {
    const ipc::Fd pipe(::open(config.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    return pipe && ::write(pipe.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
};

TEST_F(Start, ThatWaitsForItsConfigurationForEverIsEndedAndTriedAgain) {
  config = folder.at("daemon.toml");
  ASSERT_EQ(::mkfifo(config.c_str(), 0600), 0);  // nobody writes into it
  launch(kLimit);
  ASSERT_TRUE(eventually([&] { return ended_at("configuration").is_object(); })) << lithosd.output();
  const Json record = ended_at("configuration");
  EXPECT_EQ(record.text_of("what"), "hang");
  EXPECT_EQ(record.text_of("policy"), "") << "nobody is to blame";
  bool fed = false;  // once: what is written twice before the daemon comes to read it is one text that makes no sense
  ASSERT_TRUE(eventually([&] { return (fed = fed || feed(config_text())) && ask("ping").ok(); })) << lithosd.output();
  EXPECT_EQ(ask("status").value().text_of("last_daemon"), "hung");
}

TEST_F(Start, InAPolicyThatNeverEndsItsCreationGoesOnWithoutThatPolicy) {
  start(kLimit, config_text("scheduler = { policy = \"org.test.hangs_in_create\", path = \"" + fixture("hangs_in_create") + "\" }"));
  const Json record = ended_at("create");
  EXPECT_EQ(record.text_of("what"), "hang");
  EXPECT_EQ(record.text_of("policy"), "org.test.hangs_in_create") << lithosd.output();
  EXPECT_EQ(in_force("scheduler"), "builtin.scheduler");
}

// It opens a pipe that nobody reads, for ever.
TEST_F(Start, InAPluginThatNeverEndsItsCreationGoesOnWithoutThatPlugin) {
  const std::string pipe = folder.at("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  start(kLimit, config_text() + "\n[[plugin]]\nexporter = \"org.lithos.test.exporter\"\npath = \"" LITHOS_BINARY_DIR
                "/tests/unit/observe/modules/test_exporter.so\"\nparams = { out = \"" + pipe + "\" }\n");
  const Json record = ended_at("plugins");
  EXPECT_EQ(record.text_of("what"), "hang");
  EXPECT_EQ(record.text_of("kind"), "plugin");
  EXPECT_EQ(record.text_of("policy"), "org.lithos.test.exporter") << lithosd.output();
  EXPECT_EQ(ask("plugin.list").value().dump(), "[]") << "left out";
  EXPECT_NE(lithosd.output().find("going on without a plugin"), std::string::npos) << "and said\n" << lithosd.output();
  EXPECT_NE(ask("policy.quarantine").value().dump().find("org.lithos.test.exporter"), std::string::npos);
  Json which = Json::object();
  EXPECT_TRUE(ask("policy.release", which.set("which", "org.lithos.test.exporter")).ok());
}

// At any moment of the death of one daemon and the birth of the next.
TEST_F(Start, AgainAndARequestToStopAtTheSameTimeEndInAStop) {
  for (int round = 0; round < 40; ++round) {
    start();
    ::kill(daemon_pid(), SIGKILL);
    const Nanoseconds until = monotonic_now() + Nanoseconds{round * 25'000};
    while (monotonic_now() < until) {}
    lithosd.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return has_ended(lithosd.pid(), 0); })) << lithosd.output();
    lithosd = Process();
  }
}

}  // namespace
}  // namespace lithos::testing
