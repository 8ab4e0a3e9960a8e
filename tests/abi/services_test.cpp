// SPDX-License-Identifier: Apache-2.0
// Plugins through the host: the test ones, and the two that ship.
#include "policy_host/services.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

namespace lithos {
namespace {

using testing::HasSubstr;

ServiceGpu service_gpu() {
  static constexpr std::uint32_t kClocks[] = {1980, 1000};
  return {2, "GPU-1234", {sizeof(lithos_gpu_info), 8, 2, 1, nullptr, 1, kClocks, 2, 0}};
}

PolicyChoice choice(const std::string& id) {
  PolicyChoice out;
  out.id = id;
  out.where = {"t.toml", 2, 1};
  return out;
}

const std::vector<std::string> kFolders{MODULES};
const std::vector<std::string> kShipped{SHIPPED_PLUGINS};

lithos_event event_of(std::uint32_t type, std::uint64_t time_ns) {
  lithos_event out{};
  out.type = type;
  out.time_ns = time_ns;
  out.gpu = 2;
  return out;
}

TEST(ServicesTest, PowerControlAppliesReadsAndFailsWithWords) {
  auto made = create_power_service(choice("power"), kFolders, service_gpu());
  ASSERT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  EXPECT_EQ(made.service->apply_clock(1985).value(), 1900u);
  const Result<lithos_power_reading> reading = made.service->read();
  ASSERT_TRUE(reading.ok());
  EXPECT_EQ(reading.value().clock_mhz, 1900u);
  EXPECT_EQ(reading.value().power_w, 350.0);
  EXPECT_TRUE(std::isnan(reading.value().power_limit_w));
  const auto failed = made.service->apply_clock(13);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().message(),
            "plugin org.lithos.test.recorder.power: apply_clock failed (status -5): not thirteen");
  EXPECT_EQ(made.service->failures(), 1u);
  EXPECT_TRUE(made.service->apply_clock(1980).ok());
}

TEST(ServicesTest, AnExporterWithAThreadOfItsOwnSeesEveryEventAndEnds) {
  auto made = create_exporter_service(choice("org.lithos.test.recorder.exporter"), kFolders, service_gpu());
  ASSERT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  const std::vector<lithos_event> batch(100, event_of(LITHOS_EVENT_DECISION, 5));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(made.service->events(batch).ok());
  EXPECT_TRUE(made.service->flush().ok());
  made.service.reset();  // joins the thread; the library goes after it
}

TEST(ServicesTest, MistakesAreDiagnostics) {
  EXPECT_THAT(create_power_service(choice("powr"), kFolders, service_gpu()).diagnostics.at(0).message,
              HasSubstr("power: no power plugin is called \"powr\"; did you mean \"power\"?"));
  PolicyChoice by_path = choice("");
  by_path.path = std::string(MODULES) + "/abi_plain_c.so";
  EXPECT_THAT(create_power_service(by_path, {}, service_gpu()).diagnostics.at(0).message,
              HasSubstr("this is a policy library, expected a plugin library"));
  PolicyChoice exporter = choice("jsonl");
  exporter.params["pth"] = {std::string("x"), {"t.toml", 3, 1}};
  EXPECT_THAT(to_string(create_exporter_service(exporter, kShipped, service_gpu()).diagnostics.at(0)),
              HasSubstr("t.toml:3:1: export.params.pth: unknown parameter; did you mean \"path\"?"));
  exporter.params = {{"path", {std::string("/no/such/folder/x"), {}}}};
  EXPECT_THAT(create_exporter_service(exporter, kShipped, service_gpu()).diagnostics.at(0).message,
              HasSubstr("cannot write /no/such/folder/x: No such file or directory"));
}

TEST(ServicesTest, PowerNoneAcceptsAndChangesNothing) {
  auto made = create_power_service(choice("org.lithos.power.none"), kShipped, service_gpu());
  ASSERT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  EXPECT_EQ(made.service->apply_clock(1000).value(), 0u);
  EXPECT_TRUE(std::isnan(made.service->read().value().power_w));
  EXPECT_EQ(made.service->metrics().at(0).value, 1.0);
  EXPECT_EQ(made.service->description().id, "org.lithos.power.none");
}

std::string exported(const std::vector<lithos_event>& events, bool atoms) {
  char path[] = "/tmp/lithos_jsonl_XXXXXX";
  ::close(::mkstemp(path));
  PolicyChoice jsonl = choice("jsonl");
  jsonl.params = {{"path", {std::string(path), {}}}, {"atoms", {atoms, {}}}};
  auto made = create_exporter_service(jsonl, kShipped, service_gpu());
  EXPECT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  EXPECT_TRUE(made.service->events(events).ok());
  EXPECT_TRUE(made.service->flush().ok());
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::remove(path);
  return text.str();
}

TEST(ServicesTest, EveryOutcomeHasANameOfItsOwn) {
  std::set<std::string> names;
  for (std::uint32_t outcome = 0; outcome < LITHOS_OUTCOMES; ++outcome) names.insert(lithos_outcome_name(outcome));
  EXPECT_EQ(names.size(), LITHOS_OUTCOMES);
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_STREQ(lithos_outcome_name(LITHOS_OUTCOME_WHOLE_DEAR), "whole_dear");
  EXPECT_STREQ(lithos_outcome_name(LITHOS_OUTCOMES), "unknown");
}

TEST(ServicesTest, JsonLinesAreExact) {
  lithos_event joined = event_of(LITHOS_EVENT_TENANT_JOINED, 1);
  joined.tenant_id = 7;
  joined.as.tenant = {"h\"p\n", LITHOS_CLASS_LATENCY_CRITICAL, 42, 5, {{3, 0, 0, 0}}};
  lithos_event ended = event_of(LITHOS_EVENT_ATOM_ENDED, 9);
  ended.tenant_id = 7;
  ended.as.atom.launch_id = 3;
  ended.as.atom.op_id = 0xffffffffffffffffu;
  ended.as.atom.duration_ns = 8;
  ended.as.atom.block_count = ended.as.atom.blocks = 128;
  ended.as.atom.tpcs = {{0xf0, 1, 0, 0}};
  ended.as.atom.submitted_ns = 1;
  ended.as.atom.ended_ns = 9;
  ended.as.atom.graph_id = 6;
  ended.as.atom.node = 2;
  ended.as.atom.outcome = LITHOS_OUTCOME_GRAPH;
  ended.as.atom.last = 1;
  lithos_event clock = event_of(LITHOS_EVENT_CLOCK, 10);
  clock.as.clock = {1500, 0, std::numeric_limits<double>::quiet_NaN()};
  lithos_event fault = event_of(LITHOS_EVENT_FAULT, 11);
  fault.as.fault = {"scheduler", "too_late", "", 2};
  lithos_event counter = event_of(LITHOS_EVENT_COUNTER, 12);
  counter.as.counter = {"lithos_atoms_total", 2.5};
  const std::vector<lithos_event> events{joined, ended, clock, fault, counter, event_of(12345, 13)};

  const std::string atom_line =
      "{\"t_ns\":9,\"event\":\"atom_ended\",\"gpu\":2,\"tenant\":7,\"queue\":0,\"launch\":3,"
      "\"op\":18446744073709551615,\"first_block\":0,\"block_count\":128,\"blocks\":128,\"predicted_ns\":0,"
      "\"duration_ns\":8,\"tpcs\":\"100000000000000f0\",\"queued_ns\":0,\"submitted_ns\":1,\"started_ns\":0,\"ended_ns\":9,"
      "\"graph\":6,\"node\":2,\"outcome\":\"graph\",\"last\":1}\n";
  const std::string before =
      "{\"t_ns\":1,\"event\":\"tenant_joined\",\"gpu\":2,\"tenant\":7,\"name\":\"h\\\"p\\u000a\",\"class\":1,"
      "\"quota_tpcs\":42,\"slo_ns\":5,\"own\":\"3\"}\n";
  const std::string after =
      "{\"t_ns\":10,\"event\":\"clock\",\"gpu\":2,\"requested_mhz\":1500,\"applied_mhz\":0,\"power_w\":null}\n"
      "{\"t_ns\":11,\"event\":\"fault\",\"gpu\":2,\"kind\":\"scheduler\",\"reason\":\"too_late\",\"text\":\"\",\"count\":2}\n"
      "{\"t_ns\":12,\"event\":\"counter\",\"gpu\":2,\"name\":\"lithos_atoms_total\",\"value\":2.5}\n";
  EXPECT_EQ(exported(events, true), before + atom_line + after);
  EXPECT_EQ(exported(events, false), before + after);
}

}  // namespace
}  // namespace lithos
