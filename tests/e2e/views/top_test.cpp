// SPDX-License-Identifier: Apache-2.0
// `lithos top` on a pseudo-terminal, as over ssh, and `lithos status`, against lithosd with two tenants.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>

#include "fault/support.hpp"

namespace lithos::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A program on a terminal of its own, 24 lines of 80 columns.
class OnTerminal {
 public:
  explicit OnTerminal(std::vector<std::string> line) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = 80;
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    ::setenv("TERM", "xterm-256color", 1);
    std::vector<char*> argv;
    for (std::string& word : line) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~OnTerminal() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
    ::close(terminal_);
  }

  void press(char key) { EXPECT_EQ(::write(terminal_, &key, 1), 1); }
  void signal(int number) { ::kill(pid_, number); }
  // All that it has written so far holds these words, sooner or later.
  bool shows(const std::string& words) {
    return eventually([&] { return read_some(), all_.find(words, from_) != all_.npos; });
  }
  // Only what is written from here on counts.
  void look_anew() { read_some(), from_ = all_.size(); }
  int end() {
    int status = 0;
    const pid_t pid = std::exchange(pid_, -1);
    while (::waitpid(pid, &status, WNOHANG) == 0) read_some(50);
    while (read_some()) {}  // what it wrote last
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool echoes() {
    termios now{};
    return ::tcgetattr(terminal_, &now) == 0 && (now.c_lflag & ECHO) != 0;
  }
  const std::string& all() const { return all_; }
  std::size_t mark() const { return from_; }

 private:
  // False: it has ended, or says nothing for so long.
  bool read_some(int wait_ms = 0) {
    pollfd ready{terminal_, POLLIN, 0};
    if (::poll(&ready, 1, wait_ms) <= 0) return false;
    char bytes[4096];
    const ssize_t got = ::read(terminal_, bytes, sizeof bytes);
    if (got <= 0) return false;
    all_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string all_;
  std::size_t from_ = 0;
};

class Top : public LithosdTest {
 protected:
  void start_both() {
    start();
    a_ = tenant("a");
    ASSERT_TRUE(works("a")) << lithosd.output();  // the first to attach has the letter a
    b_ = tenant("b");
    ASSERT_TRUE(works("b")) << lithosd.output();
  }
  std::vector<std::string> top(std::vector<std::string> more = {}) {
    std::vector<std::string> line{
        LITHOS_BINARY_DIR "/bin/lithos", "top", "--run-dir", folder.path(), "--interval", "50ms"};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }
  std::string output_of(const std::string& arguments, int expected = 0) {
    const std::string line = LITHOS_BINARY_DIR "/bin/lithos " + arguments + " --run-dir '" + folder.path() + "' > '" +
                             folder.at("out") + "' 2>&1";
    const int status = std::system(line.c_str());
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, expected) << folder.read("out");
    return folder.read("out");
  }
  Process a_, b_;
};

TEST_F(Top, LivesOnATerminalAndLeavesItAsItWas) {
  start_both();
  OnTerminal screen(top());
  EXPECT_TRUE(screen.shows("\x1b[?1049h")) << "the other screen";
  EXPECT_TRUE(screen.shows("policies  tpc_borrowing")) << screen.all();
  EXPECT_TRUE(screen.shows("generation 1")) << screen.all();
  EXPECT_TRUE(screen.shows("own   0")) << screen.all();
  EXPECT_TRUE(screen.shows(" a            critical")) << screen.all();
  EXPECT_FALSE(screen.echoes());
  screen.press('n');
  EXPECT_TRUE(screen.shows("s sort (name)"));
  screen.press('s');
  EXPECT_TRUE(screen.shows("s sort (TPCs)"));
  screen.press('?');
  EXPECT_TRUE(screen.shows("n t u r p"));
  screen.press(' ');
  EXPECT_TRUE(screen.shows("paused"));
  screen.press('q');
  EXPECT_EQ(screen.end(), 0);
  EXPECT_THAT(screen.all(), HasSubstr("\x1b[?1049l"));
  EXPECT_THAT(screen.all(), HasSubstr("\x1b[?25h"));
}

TEST_F(Top, AnInterruptEndsItInOrder) {
  start();
  OnTerminal screen(top());
  EXPECT_TRUE(screen.shows("no tenant is attached"));
  screen.signal(SIGINT);
  EXPECT_EQ(screen.end(), 0);
  EXPECT_THAT(screen.all(), HasSubstr("\x1b[?1049l"));
}

TEST_F(Top, SaysWhenTheDaemonHasGone) {
  start({});
  OnTerminal screen(top());
  EXPECT_TRUE(screen.shows("no tenant is attached"));
  lithosd.signal(SIGTERM);
  EXPECT_EQ(lithosd.wait(), 0);
  EXPECT_EQ(screen.end(), 4);
  EXPECT_THAT(screen.all(), HasSubstr("\x1b[?1049l"));
}

TEST_F(Top, AsJsonOneSampleALine) {
  start_both();
  const std::string text = output_of("top --json --samples 3 --interval 100ms");
  std::istringstream lines(text);
  double atoms = 0;
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Result<Json> sample = Json::parse(line);
    ASSERT_TRUE(sample.ok()) << line;
    ASSERT_EQ(sample.value()["tenants"].items()->size(), 2u);
    std::map<std::string, std::string> own;  // by name: their order is that in which they attached
    for (const Json& tenant : *sample.value()["tenants"].items()) own[tenant.text_of("name")] = tenant.text_of("own");
    EXPECT_EQ(own["a"], "0-19,44-63") << "a quota of 40, whole GPCs first";
    EXPECT_EQ(own["b"], "");
    atoms += *sample.value()["atoms_per_s"].number();
    EXPECT_FALSE(sample.value()["kernels"].items()->empty() && count == 0) << "since the daemon's start something ran";
  }
  EXPECT_EQ(count, 3);
  EXPECT_GT(atoms, 0);
}

// Clusters need whole GPCs, and who attaches first is chance.
TEST_F(Top, WhereATenantsTpcsAreDoesNotDependOnWhoCameFirst) {
  start({}, config_text("scheduler = \"tpc_borrowing\"\nquotas = { a = 40, b = 12 }"));
  b_ = tenant("b");
  ASSERT_TRUE(works("b")) << lithosd.output();
  a_ = tenant("a");
  ASSERT_TRUE(works("a")) << lithosd.output();
  const Result<Json> tenants = ask("tenants");
  ASSERT_TRUE(tenants.ok() && tenants.value().items() != nullptr);
  std::map<std::string, std::string> own;
  for (const Json& tenant : *tenants.value().items()) own[tenant.text_of("name")] = tenant.text_of("own");
  EXPECT_EQ(own["a"], "0-19,44-63") << "as if it had come first";
}

TEST_F(Top, IntoAPipeItIsPlainText) {
  start_both();
  const std::string text = output_of("top --samples 1");
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("own   0  aaaaaaaa"));
}

TEST_F(Top, StatusIsOneLookAtEverything) {
  start_both();
  // A request of "a" has been seen, so that it has a latency.
  ASSERT_TRUE(eventually([&] {
    const Result<Json> status = ask("status");
    if (!status.ok() || status.value()["tenant_list"].items() == nullptr) return false;
    for (const Json& one : *status.value()["tenant_list"].items())
      if (one.text_of("name") == "a" && one["latency_ns"].integer_of("p99") > 0) return true;
    return false;
  }));
  const std::string text = output_of("status");
  for (const char* part : {"tpc_borrowing", "latency_critical", "SLO met", "working", "20"})
    EXPECT_THAT(text, HasSubstr(part));
  output_of("top --samples 1 --json --run-dir /nowhere", 2);  // given twice
}

}  // namespace
}  // namespace lithos::testing
