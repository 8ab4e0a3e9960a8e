// SPDX-License-Identifier: Apache-2.0
// Golden messages: each wrong file against exactly what a person is told.
#include <gtest/gtest.h>

#include "config/config.hpp"
#include "unit/config/support.hpp"

namespace lithos {
namespace {

using testing::TemporaryFolder;

class Diagnostics : public ::testing::Test {
 protected:
  Diagnostics() {
    for (const char* name :
         {"traces/resnet50_infer_b16.csv", "traces/resnet50_infer_b1.csv", "traces/dlrm.csv", "a.csv"})
      folder_.write(name, "");
  }
  // All messages about `text`, which is a complete file.
  std::string messages(const std::string& text) {
    const ParsedConfig parsed = parse_config_text(text, folder_.at("x.toml"));
    EXPECT_EQ(parsed.config.has_value(), parsed.diagnostics.empty());
    return testing::as_text(parsed.diagnostics, folder_.at(""));
  }
  // About `lines` within an otherwise right tenant, set or top level.
  std::string about_tenant(const std::string& lines) { return messages(tenant(lines) + kSet); }
  std::string about_set(const std::string& lines) {
    return messages(tenant("") + "[[set]]\nname = \"s\"\nscheduler = \"shared\"\n" + lines + "\n");
  }
  std::string about_top(const std::string& lines) { return messages(lines + "\n" + tenant("") + kSet); }

  static std::string tenant(const std::string& lines) {
    return "[[tenant]]\nname = \"hp\"\nclass = \"best_effort\"\ntrace = \"a.csv\"\n" + lines + "\n";
  }
  static constexpr const char* kSet = "[[set]]\nname = \"s\"\nscheduler = \"shared\"\n";
  TemporaryFolder folder_;
};

TEST_F(Diagnostics, ARightFileHasNone) { EXPECT_EQ(messages(tenant("") + kSet), ""); }

TEST_F(Diagnostics, SyntaxErrors) {
  EXPECT_EQ(messages("gpu = \n").find("x.toml:1:7: not valid TOML: "), 0u);
  EXPECT_NE(messages("gpu = \"a\"\ngpu = \"b\"\n").find("x.toml:2:"), std::string::npos) << "a key twice";
}

TEST_F(Diagnostics, AnEmptyFileIsToldWhatIsNeeded) {
  EXPECT_EQ(messages(""),
            "x.toml:1:1: no [[tenant]]: at least one is needed\n"
            "x.toml:1:1: no [[set]]: at least one set of policies is needed\n");
}

TEST_F(Diagnostics, UnknownKeysAndTables) {
  EXPECT_EQ(about_tenant("slos = \"10ms\""), "x.toml:5:1: tenant.hp: unknown key \"slos\"; did you mean \"slo\"?\n");
  EXPECT_EQ(about_top("[trasnport]\ndelay = \"1us\""),
            "x.toml:1:2: unknown table \"trasnport\"; did you mean \"transport\"?\n");
  EXPECT_EQ(about_top("[run]\nfrequency = \"1GHz\""),
            "x.toml:2:1: run: unknown key \"frequency\"; known keys: duration, warmup, seed, seeds, max_requests\n");
  EXPECT_EQ(about_set("[set.scheduller]\npolicy = \"x\""),
            "x.toml:9:6: set.s: unknown table \"scheduller\"; did you mean \"scheduler\"?\n");
}

TEST_F(Diagnostics, ABareNumberWhereAUnitIsNeeded) {
  EXPECT_EQ(about_tenant("slo = 10"),
            "x.toml:5:7: tenant.hp.slo = 10: a duration needs a unit, for example \"250us\" (units: ns, us, ms, s, "
            "min, h)\n");
  EXPECT_EQ(about_tenant("memory_limit = 40"),
            "x.toml:5:16: tenant.hp.memory_limit = 40: a size needs a unit, for example \"40GiB\" (units: B, KiB, MiB, "
            "GiB, TiB, kB, "
            "MB, GB)\n");
  EXPECT_EQ(about_tenant("arrivals = { kind = \"poisson\", rate = 300 }"),
            "x.toml:5:39: tenant.hp.arrivals.rate = 300: a rate needs a unit, for example \"300/s\" (units: /ms, /s, "
            "/min)\n");
}

TEST_F(Diagnostics, LatencyCriticalLaunchesMayNotQueue) {
  EXPECT_EQ(about_tenant("queued = true"), "");
  EXPECT_EQ(messages("[[tenant]]\nname = \"hp\"\nclass = \"throughput\"\ntrace = \"a.csv\"\nqueued = true\n" + std::string(kSet)), "");
  EXPECT_EQ(messages("[[tenant]]\nname = \"hp\"\nclass = \"latency_critical\"\ntrace = \"a.csv\"\nqueued = true\n" + std::string(kSet)),
            "x.toml:5:1: tenant.hp.queued: launches of latency_critical tenants never wait in queues: they go within their calls\n");
}

TEST_F(Diagnostics, WrongUnits) {
  EXPECT_EQ(about_tenant("slo = \"10sec\""),
            "x.toml:5:7: tenant.hp.slo = \"10sec\": unknown unit \"sec\" for a duration, for example \"250us\" (units: "
            "ns, us, ms, s, "
            "min, h)\n");
  EXPECT_EQ(about_tenant("slo = \"abc\""),
            "x.toml:5:7: tenant.hp.slo = \"abc\": expected a duration, for example \"250us\" (units: ns, us, ms, s, "
            "min, h)\n");
  EXPECT_EQ(about_tenant("tolerates = \"-1ms\""),
            "x.toml:5:13: tenant.hp.tolerates = \"-1ms\": expected at least 0s\n");
}

TEST_F(Diagnostics, WrongTypes) {
  EXPECT_EQ(about_tenant("quota = \"42\""),
            "x.toml:5:9: tenant.hp.quota = \"42\": expected a whole number from 0 to 256\n");
  EXPECT_EQ(about_tenant("quota = 4.5"), "x.toml:5:9: tenant.hp.quota = 4.5: expected a whole number from 0 to 256\n");
  EXPECT_EQ(about_tenant("quota = 300"), "x.toml:5:9: tenant.hp.quota = 300: expected a whole number from 0 to 256\n");
  EXPECT_EQ(about_tenant("quota = -1"), "x.toml:5:9: tenant.hp.quota = -1: expected a whole number from 0 to 256\n");
  EXPECT_EQ(about_tenant("pipeline_depth = 0"),
            "x.toml:5:18: tenant.hp.pipeline_depth = 0: expected a whole number from 1 to 1024\n");
  EXPECT_EQ(
      about_tenant("arrivals = \"poisson\""),
      "x.toml:5:12: tenant.hp.arrivals = \"poisson\": expected a table, [tenant.hp.arrivals] or arrivals = { … }\n");
  EXPECT_EQ(about_top("[run]\nseed = \"x\""), "x.toml:2:8: run.seed = \"x\": expected a whole number, at least 0\n");
  EXPECT_EQ(about_set("slip = 0.5"), "x.toml:9:8: set.s.slip = 0.5: expected a number from 1 to 10\n");
  EXPECT_EQ(about_set("slip = nan"), "x.toml:9:8: set.s.slip = nan: expected a number from 1 to 10\n");
  EXPECT_EQ(about_set("only = \"hp\""),
            "x.toml:9:8: set.s.only = \"hp\": expected a list of text, for example only = [\"hp\"]\n");
  EXPECT_EQ(about_set("only = []"),
            "x.toml:9:8: set.s.only = []: expected a list of text, for example only = [\"hp\"]\n");
  EXPECT_EQ(about_top("gpu = 3"), "x.toml:1:7: gpu = 3: expected text, for example gpu = \"h200\"\n");
  EXPECT_EQ(about_top("gpu = 2026-01-01"), "x.toml:1:7: gpu = a date: expected text, for example gpu = \"h200\"\n");
  EXPECT_EQ(about_top("[transport]\nloss = 2"), "x.toml:2:8: transport.loss = 2: expected a number from 0 to 1\n");
}

TEST_F(Diagnostics, QuotasWithoutMasks) {
  EXPECT_EQ(about_set("masks = false\nquotas = { hp = 3 }"),
            "x.toml:6:1: set.s: quotas do not count where masks = false; leave one of them out\n");
}

TEST_F(Diagnostics, ChoicesAreListed) {
  EXPECT_EQ(about_tenant("mode = \"grpah\""),
            "x.toml:5:8: tenant.hp.mode = \"grpah\": expected one of \"graph\", \"eager\"; did you mean \"graph\"?\n");
  EXPECT_EQ(about_set("sharing = \"mig\""),
            "x.toml:9:11: set.s.sharing = \"mig\": expected one of \"mps\", \"time_slicing\"\n");
}

TEST_F(Diagnostics, WhatIsMissing) {
  EXPECT_EQ(messages(std::string("[[tenant]]\n") + kSet),
            "x.toml:1:1: tenant[0]: \"name\" is missing, for example name = \"hp\"\n"
            "x.toml:1:1: tenant[0]: \"class\" is missing, for example class = \"latency_critical\"\n"
            "x.toml:1:1: tenant[0]: \"trace\" is missing, for example trace = \"traces/resnet50_infer_b16.csv\"\n");
  EXPECT_EQ(messages(tenant("") + "[[set]]\nname = \"s\"\n"),
            "x.toml:6:1: set.s: \"scheduler\" is missing, for example scheduler = \"tpc_borrowing\"\n");
  EXPECT_EQ(about_tenant("arrivals = { rate = \"3/s\" }"),
            "x.toml:5:12: tenant.hp.arrivals: \"kind\" is missing, for example kind = \"poisson\"\n");
  EXPECT_EQ(about_tenant("arrivals = { kind = \"poisson\" }"),
            "x.toml:5:12: tenant.hp.arrivals: \"rate\" is missing, for example rate = \"300/s\"\n");
}

TEST_F(Diagnostics, KeysOfAnotherKindOfArrivals) {
  EXPECT_EQ(about_tenant("arrivals = { kind = \"closed\", rate = \"3/s\" }"),
            "x.toml:5:31: tenant.hp.arrivals.rate: only arrivals of kind \"poisson\" and \"bursts\" have a rate\n");
  EXPECT_EQ(about_tenant("arrivals = { kind = \"poisson\", rate = \"3/s\", on = \"1s\" }"),
            "x.toml:5:46: tenant.hp.arrivals.on: only arrivals of kind \"bursts\" go on and off\n");
  EXPECT_EQ(about_tenant("arrivals = { kind = \"poisson\", rate = \"0/s\" }"),
            "x.toml:5:39: tenant.hp.arrivals.rate = \"0/s\": a rate must be above zero\n");
}

TEST_F(Diagnostics, NamesAreShortAndPlain) {
  EXPECT_EQ(messages("[[tenant]]\nname = \"a b\"\nclass = \"best_effort\"\ntrace = \"a.csv\"\n" + std::string(kSet)),
            "x.toml:2:8: tenant[0].name = \"a b\": a name is 1 to 32 letters, digits, '_', '-' or '.'\n");
}

TEST_F(Diagnostics, NamesThatAreTaken) {
  EXPECT_EQ(messages(tenant("") + tenant("") + kSet + kSet),
            "x.toml:6:1: tenant \"hp\" is declared twice, first on line 1; give each tenant its own name\n"
            "x.toml:14:1: set \"s\" is declared twice, first on line 11; give each set its own name\n");
}

TEST_F(Diagnostics, ReferencesToNobody) {
  EXPECT_EQ(about_set("quotas = { hpp = 3 }"),
            "x.toml:9:12: set.s.quotas: there is no tenant \"hpp\"; did you mean \"hp\"?\n");
  EXPECT_EQ(about_set("tolerates = { other = \"1ms\" }"),
            "x.toml:9:15: set.s.tolerates: there is no tenant \"other\"; tenants: hp\n");
  EXPECT_EQ(about_set("only = [\"hp\", \"pp\"]"),
            "x.toml:9:15: set.s.only: there is no tenant \"pp\"; did you mean \"hp\"?\n");
  EXPECT_EQ(about_top("baseline = \"alone\""), "x.toml:1:12: baseline: there is no set \"alone\"; sets: s\n");
}

TEST_F(Diagnostics, ValuesWithinQuotasAndTolerances) {
  EXPECT_EQ(about_set("quotas = { hp = \"42\" }"),
            "x.toml:9:17: set.s.quotas.hp = \"42\": expected a whole number from 0 to 256\n");
  EXPECT_EQ(about_set("tolerates = { hp = 5 }"),
            "x.toml:9:20: set.s.tolerates.hp = 5: a duration needs a unit, for example \"250us\" (units: ns, us, ms, "
            "s, min, h)\n");
}

TEST_F(Diagnostics, AMissingTraceListsNamesNearToIt) {
  EXPECT_EQ(messages("[[tenant]]\nname = \"hp\"\nclass = \"best_effort\"\ntrace = \"traces/resnet50_infer_b6.csv\"\n" +
                     std::string(kSet)),
            "x.toml:4:9: tenant.hp.trace = \"traces/resnet50_infer_b6.csv\": no such file: "
            "traces/resnet50_infer_b6.csv; near: "
            "resnet50_infer_b1.csv, resnet50_infer_b16.csv\n");
  EXPECT_EQ(
      messages("[[tenant]]\nname = \"hp\"\nclass = \"best_effort\"\ntrace = \"trace/dlrm.csv\"\n" + std::string(kSet)),
      "x.toml:4:9: tenant.hp.trace = \"trace/dlrm.csv\": no such file: trace/dlrm.csv (and no folder trace)\n");
}

TEST_F(Diagnostics, OtherFilesThatAreMissing) {
  EXPECT_EQ(about_top("kernel_rules = \"nowhere.toml\""),
            "x.toml:1:16: kernel_rules = \"nowhere.toml\": no such file: nowhere.toml\n");
  EXPECT_EQ(about_top("policy_path = [\"nowhere\"]"), "x.toml:1:16: policy_path: no such folder: nowhere\n");
  EXPECT_EQ(about_top("gpu = \"my/gpu.toml\""),
            "x.toml:1:7: gpu = \"my/gpu.toml\": no such file: my/gpu.toml (and no folder my)\n");
  EXPECT_EQ(about_tenant("arrivals = { kind = \"file\", path = \"gone.txt\" }"),
            "x.toml:5:36: tenant.hp.arrivals.path = \"gone.txt\": no such file: gone.txt\n");
}

TEST_F(Diagnostics, PoliciesWrittenWrong) {
  const std::string head = tenant("") + "[[set]]\nname = \"s\"\n";
  EXPECT_EQ(messages(head + "scheduler = 3\n"),
            "x.toml:8:13: set.s.scheduler = 3: expected a policy's id as text, or a table [set.s.scheduler] with "
            "policy = \"…\"\n");
  EXPECT_EQ(messages(head + "scheduler = { params = { a = 1 } }\n"),
            "x.toml:8:13: set.s.scheduler: \"policy\" is missing, for example policy = \"tpc_borrowing\"\n");
  EXPECT_EQ(messages(head + "scheduler = { policy = \"x\", params = { a = [1] } }\n"),
            "x.toml:8:44: set.s.scheduler.params.a = [ … ]: a parameter is a number, text, true or false\n");
  EXPECT_EQ(messages(head + "scheduler = { policy = \"x\", path = \"x.so\" }\n"),
            "x.toml:8:36: set.s.scheduler.path = \"x.so\": no such file: x.so\n");
}

TEST_F(Diagnostics, TablesWithOneBracketTooFew) {
  EXPECT_EQ(messages("[tenant]\nname = \"hp\"\n" + std::string(kSet)),
            "x.toml:1:2: tenant is written with two brackets, [[tenant]], once for each\n");
}

TEST_F(Diagnostics, WarmupMustLeaveSomethingToCount) {
  EXPECT_EQ(about_top("[run]\nduration = \"1s\"\nwarmup = \"1s\""),
            "x.toml:1:1: run: warmup (1s) must be shorter than duration (1s), or nothing is counted\n");
}

TEST_F(Diagnostics, AllMistakesAreReportedAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(
      messages("gpus = \"h200\"\n[run]\nduration = 10\n" + tenant("slo = 10\nquota = true") +
               "[[set]]\nname = \"s\"\nslip = 99\n"),
      "x.toml:1:1: unknown key \"gpus\"; did you mean \"gpu\"?\n"
      "x.toml:3:12: run.duration = 10: a duration needs a unit, for example \"250us\" (units: ns, us, ms, s, min, h)\n"
      "x.toml:8:7: tenant.hp.slo = 10: a duration needs a unit, for example \"250us\" (units: ns, us, ms, s, min, h)\n"
      "x.toml:9:9: tenant.hp.quota = true: expected a whole number from 0 to 256\n"
      "x.toml:10:1: set.s: \"scheduler\" is missing, for example scheduler = \"tpc_borrowing\"\n"
      "x.toml:12:8: set.s.slip = 99: expected a number from 1 to 10\n");
}

TEST_F(Diagnostics, AFileThatCannotBeRead) {
  folder_.write("demo.toml", "");
  const auto text = [&](const std::string& path) {
    return testing::as_text(parse_config_file(path).diagnostics, folder_.at(""));
  };
  EXPECT_EQ(text(folder_.at("dem.toml")), "dem.toml: no such file; near: demo.toml\n");
  EXPECT_EQ(text(folder_.at("traces")), "traces: is a folder; name a .toml file in it\n");
}

}  // namespace
}  // namespace lithos
