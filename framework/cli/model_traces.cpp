// SPDX-License-Identifier: Apache-2.0
#include "cli/model_traces.hpp"

#include <array>

#include "cli/installation.hpp"

namespace lithos {
namespace {

struct Shipped {
  const char* name;
  bool latency_critical;
};
// configs/traces/README.md: the other three have no tpcN columns.
constexpr std::array kShipped{Shipped{"bert_large_infer_b1_s128", true}, Shipped{"bert_large_infer_b8_s384", true},
                              Shipped{"dlrm_infer_b2048", true},         Shipped{"llama8b_decode_b1_kv512", true},
                              Shipped{"llama8b_prefill_b1_s512", true},  Shipped{"resnet50_infer_b1", true},
                              Shipped{"resnet50_infer_b16", true},       Shipped{"bert_base_train_b32_s128", false},
                              Shipped{"dlrm_train_b8192", false},        Shipped{"gpt2_medium_train_b16_s1024", false},
                              Shipped{"llama8l_prefill_b8_s2048", false}};

}  // namespace

ModelTraces load_model_traces(const std::string& folder) {
  Config config;
  for (const Shipped& shipped : kShipped) {
    TenantConfig tenant;
    tenant.name = shipped.name;
    tenant.trace = folder + "/" + shipped.name + ".csv";
    config.tenants.push_back(std::move(tenant));
  }
  complete_from_installation(config);
  LoadedInputs loaded = load_inputs(config);
  ModelTraces out{loaded.inputs, {}, std::move(loaded.diagnostics)};
  for (std::size_t i = 0; out.inputs != nullptr && i < kShipped.size(); ++i) {
    ParsedTrace parsed = parse_trace_file(config.tenants[i].trace);
    if (!parsed.trace) return {nullptr, {}, std::move(parsed.diagnostics)};
    out.traces.push_back(
        {kShipped[i].name, kShipped[i].latency_critical, std::move(parsed.trace->kernels), out.inputs->programs[i]});
  }
  return out;
}

}  // namespace lithos
