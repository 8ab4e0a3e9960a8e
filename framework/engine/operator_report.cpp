// SPDX-License-Identifier: Apache-2.0
#include "engine/operator_report.hpp"

#include "engine/engine_impl.hpp"

namespace lithos {

std::vector<OperatorReport> Engine::operators(TenantId tenant) const {
  std::vector<OperatorReport> reports;
  const Tenant* known = impl_->find(tenant);
  if (known == nullptr) return reports;
  for (std::uint32_t i = 0; i < known->operators.size(); ++i) {
    const OperatorEntry& entry = known->operators[i];
    OperatorReport report;
    report.graph = entry.graph != nullptr;
    report.name = report.graph ? entry.graph->name : entry.kernel->name;
    report.blocks = entry.op.blocks;
    report.bound = entry.op.bound;
    report.wanted_tpcs = entry.decision.tpcs;
    report.predicted = entry.decision.predicted(impl_->gpu.tpcs);
    report.totals = entry.totals;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace lithos
