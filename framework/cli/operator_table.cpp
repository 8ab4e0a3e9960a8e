// SPDX-License-Identifier: Apache-2.0
// Per-operator tables: where a tenant's TPC time went.
#include <fmt/format.h>

#include <algorithm>

#include "cli/comparison.hpp"
#include "cli/summary.hpp"
#include "cli/text_table.hpp"
#include "lithos/policy_abi.h"

namespace lithos {
namespace {

constexpr std::size_t kNameWidth = 44;

std::string short_name(const OperatorReport& op) {
  const std::string name = op.graph ? "graph " + op.name : op.name.empty() ? "(no name)" : op.name;
  return name.size() <= kNameWidth ? name : name.substr(0, kNameWidth - 1) + "…";
}

const char* name_of_bound(std::uint32_t bound) {
  return bound == LITHOS_BOUND_MEMORY ? "memory" : bound == LITHOS_BOUND_COMPUTE ? "compute" : "–";
}

std::string words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// Heaviest first; graphs are left out, because their kernels are operators of their own.
std::vector<const OperatorReport*> heaviest(const TenantReport& tenant, std::size_t most) {
  std::vector<const OperatorReport*> operators;
  for (const OperatorReport& op : tenant.operators)
    if (!op.graph && op.totals.ns > 0) operators.push_back(&op);
  std::stable_sort(operators.begin(), operators.end(),
                   [](const auto* a, const auto* b) { return a->totals.tpc_ns > b->totals.tpc_ns; });
  if (operators.size() > most) operators.resize(most);
  return operators;
}

std::string tenant_table(const TenantReport& tenant, std::size_t most, bool colour) {
  std::uint64_t all_tpc_ns = 0;
  for (const OperatorReport& op : tenant.operators)
    if (!op.graph) all_tpc_ns += op.totals.tpc_ns;
  TextTable table;
  table.add_column("operator", "", TextTable::Align::left);
  for (const char* title : {"blocks", "went", "launches", "atoms", "mean us", "TPCs", "of TPC time", "bound", "wanted", "predicted us"})
    table.add_column(title);
  for (const OperatorReport* op : heaviest(tenant, most)) {
    const OperatorTotals& totals = op->totals;
    const auto ns = static_cast<double>(totals.ns), tpc_ns = static_cast<double>(totals.tpc_ns);
    table.add_row({{short_name(*op)},
                   {fmt::format("{}", op->blocks)},
                   {words(name_of(totals.usually(Coverage::graph)))},
                   {short_count(totals.launches)},
                   {short_count(totals.atoms)},
                   {short_number(ns / 1e3 / static_cast<double>(totals.launches + totals.atoms))},
                   {short_number(tpc_ns / ns)},
                   {short_percent(tpc_ns / static_cast<double>(std::max<std::uint64_t>(all_tpc_ns, 1)))},
                   {name_of_bound(op->bound)},
                   {op->wanted_tpcs == 0 ? "all" : fmt::format("{}", op->wanted_tpcs)},
                   {short_number(static_cast<double>(op->predicted.count()) / 1e3)}});
  }
  return table.render(colour);
}

}  // namespace

std::string render_operators(const Experiment& experiment, std::size_t most, bool colour) {
  std::string text;
  for (const RunGroup& group : experiment.groups) {
    const std::string name = group.case_name.empty() ? group.label : group.case_name + ": " + group.label;
    for (const TenantReport& tenant : group.runs.front().tenants)
      text += "\n" + styled(fmt::format("{}, {}", name, tenant.name), Tone::strong, colour) + "\n" + tenant_table(tenant, most, colour);
  }
  return text;
}

}  // namespace lithos
