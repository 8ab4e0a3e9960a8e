// SPDX-License-Identifier: Apache-2.0
// The trace, read back by code that shares nothing with the writer (cli/trace/perfetto_reader.hpp): it must be sound and
// say what the events said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "cli/trace/perfetto_reader.hpp"
#include "config/read_file.hpp"
#include "policy_host/services.hpp"
#include "test_paths.hpp"
#include "unit/config/support.hpp"

namespace lithos {
namespace {

using ::testing::HasSubstr;
using Kind = PerfettoEvent::Kind;

constexpr std::uint32_t kTpcs = 16, kGpcs = 2;
constexpr std::uint64_t kHp = 1, kBe = 2;

class Perfetto : public ::testing::Test {
 protected:
  void open(std::int64_t most_mib = 64) {
    for (std::uint32_t tpc = 0; tpc < kTpcs; ++tpc) gpc_of_tpc_[tpc] = static_cast<std::uint16_t>(tpc / 8);
    ServiceGpu gpu;
    gpu.info.struct_size = sizeof gpu.info;
    gpu.info.tpcs = kTpcs;
    gpu.info.gpcs = kGpcs;
    gpu.info.gpc_of_tpc = gpc_of_tpc_;
    PolicyChoice choice;
    choice.id = "perfetto";
    choice.params["path"] = RawValue{path(), {"test", 1, 1}};
    choice.params["most_mib"] = RawValue{most_mib, {"test", 1, 1}};
    CreatedService<ExporterService> created =
        create_exporter_service(choice, {LITHOS_BINARY_DIR "/lib/lithos/plugins"}, gpu);
    for (const Diagnostic& wrong : created.diagnostics) ADD_FAILURE() << to_string(wrong);
    exporter_ = std::move(created.service);
    ASSERT_NE(exporter_, nullptr);
  }
  std::string path() { return folder_.at("x.perfetto-trace"); }

  lithos_event& event(std::uint32_t type, std::uint64_t at_ns, std::uint64_t tenant) {
    lithos_event one{};
    one.type = type;
    one.time_ns = at_ns;
    one.tenant_id = tenant;
    events_.push_back(one);
    return events_.back();
  }
  void join(std::uint64_t tenant, const char* name) {
    auto& told = event(LITHOS_EVENT_TENANT_JOINED, 0, tenant).as.tenant;
    told.name = name;
  }
  void announce(std::uint64_t tenant, std::uint64_t op, const char* name) {
    auto& told = event(LITHOS_EVENT_OPERATOR, 0, tenant).as.op;
    told.op_id = op;
    told.name = name;
  }
  void atom(std::uint64_t tenant, std::uint64_t launch, std::uint64_t from_ns, std::uint64_t to_ns, std::uint64_t tpcs,
            std::uint64_t op = 5, std::uint32_t queue = 1) {
    auto& told = event(LITHOS_EVENT_ATOM_ENDED, to_ns + 500, tenant).as.atom;
    told.launch_id = launch;
    told.op_id = op;
    told.queue = queue;
    told.blocks = told.block_count = 10;
    told.tpcs.words[0] = tpcs;
    told.queued_ns = from_ns > 3000 ? from_ns - 3000 : 1;
    told.submitted_ns = from_ns > 1000 ? from_ns - 1000 : 1;
    told.started_ns = from_ns;
    told.ended_ns = to_ns;
    told.duration_ns = to_ns - from_ns;
    told.outcome = LITHOS_OUTCOME_CUT;
  }
  void send() {
    const Status sent = exporter_->events(events_);
    EXPECT_TRUE(sent.ok()) << sent.message();
    events_.clear();
  }
  PerfettoTrace close() {
    if (!events_.empty()) send();
    exporter_.reset();
    const Result<std::string> bytes = read_text_file(path(), std::size_t{1} << 30);
    EXPECT_TRUE(bytes.ok());
    Result<PerfettoTrace> trace = read_perfetto(bytes.value());
    EXPECT_TRUE(trace.ok()) << trace.status().message();
    return trace.ok() ? std::move(trace).value() : PerfettoTrace{};
  }
  static std::vector<const PerfettoEvent*> on(const PerfettoTrace& trace, const std::string& group,
                                              const std::string& track) {
    std::vector<const PerfettoEvent*> found;
    for (const PerfettoEvent& one : trace.events)
      if (trace.group_of(one.track) == group && trace.tracks.at(one.track).name == track) found.push_back(&one);
    return found;
  }

  testing::TemporaryFolder folder_;
  std::uint16_t gpc_of_tpc_[kTpcs] = {};
  std::vector<lithos_event> events_;
  std::unique_ptr<ExporterService> exporter_;
};

TEST_F(Perfetto, AnAtomIsASliceWithItsReasonAndAnArrowFromItsSubmission) {
  open();
  join(kHp, "hp");
  announce(kHp, 5, "gemm");
  atom(kHp, 77, 10'000, 30'000, 0x00f0);
  const PerfettoTrace trace = close();
  const auto runs = on(trace, "tenant hp", "queue 1: running");
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0]->name, "gemm");
  EXPECT_EQ(runs[0]->from_ns, 10'000u);
  EXPECT_EQ(runs[0]->to_ns, 30'000u);
  EXPECT_EQ(runs[0]->text("outcome"), "cut");
  EXPECT_EQ(runs[0]->number("tpcs"), 4u);
  const auto submits = on(trace, "tenant hp", "queue 1: submitted");
  ASSERT_EQ(submits.size(), 1u);
  EXPECT_EQ(submits[0]->from_ns, 9'000u);
  EXPECT_EQ(submits[0]->number("queued_for_ns"), 2'000u);
  EXPECT_NE(submits[0]->flow, 0u);
  EXPECT_EQ(submits[0]->flow, runs[0]->flow_end);
}

TEST_F(Perfetto, TpcGroupsShowWhoWasThere) {
  open();
  join(kHp, "hp");
  join(kBe, "be");
  atom(kHp, 1, 10'000, 20'000, 0x00ff);
  atom(kHp, 2, 21'000, 30'000, 0x00ff);  // runs together with the one before
  atom(kBe, 1, 12'000, 40'000, 0xff80);  // at the same time, also on a TPC of the first group
  const PerfettoTrace trace = close();
  const auto first = on(trace, "GPU 0 (virtual)", "GPC 0: TPC 0–7"),
             second = on(trace, "GPU 0 (virtual)", "GPC 1: TPC 8–15");
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0]->name, "hp");
  EXPECT_EQ(first[0]->from_ns, 10'000u);
  EXPECT_EQ(first[0]->to_ns, 30'000u);
  EXPECT_EQ(first[0]->number("atoms"), 2u);
  EXPECT_EQ(first[1]->name, "be");
  EXPECT_EQ(first[1]->number("tpcs_at_most"), 1u);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0]->name, "be");
}

TEST_F(Perfetto, LeasesPoliciesFaultsClocksRequestsAndGaps) {
  open();
  join(kHp, "hp");
  auto& lease = event(LITHOS_EVENT_LEASE, 1'000, kHp).as.lease;
  lease.own.words[0] = 0xff;
  lease.usable_idle.words[0] = 0xff00;
  auto& policy = event(LITHOS_EVENT_POLICY, 2'000, 0).as.policy;
  policy = {2, "scheduler", "org.example.mine", "1.2.0", ""};
  auto& fault = event(LITHOS_EVENT_FAULT, 3'000, 0).as.fault;
  fault = {"scheduler", "too_late", "took 3 ms", 4};
  event(LITHOS_EVENT_CLOCK, 4'000, 0).as.clock = {1500, 1980, 412.5};
  event(LITHOS_EVENT_REQUEST, 9'000'000, kHp).as.request = {5'000'000, 4'000'000};
  event(LITHOS_EVENT_DROPPED, 9'100'000, 0).as.dropped = {12};
  event(999, 9'200'000, 0);  // of a newer host
  const PerfettoTrace trace = close();
  EXPECT_EQ(on(trace, "tenant hp", "own TPCs").at(0)->value, 8);
  EXPECT_EQ(on(trace, "tenant hp", "TPCs it may use while their owners are idle").at(0)->value, 16);
  EXPECT_EQ(on(trace, "decisions", "policies in force").at(0)->name, "scheduler: org.example.mine 1.2.0");
  const auto faults = on(trace, "decisions", "faults and gaps");
  EXPECT_EQ(faults.at(0)->name, "scheduler: too_late");
  EXPECT_EQ(faults.at(0)->text("text"), "took 3 ms");
  EXPECT_EQ(faults.at(1)->number("events"), 12u);
  EXPECT_EQ(on(trace, "decisions", "SM clock").at(0)->value, 1980);
  EXPECT_EQ(on(trace, "decisions", "power").at(0)->value, 412.5);
  const auto requests = on(trace, "tenant hp", "requests");
  EXPECT_EQ(requests.at(0)->name, "request, too late");
  EXPECT_EQ(requests.at(0)->from_ns, 4'000'000u);
}

// Overlapping atoms in any order of ends: slices of one track never cross, which the reader checks, and every arrow that
// arrives has left somewhere before.
TEST_F(Perfetto, AnyOverlapGivesASoundTrace) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  open();
  join(kHp, "hp");
  struct Run {
    std::uint64_t from, to, tenant;
  };
  std::vector<Run> runs;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t from = 10'000 + random() % 50'000'000;
    runs.push_back({from, from + random() % 30'000, 1 + random() % 3});  // of the third nobody was told
  }
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.to < b.to; });
  std::uint64_t launch = 0;
  for (const Run& run : runs) {
    ++launch;
    atom(run.tenant, launch, run.from, run.to, random() & 0xffff, 5 + random() % 4, 1 + launch % 2);
  }
  const PerfettoTrace trace = close();
  std::map<std::uint64_t, std::uint64_t> left_at;
  std::size_t slices = 0, arrived = 0;
  for (const PerfettoEvent& one : trace.events)
    if (one.flow != 0) left_at[one.flow] = one.from_ns;
  for (const PerfettoEvent& one : trace.events) {
    slices += one.kind == Kind::slice && !one.arguments.empty() && one.arguments[0].name == "outcome";
    if (one.flow_end == 0) continue;
    ++arrived;
    ASSERT_TRUE(left_at.contains(one.flow_end));
    EXPECT_LE(left_at[one.flow_end], one.from_ns);
  }
  EXPECT_EQ(slices, arrived);
  EXPECT_GT(slices, runs.size() * 9 / 10) << "few are left out for want of a lane";
}

// Half a million atoms into one MiB, where 5 000 have room: the file keeps to its size, says where single atoms end, and
// no atom is missing from the sums. LITHOS_TRACE_ATOMS=10000000 writes so many, with 256 MiB of room.
TEST_F(Perfetto, ALongRunIsSummedUpAndNotCutOff) {
  const char* const wanted = std::getenv("LITHOS_TRACE_ATOMS");
  const std::uint64_t atoms = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 500'000,
                      most_mib = wanted != nullptr ? 256 : 1;
  open(static_cast<std::int64_t>(most_mib));
  join(kHp, "hp");
  constexpr std::uint64_t kEveryNs = 50'000;
  for (std::uint64_t i = 1; i <= atoms; ++i) {
    atom(kHp, i, i * kEveryNs, i * kEveryNs + 40'000, 0xff);
    if (i % 5'000 == 0) send();
  }
  const std::vector<MetricReading> metrics = exporter_->metrics();
  const PerfettoTrace trace = close();
  EXPECT_LE(std::filesystem::file_size(path()), most_mib << 20);
  std::uint64_t single = 0, summed = 0, end_ns = 0, window_ns = 0;
  for (const PerfettoEvent& one : trace.events) {
    single += one.kind == Kind::slice && !one.arguments.empty() && one.arguments[0].name == "outcome";
    if (one.name == "atoms are summed up from here on") window_ns = one.number("window_ns");
  }
  for (const PerfettoEvent* one : on(trace, "tenant hp", "summed up")) {
    summed += one->number("atoms");
    end_ns = std::max(end_ns, one->to_ns);
  }
  EXPECT_GT(single, 2'000u);
  EXPECT_EQ(single + summed, atoms);
  EXPECT_GE(end_ns, atoms * kEveryNs);
  EXPECT_GE(window_ns, 10'000'000u);
  EXPECT_EQ(metrics.at(0).value, static_cast<double>(single));
  EXPECT_EQ(metrics.at(2).value, 0);
}

TEST_F(Perfetto, WhatCannotBeWrittenIsSaid) {
  PolicyChoice choice;
  choice.id = "perfetto";
  choice.params["path"] = RawValue{std::string("/no/such/folder/x"), {"test", 1, 1}};
  ServiceGpu gpu;
  const CreatedService<ExporterService> created =
      create_exporter_service(choice, {LITHOS_BINARY_DIR "/lib/lithos/plugins"}, gpu);
  ASSERT_EQ(created.diagnostics.size(), 1u);
  EXPECT_THAT(created.diagnostics[0].message, HasSubstr("/no/such/folder/x"));
}

TEST(PerfettoReader, RefusesWhatIsNoTrace) {
  for (const std::string_view bytes :
       {std::string_view(""), std::string_view("hello"), std::string_view("\x0a\x05\x08", 3)})
    EXPECT_FALSE(read_perfetto(bytes).ok());
}

}  // namespace
}  // namespace lithos
