// SPDX-License-Identifier: Apache-2.0
#include "engine/operator_table.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lithos {
namespace {

constexpr double kWorthPublishing = 0.02;

lithos_op describe(const GraphInfo& graph) {
  lithos_op op{};
  op.op_id = value_of(graph.id);
  op.flags = LITHOS_OP_GRAPH;
  if (graph.may_spin) op.flags |= LITHOS_OP_CO_RESIDENT;
  op.bound = LITHOS_BOUND_UNKNOWN;
  op.blocks = 1;
  op.threads_per_block = 1;
  op.blocks_per_tpc = 1;
  op.cluster_blocks = 1;
  op.min_tpcs = graph.min_tpcs;
  return op;
}

// The most that a launch is given: what it would take on more is not worth a point. Not TPCs that hold no block of it, except where nobody
// confines it, and in a graph, where only a wish does (graph_masks.cpp).
std::uint32_t span_of(const OperatorEntry& entry, const Asker& asker) {
  if (entry.kernel == nullptr || !asker.masked) return asker.device_tpcs;
  return std::clamp(entry.in_graph ? entry.kernel->reachable_tpcs : entry.kernel->useful_tpcs, 1u, asker.device_tpcs);
}

lithos_prediction predict(const OperatorEntry& entry, const Asker& asker, std::uint32_t tpcs, PolicySet& policies) {
  lithos_predict_query query{};
  query.op = entry.op;
  query.tenant_id = asker.tenant_id;
  query.tpcs = tpcs;
  query.clock_mhz = asker.clock_mhz;
  return policies.predict(query);
}

// `decision` is fresh: what it says of the same TPCs is not asked for again.
WorkTimes work_of(const OperatorEntry& entry, const OperatorDecision& decision, const Asker& asker,
                  PolicySet& policies) {
  const auto ns_on = [&](std::uint32_t tpcs) {
    tpcs = std::min(tpcs, decision.span_tpcs);
    for (unsigned point = 0; point < OperatorDecision::kPoints; ++point)
      if (OperatorDecision::point_tpcs(decision.span_tpcs, point) == tpcs)
        return static_cast<float>(decision.predicted_at[point].count());
    return static_cast<float>(predict(entry, asker, tpcs, policies).p50_ns);
  };
  WorkTimes work;
  work.wished_ns = ns_on(decision.tpcs == 0 ? decision.span_tpcs : decision.tpcs);
  for (unsigned point = 0; point < OperatorDecision::kPoints; ++point)
    work.at_ns[point] = ns_on(OperatorDecision::point_tpcs(asker.device_tpcs, point));
  return work;
}

bool differs(Nanoseconds a, Nanoseconds b) {
  const auto x = static_cast<double>(a.count()), y = static_cast<double>(b.count());
  return std::abs(x - y) > kWorthPublishing * std::max(x, y);
}

}  // namespace

lithos_op describe(const KernelInfo& kernel) {
  lithos_op op{};
  op.op_id = value_of(kernel.id);
  if (kernel.cuttable) op.flags |= LITHOS_OP_CUTTABLE;
  if (kernel.may_spin) op.flags |= LITHOS_OP_CO_RESIDENT;
  if (kernel.persistent) op.flags |= LITHOS_OP_PERSISTENT;
  if (kernel.nature == KernelNature::never_touch) op.flags |= LITHOS_OP_COLLECTIVE;
  op.bound = kernel.bound;
  op.blocks = kernel.blocks;
  op.threads_per_block = static_cast<std::uint32_t>(kernel.block.total());
  op.blocks_per_tpc = kernel.blocks_per_tpc;
  op.cluster_blocks = kernel.cluster_blocks;
  op.min_tpcs = kernel.min_tpcs;
  return op;
}

std::uint32_t OperatorTable::add(const KernelInfo& kernel, bool& fresh) {
  const std::uint32_t known = find(kernel.id);
  fresh = known == FlatMap::kAbsent && size() < kLimit;
  if (!fresh) return known;
  OperatorEntry entry;
  entry.kernel = &kernel;
  entry.op = describe(kernel);
  spinning_ += kernel.may_spin;
  entries_.push_back(std::move(entry));
  index_.set(value_of(kernel.id), size() - 1);
  return size() - 1;
}

std::uint32_t OperatorTable::add(const GraphInfo& graph, bool& fresh) {
  const std::uint32_t known = find(graph.id);
  fresh = known == FlatMap::kAbsent && size() < kLimit;
  if (!fresh) return known;
  OperatorEntry entry;
  entry.graph = &graph;
  entry.op = describe(graph);
  for (const KernelInfo* node : graph.nodes) entry.nodes.push_back(find(node->id));
  entries_.push_back(std::move(entry));
  index_.set(value_of(graph.id), size() - 1);
  return size() - 1;
}

std::uint32_t OperatorTable::find_or_add_kind(std::uint32_t index, LaunchContext after, bool& fresh) {
  const OperatorEntry& op = entries_[index];
  for (unsigned i = 0; i < op.kinds; ++i)
    if (op.kind_after[i] == after) return op.kind[i];
  OperatorEntry entry;
  entry.op = op.op;
  entry.op.op_id = value_of(lithos::kind_of(OperatorId{op.op.op_id}, after));
  if (op.kinds == OperatorEntry::kKindsMost || size() >= kLimit || index_.find(entry.op.op_id) != FlatMap::kAbsent) return index;
  fresh = true;
  entry.kernel = op.kernel;
  entry.op.bound = op.kernel->bound;
  entry.decision = op.decision;
  entry.decision.mixed = false;
  entry.work = op.work;
  entry.asked_in = op.asked_in;
  entry.kind_of = index;
  index_.set(entry.op.op_id, size());
  entries_.push_back(std::move(entry));
  OperatorEntry& of = entries_[index];
  of.kind_after[of.kinds] = after;
  of.kind[of.kinds++] = size() - 1;
  return size() - 1;
}

bool OperatorTable::due(OperatorEntry& entry) {
  const std::uint64_t n = ++entry.observations;
  return n <= 16 ? std::has_single_bit(n) : n % 32 == 0;
}

bool OperatorTable::refresh(OperatorEntry& entry, const Asker& asker, const Asked& asked, PolicySet& policies) {
  OperatorDecision fresh = entry.decision;
  fresh.span_tpcs = span_of(entry, asker);
  for (unsigned point = 0; asked.predictor && point < OperatorDecision::kPoints; ++point) {
    const lithos_prediction answer =
        predict(entry, asker, OperatorDecision::point_tpcs(fresh.span_tpcs, point), policies);
    fresh.predicted_at[point] = from_u64(answer.p50_ns);
    if (point == OperatorDecision::kPoints - 1) fresh.confidence = answer.confidence;
  }
  const bool sized = entry.kernel != nullptr && entry.kernel->nature != KernelNature::never_touch;
  if (sized && asked.right_sizer) {
    lithos_size_query query{};
    query.op = entry.op;
    query.tenant_id = asker.tenant_id;
    query.tenant_class = asker.tenant_class;
    query.tpcs = std::clamp(asker.most_tpcs, 1u, asker.device_tpcs);
    query.slip = asker.slip;
    const lithos_size answer = policies.choose(query);
    const std::uint32_t tpcs = std::min(answer.tpcs, query.tpcs);
    // All it can get today should not bound it tomorrow.
    fresh.tpcs = tpcs == query.tpcs ? 0 : std::max(tpcs, entry.op.min_tpcs);
    fresh.rush_after = fresh.tpcs == 0 ? 0 : answer.rush_after;
  }
  if (asked.predictor && entry.graph == nullptr) entry.work = work_of(entry, fresh, asker, policies);
  bool changed = fresh.tpcs != entry.decision.tpcs || fresh.rush_after != entry.decision.rush_after || fresh.span_tpcs != entry.decision.span_tpcs;
  for (unsigned point = 0; point < OperatorDecision::kPoints; ++point)
    changed |= differs(fresh.predicted_at[point], entry.decision.predicted_at[point]);
  if (changed) entry.decision = fresh;
  return changed;
}

}  // namespace lithos
