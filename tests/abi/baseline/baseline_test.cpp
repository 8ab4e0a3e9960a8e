// SPDX-License-Identifier: Apache-2.0
// The ABIs against the texts that were committed when a version froze (policy_abi_1_*.txt, service_abi_1_1.txt): whatever was there is
// where it was and as large as it was; what is new comes at a struct's end. And policies built then load and answer today (../corpus).
//
// After a change that only appends, and with a new LITHOS_POLICY_ABI_MINOR or LITHOS_SERVICE_ABI_MINOR, a file for the new version joins
// the old ones: the part that concerns it of
//   build/dev/tests/bin/abi_baseline_test --gtest_filter=Baseline.Print
#include "abi/baseline/fields.h"
#include "abi/baseline/service_fields.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "policy_host/catalog.hpp"
#include "policy_host/policy_set.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

struct Field { std::string name; std::size_t offset = 0, size = 0; };
struct Layout { std::string name; std::size_t size = 0, alignment = 0; std::vector<Field> fields, members = {}; };

std::vector<Layout> layouts() {
  std::vector<Layout> all;
#define STRUCT(type) all.push_back({#type, sizeof(type), alignof(type), {}});
#define FIELD(type, member) all.back().fields.push_back({#member, offsetof(type, member), sizeof(type::member)});
#define MEMBER(type, path) all.back().members.push_back({#path, offsetof(type, path), sizeof(std::declval<type&>().path)});
  LITHOS_ABI_FIELDS(STRUCT, FIELD)
  LITHOS_SERVICE_FIELDS(STRUCT, FIELD, MEMBER)
#undef MEMBER
#undef STRUCT
#undef FIELD
  return all;
}

std::string dump() {
  std::ostringstream text;
  text << "entry " LITHOS_POLICY_ENTRY_NAME "\n";
  const auto row = [&](const Layout& layout, const Field& field) {
    text << "  " << layout.name << "." << field.name << " at " << field.offset << " size " << field.size << "\n";
  };
  for (const Layout& layout : layouts()) {
    if (layout.name == "lithos_service_gpu") text << "entry " LITHOS_SERVICE_ENTRY_NAME "\n";
    text << "struct " << layout.name << " " << layout.size << "\n";
    for (const Field& field : layout.fields) row(layout, field);
    for (const Field& member : layout.members)  // the union they lie in may grow
      row(layout, member);
  }
  return text.str();
}

std::vector<std::string> lines_of(std::istream& text) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::filesystem::path here() { return std::filesystem::path(LITHOS_SOURCE_DIR) / "tests/abi"; }

TEST(Baseline, Print) { std::cout << dump(); }

// A field that is in no row would be checked by nobody.
TEST(Baseline, EveryFieldIsListed) {
  for (const Layout& layout : layouts()) {
    std::size_t end = 0;
    for (const Field& field : layout.fields) {
      EXPECT_LT(field.offset - end, 8u) << "a gap before " << layout.name << "." << field.name;
      end = field.offset + field.size;
    }
    EXPECT_EQ((end + layout.alignment - 1) / layout.alignment * layout.alignment, layout.size) << layout.name;
  }
}

TEST(Baseline, NothingMovedSinceTheFreeze) {
  std::istringstream now_text(dump());
  const std::vector<std::string> now_lines = lines_of(now_text);
  const std::set<std::string> now(now_lines.begin(), now_lines.end());
  // Nested in other structs or passed by the host in arrays without a stride: these cannot even grow.
  const std::set<std::string> rigid{"lithos_tpc_set", "lithos_value", "lithos_op", "lithos_launch", "lithos_prediction", "lithos_size"};
  std::map<std::string, std::size_t> sizes;
  for (const Layout& layout : layouts()) sizes[layout.name] = layout.size;
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(here() / "baseline")) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream file(entry.path());
    for (const std::string& line : lines_of(file)) {
      ++checked;
      std::istringstream words(line);
      std::string word, name;
      std::size_t size = 0;
      words >> word >> name >> size;
      if (word != "struct") {
        EXPECT_TRUE(now.contains(line)) << entry.path().filename() << ": " << line << ": gone or moved";
        continue;
      }
      EXPECT_GE(sizes[name], size) << name << " shrank";
      EXPECT_TRUE(!rigid.contains(name) || sizes[name] == size) << name << " is nested or returned by value and cannot grow";
    }
  }
  EXPECT_GT(checked, 100);
}

// ---- binaries of version 1.0 -------------------------------------------------------------------------------------

const lithos_gpu_info& gpu() {
  static constexpr std::uint32_t kClocks[]{1980, 1410};
  static constexpr lithos_gpu_info kInfo{sizeof(lithos_gpu_info), 8, 2, 1, nullptr, 1, kClocks, 2, 0};
  return kInfo;
}

std::unique_ptr<PolicySet> load(PolicyKind kind, const char* id, const char* file) {
  PolicyCatalog catalog({});
  const std::string path = (here() / "corpus" / file).string();
  PolicySetConfig config;
  PolicyChoice& choice = kind == PolicyKind::scheduler ? config.scheduler : kind == PolicyKind::predictor ? config.predictor : config.dvfs;
  choice.id = id;
  choice.path = path;
  CreatedPolicySet created = PolicySet::create(config, catalog, gpu());
  for (const Diagnostic& diagnostic : created.diagnostics) ADD_FAILURE() << to_string(diagnostic);
  return std::move(created.set);
}

class Corpus : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "the binaries are x86-64's";
#endif
  }
};

TEST_F(Corpus, SchedulerOf10) {
  const auto set = load(PolicyKind::scheduler, "org.lithos.corpus.lend_idle", "scheduler_1_0.so");
  ASSERT_NE(set, nullptr);
  lithos_tenant_view tenants[2]{};
  for (std::uint32_t i = 0; i < 2; ++i) tenants[i].tenant_id = i + 1;
  tenants[0].own.words[0] = 0x0f;
  tenants[0].quota_tpcs = 4;
  lithos_tpc_view tpcs[8]{};
  lithos_sched_view view{};
  view.struct_size = sizeof view;
  view.now_ns = 1000;
  view.tpcs = 8;
  view.tenants = 2;
  view.tenant_size = sizeof tenants[0];
  view.tpc_size = sizeof tpcs[0];
  view.tenant = tenants;
  view.tpc = tpcs;
  lithos_lease leases[2]{};
  lithos_sched_answer answer{sizeof answer, 2, sizeof leases[0], leases, 0};
  EXPECT_EQ(set->decide(view, answer), AnsweredBy::policy);
  EXPECT_EQ(leases[1].usable[LITHOS_PRESSURE_IDLE].words[0], 0xffu);
  EXPECT_EQ(leases[1].atom_ns, 250'000u);
  EXPECT_EQ(answer.next_decision_ns, 1'001'000u);
  EXPECT_EQ(set->faults().total(), 0u);
}

TEST_F(Corpus, PredictorOf10) {
  const auto set = load(PolicyKind::predictor, "org.lithos.corpus.last_seen", "predictor_1_0.so");
  ASSERT_NE(set, nullptr);
  lithos_observation seen{};
  seen.op.op_id = 9;
  seen.op.blocks = seen.block_count = 4;
  seen.tpcs = 8;
  seen.duration_ns = 7'000;
  set->observe(seen);
  lithos_predict_query query{};
  query.op = seen.op;
  query.tpcs = 8;
  EXPECT_EQ(set->predict(query).p50_ns, 7'000u);
  EXPECT_EQ(set->fallbacks(PolicyKind::predictor), 0u);
}

TEST_F(Corpus, DvfsOf10) {
  const auto set = load(PolicyKind::dvfs, "org.lithos.corpus.low_when_idle", "dvfs_1_0.so");
  ASSERT_NE(set, nullptr);
  lithos_power_sample sample{};
  sample.struct_size = sizeof sample;
  sample.clock_mhz = 1980;
  sample.busy_share = 0.0;
  EXPECT_EQ(set->plan(sample).clock_mhz, 1410u);
  sample.busy_share = 0.9;
  EXPECT_EQ(set->plan(sample).clock_mhz, 1980u);
}

}  // namespace
}  // namespace lithos
