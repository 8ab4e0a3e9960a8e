// SPDX-License-Identifier: Apache-2.0
// Plugins in a daemon with tenants: what arrives, and that nothing a plugin does reaches the tenants.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <set>
#include <sstream>

#include "swap/support.hpp"
#include "test_paths.hpp"

namespace lithos::testing {
namespace {

const std::string kTestPlugin = LITHOS_BINARY_DIR "/tests/unit/observe/modules/test_exporter.so";

std::string plugin(const std::string& lines) { return "\n[[plugin]]\n" + lines + "\n"; }

// One request to 127.0.0.1; the whole answer, headers included.
class Http {
 public:
  explicit Http(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  bool connected() const { return connected_; }
  void ask(const std::string& path) const {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    EXPECT_EQ(::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
  }
  std::string answer() const {
    std::string text;
    char bytes[4096];
    for (ssize_t got; (got = ::recv(socket_.get(), bytes, sizeof bytes, 0)) > 0;)
      text.append(bytes, static_cast<std::size_t>(got));
    return text;
  }
  static std::string get(int port, const std::string& path) {
    const Http http(port);
    if (!http.connected()) return "";
    http.ask(path);
    return http.answer();
  }

 private:
  ipc::Fd socket_;
  bool connected_ = false;
};

class PluginsTest : public DaemonTest {
 protected:
  PluginsTest() { options.plugin_path = {LITHOS_BINARY_DIR "/lib/lithos/plugins"}; }

  // What `status` says of the plugin.
  Json report(const std::string& name) {
    const Result<Json> all = admin->ask("plugin.list");
    if (all.ok() && all.value().items() != nullptr)
      for (const Json& one : *all.value().items())
        if (one.text_of("name") == name) return one;
    return Json();
  }
  int port() {
    const Json own = report("prometheus");
    const double* number = own["metrics"]["port"].number();  // metrics are real numbers
    return number != nullptr ? static_cast<int>(*number) : 0;
  }
};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

TEST_F(PluginsTest, AnExporterIsToldEverythingThatHappens) {
  start(config_text() + plugin("exporter = \"jsonl\"\nparams = { path = \"" + folder.at("events.jsonl") + "\" }"));
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a", 100));
  ASSERT_TRUE(works("b"));
  ASSERT_TRUE(swap({change("scheduler", "static_partition")}).ok());
  finish(a);
  finish(b);
  stop();
  const std::string events = folder.read("events.jsonl");
  for (const char* kind : {"tenant_joined", "tenant_left", "operator", "atom_submitted", "atom_ended", "lease",
                           "decision", "clock", "policy"})
    EXPECT_GT(count(events, std::string("\"event\":\"") + kind + "\""), 0u) << kind;
  // Its thread may get no processor for longer than the ring lasts: that is said, and then more may be missing.
  const bool all = count(events, "\"event\":\"dropped\"") == 0;
  if (all) {
    EXPECT_EQ(count(events, "\"event\":\"policy\""), 5u) << "four at the start, one by the swap";
    EXPECT_NE(events.find("\"generation\":2,\"kind\":\"scheduler\",\"id\":\"org.lithos.scheduler.static_partition\""),
              std::string::npos);
  }
  std::istringstream lines(events);
  std::int64_t last = 0;
  for (std::string line; std::getline(lines, line);) {
    const Result<Json> event = Json::parse(line);
    ASSERT_TRUE(event.ok()) << line;
    EXPECT_GE(event.value().integer_of("t_ns"), last) << "in order of time";
    last = event.value().integer_of("t_ns");
    if (event.value().text_of("event") != "atom_ended") continue;
    EXPECT_LE(event.value().integer_of("queued_ns"), event.value().integer_of("submitted_ns")) << line;
    EXPECT_LE(event.value().integer_of("started_ns"), event.value().integer_of("ended_ns")) << line;
  }
}

TEST_F(PluginsTest, AHangingExporterAndAFullDiskReachNobody) {
  const std::string gate = folder.at("gate");
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const std::string own = "exporter = \"org.lithos.test.exporter\"\npath = \"" + kTestPlugin + "\"\n";
  start(config_text() + plugin(own + "params = { gate = \"" + gate + "\" }") +
        plugin("exporter = \"jsonl\"\nparams = { path = \"/dev/full\" }"));
  Process a = tenant("a");
  ASSERT_TRUE(works("a", 3'000));
  EXPECT_GT(report("exporter").integer_of("events_waiting"), 0);
  EXPECT_TRUE(eventually([&] { return report("jsonl").integer_of("failures") > 0; }));
  EXPECT_NE(report("jsonl").text_of("last_failure").find("No space left on device"), std::string::npos)
      << report("jsonl").dump();
  ::close(::open(gate.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_TRUE(eventually([&] { return report("exporter").integer_of("events") > 1'000; }));
  finish(a);
}

TEST_F(PluginsTest, OneThatIsStartedLaterIsToldWhatItMissed) {
  start();
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  Json params = Json::object(), arguments = Json::object();
  params.set("path", folder.at("late.jsonl"));
  const Result<Json> name = admin->ask("plugin.start", arguments.set("exporter", "jsonl").set("params", params));
  ASSERT_TRUE(name.ok()) << name.status().message();
  ASSERT_NE(name.value().text(), nullptr);
  EXPECT_EQ(*name.value().text(), "jsonl");
  ASSERT_TRUE(eventually([&] { return report("jsonl").integer_of("events") > 100; }));
  Json which = Json::object();
  ASSERT_TRUE(admin->ask("plugin.stop", which.set("name", "jsonl")).ok());
  EXPECT_TRUE(report("jsonl").is_null());
  const std::string events = folder.read("late.jsonl");
  EXPECT_EQ(count(events, "\"event\":\"policy\""), 4u);
  EXPECT_EQ(count(events, "\"event\":\"tenant_joined\""), 1u);
  // As text: an operator's number needs all 64 bits.
  const auto op_of = [](const std::string& line) {
    const std::size_t at = line.find("\"op\":");
    return at == std::string::npos ? std::string() : line.substr(at, line.find(',', at) - at);
  };
  std::set<std::string> announced;
  std::istringstream lines(events);
  for (std::string line; std::getline(lines, line);) {
    if (count(line, "\"event\":\"operator\"") > 0) announced.insert(op_of(line));
    if (count(line, "\"event\":\"atom_ended\"") == 0) continue;
    EXPECT_EQ(announced.count(op_of(line)), 1u) << "nobody said what this is: " << line;
  }
  EXPECT_GT(announced.size(), 1u);
  EXPECT_LT(events.find("\"event\":\"operator\""), events.find("\"event\":\"atom_ended\""));
  EXPECT_FALSE(admin->ask("plugin.stop", which).ok());
  finish(a);
}

TEST_F(PluginsTest, MistakesAreSaidBeforeAnythingStarts) {
  options.config = folder.write("x.toml", config_text() + plugin("exporter = \"jsonll\""));
  options.run_folder = folder.path();
  options.state_folder = folder.at("state");
  options.policy_path = {LITHOS_BINARY_DIR "/lib/lithos/policies"};
  Daemon wrong(options);
  const Status started = wrong.start();
  EXPECT_FALSE(started.ok());
  EXPECT_NE(started.message().find("no exporter plugin is called \"jsonll\"; did you mean"), std::string::npos)
      << started.message();
}

TEST_F(PluginsTest, PowerControlIsAskedAndItsReadingsAreUsed) {
  start(config_text("scheduler = \"tpc_borrowing\"\ndvfs = \"sensitivity\"") +
        plugin("power = \"org.lithos.test.power\"\npath = \"" + kTestPlugin + "\"") +
        plugin("exporter = \"jsonl\"\nparams = { path = \"" + folder.at("events.jsonl") + "\", atoms = false }"));
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  EXPECT_TRUE(eventually([&] { return folder.read("events.jsonl").find("\"power_w\":321") != std::string::npos; }));
  finish(a);
}

TEST_F(PluginsTest, PrometheusServesMetricsAndHealth) {
  start(config_text() + plugin("exporter = \"prometheus\"\nparams = { listen = \"127.0.0.1:0\" }"));
  Process a = tenant("a");
  ASSERT_TRUE(works("a", 100));
  std::string page;
  ASSERT_TRUE(eventually([&] {
    page = Http::get(port(), "/metrics");
    return page.find("lithos_tenant_atoms_completed_total{tenant=\"a\"}") != std::string::npos;
  })) << page;
  for (const char* line : {"lithos_build_info{version=",
                           "lithos_policy_info{kind=\"scheduler\",policy=\"org.lithos.scheduler.tpc_borrowing\"",
                           "lithos_tenant_launches_total{tenant=\"a\",outcome=",
                           "lithos_policy_call_seconds_bucket{kind=\"scheduler\",le=\"+Inf\"}",
                           "lithos_tenant_queue_wait_seconds_sum{tenant=\"a\"}", "lithos_gpu_energy_joules_total ",
                           "lithos_sample_age_seconds ", "lithos_plugin_events_dropped_total{plugin=\"prometheus\"} 0"})
    EXPECT_NE(page.find(line), std::string::npos) << line;
  EXPECT_NE(Http::get(port(), "/healthz").find("200 OK"), std::string::npos);
  EXPECT_NE(Http::get(port(), "/readyz").find("200 OK"), std::string::npos);
  EXPECT_NE(Http::get(port(), "/nothing").find("404"), std::string::npos);
  finish(a);
}

// What a real scraper would make of a page that was really served, with two tenants and a swap behind it.
TEST_F(PluginsTest, PromtoolAgreesWithAServedPage) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  start(config_text() + plugin("exporter = \"prometheus\"\nparams = { listen = \"127.0.0.1:0\" }"));
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a", 100) && works("b", 100));
  ASSERT_TRUE(swap({change("scheduler", "static_partition")}).ok());
  std::string page;
  ASSERT_TRUE(eventually([&] {
    page = Http::get(port(), "/metrics");
    return page.find("lithos_tenant_atoms_completed_total{tenant=\"b\"}") != std::string::npos &&
           page.find("lithos_policy_swaps_total 1") != std::string::npos;
  })) << page;
  finish(a);
  finish(b);
  const std::string body = folder.write("metrics", page.substr(page.find("\r\n\r\n") + 4)), said = folder.at("promtool");
  EXPECT_EQ(std::system(("promtool check metrics <" + body + " >" + said + " 2>&1").c_str()), 0) << folder.read("promtool");
  EXPECT_EQ(folder.read("promtool"), "") << "it has nothing to remark either";
}

TEST_F(PluginsTest, AnotherConfigurationStartsAndEndsExporters) {
  const auto jsonl = [&](const std::string& file, const std::string& more = "") {
    return plugin("exporter = \"jsonl\"\nparams = { path = \"" + folder.at(file) + "\"" + more + " }");
  };
  const auto ask = [&](const char* what, const std::string& text) {
    Json where = Json::object();
    return admin->ask(what, where.set("path", folder.write("next.toml", text)));
  };
  start(config_text() + jsonl("one"));
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  EXPECT_EQ(ask("config.plan", config_text() + jsonl("one")).value().dump(), "[]") << "nothing differs";
  const std::string page = plugin("exporter = \"prometheus\"\nparams = { listen = \"127.0.0.1:0\" }");
  const std::string next = config_text() + page + jsonl("one", ", atoms = false");
  EXPECT_EQ(ask("config.plan", next).value().dump(),
            "[\"plugin: exporter prometheus starts\",\"plugin: exporter jsonl is started anew with other parameters\"]");
  EXPECT_TRUE(report("prometheus").is_null()) << "a plan changes nothing";
  const Result<Json> done = ask("config.apply", next);
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_EQ(count(done.value().dump(), "plugin: exporter"), 2u) << done.value().dump();
  EXPECT_NE(Http::get(port(), "/healthz").find("200 OK"), std::string::npos);
  ASSERT_TRUE(eventually([&] { return report("jsonl").integer_of("events") > 0; }));

  EXPECT_EQ(ask("config.plan", config_text()).value().dump(),
            "[\"plugin: exporter prometheus ends\",\"plugin: exporter jsonl ends\"]");
  ASSERT_TRUE(ask("config.apply", config_text()).ok());
  EXPECT_EQ(admin->ask("plugin.list").value().dump(), "[]");
  EXPECT_EQ(count(folder.read("one"), "atom_ended"), 0u) << "what the second one wrote, to its end";
  finish(a);
}

TEST_F(PluginsTest, AnExporterThatCannotStartLeavesEverythingAsItWas) {
  const std::string running = plugin("exporter = \"jsonl\"\nparams = { path = \"" + folder.at("one") + "\" }");
  start(config_text() + running);
  const auto ask = [&](const char* what, const std::string& text) {
    Json where = Json::object();
    return admin->ask(what, where.set("path", folder.write("next.toml", text)));
  };
  // The first one is taken from its file for another and must come back; the second has no folder.
  const std::string next = config_text("scheduler = \"static_partition\"") +
                           plugin("exporter = \"jsonl\"\nparams = { path = \"" + folder.at("two") + "\" }") +
                           plugin("exporter = \"jsonl\"\nparams = { path = \"/nowhere/three\" }");
  const Result<Json> done = ask("config.apply", next);
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.status().message().find("/nowhere/three"), std::string::npos) << done.status().message();
  EXPECT_NE(done.status().message().find("nothing was changed"), std::string::npos) << done.status().message();
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
  EXPECT_EQ(ask("config.plan", config_text() + running).value().dump(), "[]") << "the one of before runs";

  const Result<Json> power = ask("config.plan", config_text() + running + plugin("power = \"none\""));
  ASSERT_FALSE(power.ok());
  EXPECT_NE(power.status().message().find("restart lithosd"), std::string::npos) << power.status().message();
  EXPECT_FALSE(ask("config.apply", config_text() + plugin("power = \"none\"")).ok());
  EXPECT_FALSE(report("jsonl").is_null());
}

// Scrapers that ask and never read, and one that hangs up in the middle.
TEST_F(PluginsTest, SlowAndDeadScrapersHoldUpNobody) {
  start(config_text() + plugin("exporter = \"prometheus\"\nparams = { listen = \"127.0.0.1:0\" }"));
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  ASSERT_TRUE(eventually([&] { return Http::get(port(), "/readyz").find("200 OK") != std::string::npos; }));
  const int at = port();
  std::vector<std::unique_ptr<Http>> silent;
  for (int i = 0; i < 2; ++i) {
    silent.push_back(std::make_unique<Http>(at));
    silent.back()->ask("/metrics");
  }
  { Http(at).ask("/metrics"); }  // closed at once
  const std::int64_t samples = report("prometheus").integer_of("samples");
  EXPECT_TRUE(eventually([&] { return report("prometheus").integer_of("samples") >= samples + 2; }));
  EXPECT_NE(Http::get(at, "/readyz").find("200 OK"), std::string::npos);
  ASSERT_TRUE(works("a", 2'000));
  finish(a);
}

}  // namespace
}  // namespace lithos::testing
