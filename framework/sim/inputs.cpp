// SPDX-License-Identifier: Apache-2.0
#include "sim/inputs.hpp"

#include "sim/arrivals.hpp"
#include "sim/h200.hpp"
#include "sim/trace.hpp"

namespace lithos {
namespace {

void append(std::vector<Diagnostic>& to, std::vector<Diagnostic> from) {
  for (Diagnostic& diagnostic : from) to.push_back(std::move(diagnostic));
}

bool same_shape(const KernelShape& a, const KernelShape& b) {
  return a.grid == b.grid && a.block == b.block && a.cluster == b.cluster &&
         a.registers_per_thread == b.registers_per_thread && a.shared_bytes == b.shared_bytes &&
         a.launch_special == b.launch_special && a.name == b.name;
}

// The same operator comes many times in a trace; asking the kernel rules once for each is enough.
KernelInfo kernel_info(const Trace& trace, std::size_t index, const std::vector<KernelInfo>& known,
                       const SimInputs& inputs) {
  for (std::size_t i = 0; i < index; ++i)
    if (same_shape(trace.kernels[i].shape, trace.kernels[index].shape)) return known[i];
  return make_kernel_info(trace.kernels[index].shape, inputs.gpu, inputs.gpu.tpcs, inputs.rules);
}

std::shared_ptr<const TenantProgram> load_program(const TenantConfig& tenant, const SimInputs& inputs,
                                                  std::vector<Diagnostic>& diagnostics) {
  ParsedTrace parsed = parse_trace_file(tenant.trace);
  append(diagnostics, std::move(parsed.diagnostics));
  auto program = std::make_shared<TenantProgram>();
  if (tenant.arrivals.kind == ArrivalKind::file) {
    ParsedArrivals arrivals = parse_arrivals_file(tenant.arrivals.path);
    append(diagnostics, std::move(arrivals.diagnostics));
    if (arrivals.times) program->arrivals = std::move(*arrivals.times);
  }
  if (!parsed.trace) return program;

  const double gap_us = typical_gap_us(*parsed.trace);
  program->kernels.reserve(parsed.trace->kernels.size());
  std::vector<const KernelInfo*> nodes;
  for (std::size_t i = 0; i < parsed.trace->kernels.size(); ++i) {
    program->kernels.push_back(kernel_info(*parsed.trace, i, program->kernels, inputs));
    program->curves.push_back(make_time_curve(parsed.trace->kernels[i], program->kernels.back(), inputs.gpu, gap_us));
    nodes.push_back(&program->kernels.back());
  }
  program->graph = make_graph_info(tenant.name, std::move(nodes));
  return program;
}

}  // namespace

LoadedInputs load_inputs(const Config& config) {
  LoadedInputs loaded;
  auto inputs = std::make_shared<SimInputs>();
  const Result<GpuShape> gpu = built_in_shape(config.gpu);
  if (gpu.ok()) inputs->gpu = gpu.value();
  else loaded.diagnostics.push_back({{config.file, 1, 1}, gpu.status().message()});
  if (!config.kernel_rules.empty()) {
    ParsedKernelRules rules = parse_kernel_rules_file(config.kernel_rules);
    append(loaded.diagnostics, std::move(rules.diagnostics));
    if (rules.rules) inputs->rules = std::move(*rules.rules);
  }
  if (!gpu.ok()) return loaded;
  for (const TenantConfig& tenant : config.tenants)
    inputs->programs.push_back(load_program(tenant, *inputs, loaded.diagnostics));
  if (loaded.diagnostics.empty()) loaded.inputs = std::move(inputs);
  return loaded;
}

std::string join_messages(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!text.empty()) text += '\n';
    text += to_string(diagnostic);
  }
  return text;
}

}  // namespace lithos
