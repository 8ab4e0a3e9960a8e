// SPDX-License-Identifier: Apache-2.0
// Timelines pass a parser that is not ours; a daemon's does in trace_test.cpp. Skipped where there is no protoc (Debian's
// protobuf-compiler).
#include <gmock/gmock.h>

#include "e2e/views/protoc_check.hpp"
#include "fault/support.hpp"

namespace lithos::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Protoc : public LithosdTest {
 protected:
  void SetUp() override {
    LithosdTest::SetUp();
    if (!has_protoc()) GTEST_SKIP() << "no protoc: install protobuf-compiler";
  }
  int lithos(const std::string& arguments) {
    const std::string line = "cd '" + folder.path() + "' && LITHOS_RUN_DIR='" + folder.path() + "' " LITHOS_BINARY_DIR "/bin/lithos " + arguments + " > out 2>&1";
    return std::system(line.c_str());
  }
  void expect_right(const std::string& name, std::size_t events_at_least) {
    std::size_t events = 0;
    EXPECT_THAT(wrong_with_trace(folder.at(name), events), IsEmpty());
    EXPECT_GE(events, events_at_least);
  }
};

TEST_F(Protoc, ReadsATimelineOfTheSimulator) {
  const std::string traces = LITHOS_SOURCE_DIR "/configs/traces/";
  folder.write("sim.toml",
               "kernel_rules = \"" LITHOS_SOURCE_DIR "/configs/kernels.toml\"\n[run]\nduration = \"50ms\"\nwarmup = \"5ms\"\n"
               "[[tenant]]\nname = \"hp\"\nclass = \"latency_critical\"\nslo = \"3ms\"\nquota = 40\nmode = \"graph\"\ntrace = \"" + traces +
                   "resnet50_infer_b16.csv\"\narrivals = { kind = \"poisson\", rate = \"400/s\" }\n"
                   "[[tenant]]\nname = \"be\"\nclass = \"best_effort\"\ntrace = \"" + traces +
                   "dlrm_infer_b2048.csv\"\n"
                   "[[set]]\nname = \"lithos\"\nscheduler = \"tpc_borrowing\"\nright_sizer = \"none\"\ndvfs = \"fixed\"\n");
  ASSERT_EQ(lithos("sim --config sim.toml --perfetto x.perfetto-trace -q"), 0) << folder.read("out");
  expect_right("x.perfetto-trace", 1000);
}

// A file that is nearly full from the start: windows in place of atoms.
TEST_F(Protoc, ReadsATimelineThatSumsUp) {
  folder.write("sim.toml",
               "[run]\nduration = \"300ms\"\nwarmup = \"5ms\"\n[[tenant]]\nname = \"be\"\nclass = \"best_effort\"\ntrace = \"" LITHOS_SOURCE_DIR "/configs/traces/dlrm_infer_b2048.csv\"\n"
               "[[set]]\nname = \"shared\"\nscheduler = \"shared\"\nmasks = false\nright_sizer = \"none\"\ndvfs = \"fixed\"\n"
               "[[plugin]]\nexporter = \"perfetto\"\nparams = { most_mib = 1, path = \"x.perfetto-trace\" }\n");
  ASSERT_EQ(lithos("sim --config sim.toml -q"), 0) << folder.read("out");
  expect_right("x.perfetto-trace", 1000);
}

// ---- the rules bite ----------------------------------------------------------------------------------------

struct Wrong {
  const char* name;
  const char* packets;  // after a good beginning
  const char* said;
};
class ProtocFinds : public Protoc, public ::testing::WithParamInterface<Wrong> {};

TEST_P(ProtocFinds, WhatIsWrong) {
  const auto packet = [](const std::string& rest, int flags = 2) {
    return "packet { trusted_packet_sequence_id: 1 sequence_flags: " + std::to_string(flags) + " " + rest + " }\n";
  };
  const std::string good =
      packet("track_descriptor { uuid: 1 name: \"group\" process { pid: 1 } }", 3) + packet("track_descriptor { uuid: 2 name: \"runs\" parent_uuid: 1 }") +
      packet("track_descriptor { uuid: 3 name: \"clock\" parent_uuid: 1 counter { } }") +
      packet("timestamp: 10 interned_data { event_names { iid: 1 name: \"kernel\" } debug_annotation_names { iid: 1 name: \"tpcs\" } } "
             "track_event { type: TYPE_SLICE_BEGIN track_uuid: 2 name_iid: 1 debug_annotations { name_iid: 1 uint_value: 4 } }") +
      packet("timestamp: 20 track_event { type: TYPE_SLICE_END track_uuid: 2 }") +
      packet("timestamp: 15 track_event { type: TYPE_COUNTER track_uuid: 3 double_counter_value: 1 }");
  std::string rest = GetParam().packets;
  if (!rest.empty() && !rest.starts_with("packet")) rest = packet(rest);
  folder.write("text", good + rest);
  ASSERT_TRUE(encode_trace(folder.at("text"), folder.at("trace")));
  std::size_t events = 0;
  const std::vector<std::string> said = wrong_with_trace(folder.at("trace"), events);
  if (*GetParam().said == '\0') EXPECT_THAT(said, IsEmpty());
  else EXPECT_THAT(said, Contains(HasSubstr(GetParam().said)));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, ProtocFinds,
    ::testing::Values(
        Wrong{"nothing", "", ""},
        Wrong{"unknown_track", "timestamp: 30 track_event { type: TYPE_INSTANT track_uuid: 9 name_iid: 1 }", "a track that is not described"},
        Wrong{"unknown_name", "timestamp: 30 track_event { type: TYPE_INSTANT track_uuid: 2 name_iid: 9 }", "whose name is not interned"},
        Wrong{"unknown_argument", "timestamp: 30 track_event { type: TYPE_INSTANT track_uuid: 2 name_iid: 1 debug_annotations { name_iid: 9 } }",
              "an argument whose name"},
        Wrong{"renamed", "timestamp: 30 interned_data { event_names { iid: 1 name: \"other\" } }", "two meanings"},
        Wrong{"crossing", "timestamp: 12 track_event { type: TYPE_SLICE_BEGIN track_uuid: 2 name_iid: 1 }", "begins in another one"},
        Wrong{"not_begun", "timestamp: 30 track_event { type: TYPE_SLICE_END track_uuid: 2 }", "has not begun"},
        Wrong{"not_ended", "timestamp: 30 track_event { type: TYPE_SLICE_BEGIN track_uuid: 2 name_iid: 1 }", "without an end"},
        Wrong{"flow_to_nowhere", "timestamp: 30 track_event { type: TYPE_INSTANT track_uuid: 2 name_iid: 1 flow_ids: 7 }", "one start and one end"},
        Wrong{"counter_back", "timestamp: 5 track_event { type: TYPE_COUNTER track_uuid: 3 double_counter_value: 2 }", "back in time"},
        Wrong{"slice_on_a_counter", "timestamp: 30 track_event { type: TYPE_INSTANT track_uuid: 3 name_iid: 1 }", "a counter's value elsewhere"},
        Wrong{"timeless", "track_event { type: TYPE_INSTANT track_uuid: 2 name_iid: 1 }", "without a time"},
        Wrong{"orphan", "track_descriptor { uuid: 5 name: \"lost\" parent_uuid: 8 }", "whose parent"},
        Wrong{"twice", "track_descriptor { uuid: 2 name: \"again\" }", "an id of its own"},
        Wrong{"cleared_again", "packet { trusted_packet_sequence_id: 1 sequence_flags: 3 }", "cleared once"}),
    [](const auto& one) { return std::string(one.param.name); });

// What the schema lacks: a field of a number that Perfetto uses for something else (a clock's snapshot is 6).
TEST_F(Protoc, FindsFieldsThatItDoesNotKnow) {
  folder.write("trace", std::string("\x0a\x08\x50\x01\x68\x03\x32\x02\x08\x01", 10));
  std::size_t events = 0;
  EXPECT_THAT(wrong_with_trace(folder.at("trace"), events), Contains(HasSubstr("an unknown field: packet.6")));
  folder.write("trace", "no trace at all");
  EXPECT_THAT(wrong_with_trace(folder.at("trace"), events), Contains(HasSubstr("protoc cannot decode it")));
}

}  // namespace
}  // namespace lithos::testing
