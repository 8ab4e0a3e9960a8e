// SPDX-License-Identifier: Apache-2.0
// What is known of operators survives lithosd where that was asked for (--keep-learned).
#include "fault/support.hpp"

namespace lithos {
namespace {

using testing::config_text;
using testing::eventually;

class Learned : public testing::LithosdTest {
 protected:
  // A life with a tenant alone on the GPU: all of its observations are clean.
  void live(std::vector<std::string> more) {
    start(std::move(more), config_text("scheduler = \"tpc_borrowing\"\npredictor = \"operator_median\""));
    testing::Process a = tenant("a", {"--duration", "1s"});
    EXPECT_EQ(a.wait(), 0) << a.output();
  }
  void end() {
    lithosd.signal(SIGTERM);
    EXPECT_EQ(lithosd.wait(), 0) << lithosd.output();
    lithosd = testing::Process();
  }
  bool says(const std::string& what) { return lithosd.output().find(what) != std::string::npos; }
  std::string learned() { return folder.read("state/learned"); }
};

TEST_F(Learned, IsKeptAtTheEndAndReadAtTheNextStart) {
  live({"--keep-learned", "1h"});
  EXPECT_FALSE(says("learned_recalled")) << "there was nothing yet";
  end();
  EXPECT_EQ(learned().find("lithos-learned 1\ngpu h200 66\nentries 0\n"), std::string::npos) << "it saw something";
  const std::string before = learned();
  ASSERT_FALSE(before.empty());
  start({"--keep-learned", "1h"});
  EXPECT_TRUE(eventually([&] { return says("entries taken"); })) << lithosd.output();
  end();
  EXPECT_EQ(learned(), before) << "nothing ran: nothing was added and nothing lost";
}

TEST_F(Learned, IsKeptMeanwhileSoThatItSurvivesAKill) {
  start({"--keep-learned", "50ms"});
  testing::Process a = tenant("a");
  ASSERT_TRUE(eventually([&] { return learned().size() > 400; }));
  ::kill(daemon_pid(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return says("entries taken"); })) << "by the one that the supervisor started\n" << lithosd.output();
}

TEST_F(Learned, DamagedIsRefusedSaidAndPutAside) {
  live({"--keep-learned", "1h"});
  end();
  std::string text = learned();
  text[text.size() / 2] ^= 1;
  folder.write("state/learned", text);
  start({"--keep-learned", "1h"});
  EXPECT_TRUE(eventually([&] { return says("damaged or cut short"); })) << lithosd.output();
  EXPECT_EQ(folder.read("state/learned.refused"), text);
}

TEST_F(Learned, IsNeitherWrittenNorReadUnasked) {
  live({});
  end();
  EXPECT_TRUE(learned().empty());
}

}  // namespace
}  // namespace lithos
