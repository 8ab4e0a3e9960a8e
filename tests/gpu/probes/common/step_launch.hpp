// Launches captured steps, whole or in two parts, with their descriptors patched on the way.
#pragma once

#include "captured_steps.hpp"
#include "prelude_atoms.hpp"

namespace lithos::probe {

// False when the stream is not idle within `patience_ns`, or has failed: nothing after it can be trusted.
inline bool idle_within(cudaStream_t stream, std::int64_t patience_ns) {
  const auto limit = now_ns() + patience_ns;
  while (now_ns() < limit) {
    const auto rc = cudaStreamQuery(stream);
    if (rc != cudaErrorNotReady) return rc == cudaSuccess;
  }
  return false;
}

// What the next descriptor of the launch in progress gets.
struct StepPatch {
  Step* learn = nullptr;
  const TpcSet* confine_to = nullptr;
  AtomPatch atom;
  int unconfined = 0, bank_taken = 0, applied = 0;
};
inline void visit_step(Descriptor& d, void* user) {
  auto& p = *static_cast<StepPatch*>(user);
  if (d.grid()[0] == 0) return;
  if (p.learn) p.learn->entry = d.program(), p.learn->grid = d.grid(), p.learn->cluster = d.cluster(), p.learn->gpu_cluster = d.gpu_cluster(), p.learn->type = d.type();
  if (p.confine_to && !confine(d, *p.confine_to)) ++p.unconfined;
  if (p.atom.end) apply_atom(d, p.atom, p.bank_taken), ++p.applied;
}

// Launches one step under `patch` and waits for it.
inline bool launch_step(const Step& step, StepPatch& patch, cudaStream_t stream, std::int64_t patience_ns) {
  if (step.function == nullptr) {
    if (step.other) PROBE_CUDA(cuGraphLaunch(step.other, stream));
    return idle_within(stream, patience_ns);
  }
  CUlaunchConfig config = step.config;
  config.hStream = stream;
  set_visitor(&visit_step, &patch);
  const int rc = cuLaunchKernelEx(&config, step.function, step.parameters, nullptr);
  set_visitor(nullptr, nullptr);
  return rc == 0 && idle_within(stream, patience_ns);
}

}  // namespace lithos::probe
