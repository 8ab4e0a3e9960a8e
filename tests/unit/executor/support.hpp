// SPDX-License-Identifier: Apache-2.0
// An executor on an H200 between a device and a port that remember what they were told.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "executor/executor.hpp"
#include "unit/engine/support.hpp"

namespace lithos::test {

inline constexpr Nanoseconds kUs{1'000};

struct FakeDevice final : Device {
  Status submit(const AtomSubmission& atom) override {
    if (!answer.ok()) return answer;
    atoms.push_back(atom);
    return {};
  }
  Status submit_graph(const GraphSubmission& graph) override {
    graphs.push_back(graph);
    masks.emplace_back(graph.node_tpcs.begin(), graph.node_tpcs.end());
    return {};
  }
  Status answer;
  std::vector<AtomSubmission> atoms;
  std::vector<GraphSubmission> graphs;
  std::vector<std::vector<TpcSet>> masks;
};

struct FakePort final : TenantPort {
  const Lease& lease() override { return current; }
  const OperatorDecision* decision(OperatorId op) override {
    const auto found = decisions.find(op);
    return found == decisions.end() ? nullptr : &found->second;
  }
  PressureWord pressure_of(TenantId lender) override { return words[lender]; }
  void publish_pressure(const PressureWord& word) override { published.push_back(word); }
  void push(const Record& record) override { records.push_back(record); }
  Lease current;
  std::map<OperatorId, OperatorDecision> decisions;
  std::map<TenantId, PressureWord> words;
  std::vector<PressureWord> published;
  std::vector<Record> records;
};

struct ExecutorUnderTest {
  explicit ExecutorUnderTest(LaunchPath path = LaunchPath::queued_path) : gpu(h200()) {
    port.current.generation = 1;
    port.current.starvation_limit = Nanoseconds{200'000'000};
    executor = std::make_unique<Executor>(gpu, ExecutorConfig{}, device, port);
    executor->add_queue(QueueId{0}, path);
  }
  KernelInfo kernel(const std::string& name, std::uint32_t blocks, std::uint32_t cluster = 1) {
    KernelRules rules;
    rules.rules.push_back({"free", KernelNature::independent, false, ""});
    rules.rules.push_back({"nccl", KernelNature::never_touch, false, ""});
    return make_kernel_info({name, {blocks, 1, 1}, {1024, 1, 1}, {cluster, 1, 1}, 32, 0, false}, gpu, gpu.tpcs, rules);
  }
  // Predicted the same on any number of TPCs.
  void predict(const KernelInfo& kernel, Nanoseconds time, std::uint32_t tpcs = 0) {
    OperatorDecision decision;
    for (auto& at : decision.predicted_at) at = time;
    decision.span_tpcs = 66;
    decision.tpcs = tpcs;
    port.decisions[kernel.id] = decision;
  }
  // Predicted to take so long on all TPCs, and the more the fewer it has.
  void predict_scaling(const KernelInfo& kernel, Nanoseconds on_all) {
    predict(kernel, on_all);
    OperatorDecision& decision = port.decisions[kernel.id];
    for (unsigned point = 0; point < OperatorDecision::kPoints; ++point)
      decision.predicted_at[point] = on_all * 66 / OperatorDecision::point_tpcs(66, point);
  }
  // TPCs `owned` of tenant 9 are lent whatever its pressure.
  void borrow(const TpcSet& owned) {
    Lease& lease = port.current;
    lease.lenders = 1;
    lease.lender[0] = {TenantId{9}, owned, Nanoseconds{1'000'000}};
    for (auto& level : lease.borrowed) level = owned;
    lease.outstanding_limit = Nanoseconds{300'000};
    lease.uncuttable_limit = Nanoseconds{1'000'000};
  }
  void complete(std::size_t atom) {
    const AtomSubmission& a = device.atoms[atom];
    executor->on_completed({a.tenant, a.queue, a.launch, a.first_block, a.block_count, 0, now - Nanoseconds{1}, now}, now);
  }
  void launch(const KernelInfo& k) { refused += executor->launch(QueueId{0}, k, now).ok() ? 0 : 1; }
  std::vector<Coverage> coverage() const {
    std::vector<Coverage> seen;
    for (const Record& r : port.records)
      if (r.kind == RecordKind::submitted) seen.push_back(r.coverage);
    return seen;
  }

  GpuShape gpu;
  FakeDevice device;
  FakePort port;
  std::unique_ptr<Executor> executor;
  int refused = 0;
  Nanoseconds now{1'000'000'000};
};

}  // namespace lithos::test
