// SPDX-License-Identifier: Apache-2.0
// What an operator can change while tenants run.
#include <sys/socket.h>

#include "ipc/channel.hpp"
#include "swap/support.hpp"

namespace lithos::testing {
namespace {

class Change : public DaemonTest {
 protected:
  std::atomic<bool> armed = false;
};

TEST_F(Change, ASwapTakesTheOtherPolicyAndLeavesTheRest) {
  start();
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  const std::string predictor = in_force("predictor", "hash");
  const Result<Json> done = swap({change("scheduler", "static_partition")});
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_EQ(done.value().integer_of("generation"), 2);
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.static_partition");
  EXPECT_EQ(in_force("predictor", "hash"), predictor);
  finish(a);
  finish(b);
}

TEST_F(Change, SeveralKindsAreOneCommit) {
  start();
  const Result<Json> done = swap({change("scheduler", "static_partition"), change("right_sizer", "amdahl"),
                                  change("predictor", "", fixture("good_v1"))});
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_EQ(done.value().integer_of("generation"), 2);
  EXPECT_EQ(in_force("right_sizer"), "org.lithos.right_sizer.amdahl");
  EXPECT_EQ(in_force("predictor"), "org.test.good_predictor");
  const Result<Json> half = swap({change("scheduler", "tpc_borrowing"), change("right_sizer", "no_such_thing")});
  ASSERT_FALSE(half.ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.static_partition") << "all or nothing";
}

TEST_F(Change, AFileThatWasRebuiltInPlaceIsTheNewOne) {
  start();
  const std::string path = folder.at("mine.so");
  namespace fs = std::filesystem;
  fs::copy_file(fixture("good_v1"), path);
  ASSERT_TRUE(swap_to(path).ok());
  EXPECT_EQ(in_force("scheduler", "version"), "1.0.0");
  fs::copy_file(fixture("good_v2"), folder.at("next.so"));
  fs::rename(folder.at("next.so"), path);
  ASSERT_TRUE(swap_to(path).ok());
  EXPECT_EQ(in_force("scheduler", "version"), "2.0.0");
  fs::copy_file(fixture("good_v1"), path, fs::copy_options::overwrite_existing);  // into the same inode
  ASSERT_TRUE(swap_to(path).ok());
  EXPECT_EQ(in_force("scheduler", "version"), "1.0.0");
}

TEST_F(Change, TheSameNameWithOtherContentIsTheOtherOne) {
  start();
  namespace fs = std::filesystem;
  for (const char* version : {"v1", "v2"}) {
    fs::create_directory(folder.at(version));
    fs::copy_file(fixture(std::string("good_") + version), folder.at(version) + "/mine.so");
  }
  for (const char* version : {"v1", "v2", "v1"}) {
    ASSERT_TRUE(swap_to(folder.at(version) + "/mine.so").ok());
    EXPECT_EQ(in_force("scheduler", "version"), version == std::string("v1") ? "1.0.0" : "2.0.0");
    EXPECT_EQ(in_force("scheduler", "path"), folder.at(version) + "/mine.so");
  }
}

// The second request arrives while the first is in the middle: it waits its turn.
TEST_F(Change, ASwapDuringASwapComesAfterIt) {
  ipc::Fd second;
  const auto send_second = [&] {
    second = ipc::connect_to(folder.at("admin.sock"), SOCK_STREAM).value();
    Json message = Json::object();
    message.set("id", 7).set("req", "policy.swap");
    const std::string line = message.set("args", changes({change("scheduler", "", fixture("good_v2"))})).dump() + "\n";
    EXPECT_EQ(::send(second.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
  };
  options.policies.inject = [&](ChangeStep step) {
    if (step == ChangeStep::create && armed && !second) send_second();
    return Status{};
  };
  start();
  armed = true;
  const Result<Json> first = swap_to(fixture("good_v1"));
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(first.value().integer_of("generation"), 2);
  char answer[4096] = {};
  ASSERT_GT(::recv(second.get(), answer, sizeof answer - 1, 0), 0);
  EXPECT_NE(std::string(answer).find("\"generation\":3"), std::string::npos) << answer;
  EXPECT_EQ(in_force("scheduler", "version"), "2.0.0");
}

TEST_F(Change, ItsStepsAreToldWhileItGoesOn) {
  options.policies.inject = [this](ChangeStep step) {
    return armed && step == ChangeStep::create ? internal_error("injected") : Status{};
  };
  start();
  std::string told;
  const auto listen = [&](const std::string& step) { told += step + " "; };
  const Json to_good = changes({change("scheduler", "", fixture("good_v1"))});
  const Result<Json> done = admin->ask("policy.swap", to_good, listen);
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_EQ(told, "resolve verify load create commit replay persist ");
  for (const char* step : {"verify", "load", "create", "commit", "replay", "persist"})
    EXPECT_GT(*done.value()["step_us"][step].number(), 0) << step;
  EXPECT_EQ(*done.value()["probation_s"].number(), 10);
  told.clear();
  armed = true;
  EXPECT_FALSE(admin->ask("policy.swap", to_good, listen).ok());
  EXPECT_EQ(told, "resolve verify load create ");
  told.clear();
  armed = false;
  EXPECT_TRUE(swap_to(fixture("good_v2")).ok());
  EXPECT_EQ(told, "") << "who does not ask is not told";
}

TEST_F(Change, RollbackBringsTheOldOneBackWhileItIsWarm) {
  start();
  ASSERT_TRUE(swap_to(fixture("good_v1")).ok());
  ASSERT_TRUE(admin->ask("policy.rollback").ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
  const Result<Json> again = admin->ask("policy.rollback");
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.status().message().find("no earlier set"), std::string::npos);
  EXPECT_EQ(mapped("good_v1"), 0u) << "unloaded";
}

TEST_F(Change, TheOldOneIsUnloadedAfterProbation) {
  options.policies.probation = Nanoseconds{1};
  start(config_text("scheduler = { policy = \"org.test.good\", path = \"" + fixture("good_v1") + "\" }"));
  EXPECT_GT(mapped("good_v1"), 0u);
  ASSERT_TRUE(swap_to(fixture("good_v2")).ok());
  EXPECT_TRUE(eventually([] { return mapped("good_v1") == 0; }));
  EXPECT_EQ(policies_number("modules_leaked"), 0);
}

TEST_F(Change, FallbackIsAlwaysThere) {
  start();
  ASSERT_TRUE(admin->ask("policy.fallback").ok());
  EXPECT_EQ(in_force("scheduler"), "builtin.scheduler");
  EXPECT_EQ(in_force("dvfs"), "builtin.dvfs");
}

TEST_F(Change, LiveParametersNeedNoSwap) {
  start(config_text("scheduler = { policy = \"org.test.good\", path = \"" + fixture("good_v1") + "\" }"));
  const auto set = [&](const char* key, Json value) {
    Json arguments = Json::object();
    return admin->ask("params.set", arguments.set("kind", "scheduler").set("key", key).set("value", std::move(value)));
  };
  EXPECT_TRUE(set("level", 3).ok());
  EXPECT_EQ(policies_number("generation"), 1);
  const Result<Json> fixed = set("fixed", 3);
  ASSERT_FALSE(fixed.ok());
  EXPECT_NE(fixed.status().message().find("cannot be changed while running"), std::string::npos);
  EXPECT_FALSE(set("level", 30).ok());
  EXPECT_FALSE(set("nothing", 3).ok());
}

TEST_F(Change, PlanSaysWhatApplyThenDoes) {
  start(config_text("scheduler = { policy = \"org.test.good\", path = \"" + fixture("good_v1") +
                    "\", params = { level = 1 } }"));
  Json where = Json::object();
  where.set("path", folder.write("next.toml", config_text("scheduler = { policy = \"org.test.good\", path = \"" +
                                                          fixture("good_v1") +
                                                          "\", params = { level = 4 } }\nright_sizer = \"amdahl\"")));
  const Result<Json> plan = admin->ask("config.plan", where);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(plan.value().items()->size(), 2u) << plan.value().dump();
  EXPECT_EQ(policies_number("generation"), 1);
  const Result<Json> done = admin->ask("config.apply", where);
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_EQ(in_force("right_sizer"), "org.lithos.right_sizer.amdahl");
  EXPECT_EQ(admin->ask("config.plan", where).value().items()->size(), 0u) << "nothing is left to do";
  EXPECT_NE(folder.read("state/last-good.toml").find("level = 4"), std::string::npos);
}

TEST_F(Change, ApplyTakesAnotherSetOfTheSameFile) {
  options.set = "only";
  start(config_text() + "[[set]]\nname = \"other\"\nscheduler = \"static_partition\"\nquotas = { a = 20, b = 20 }\n");
  Json where = Json::object();
  where.set("set", "other");
  const Result<Json> planned = admin->ask("config.plan", where);
  ASSERT_TRUE(planned.ok()) << planned.status().message();
  EXPECT_NE(planned.value().dump().find("tenant a: quota, tolerance and terms change when it joins anew"), std::string::npos) << planned.value().dump();
  ASSERT_TRUE(admin->ask("config.apply", where).ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.static_partition");
  const Result<Json> status = admin->ask("status");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status.value().text_of("set"), "other");
  // What a reload, and the next daemon after a crash, go by.
  EXPECT_TRUE(admin->ask("config.apply").ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.static_partition");
  EXPECT_NE(folder.read("state/in-force.json").find("\"set\":\"other\""), std::string::npos) << folder.read("state/in-force.json");
  EXPECT_EQ(admin->ask("config.apply", Json::object().set("set", "nobody")).status().code(), StatusCode::invalid_argument);
}

TEST_F(Change, AWrongConfigurationChangesNothing) {
  start();
  Json where = Json::object();
  where.set("path", folder.write("wrong.toml", config_text("scheduler = \"tpc_borowing\"\nslip = 0.2")));
  const Result<Json> done = admin->ask("config.apply", where);
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.status().message().find("wrong.toml:"), std::string::npos) << done.status().message();
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
}

TEST_F(Change, UnknownRequestsAndNoJsonAreAnswered) {
  start();
  EXPECT_EQ(admin->ask("make.coffee").status().code(), StatusCode::invalid_argument);
  EXPECT_FALSE(swap({}).ok());
  EXPECT_FALSE(swap({change("barista", "x")}).ok());
  EXPECT_TRUE(admin->ask("ping").ok());
}

}  // namespace
}  // namespace lithos::testing
