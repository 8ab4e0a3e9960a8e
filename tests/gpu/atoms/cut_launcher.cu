// SPDX-License-Identifier: Apache-2.0
#include "cut_launcher.hpp"

#include <algorithm>

#include "common/report.hpp"

namespace lithos::gpu {
namespace {

constexpr std::size_t kSlots = 4096;

const char* words(cuda::NoAtom why) {
  constexpr const char* kWords[] = {"planned",         "not a range", "no prelude",
                                    "address unknown", "bank taken",  "other launch"};
  return kWords[static_cast<std::size_t>(why)];
}

const CUlaunchAttribute* attribute(const CUlaunchConfig& config, CUlaunchAttributeID id) {
  for (unsigned i = 0; i < config.numAttrs; ++i)
    if (config.attrs[i].id == id) return &config.attrs[i];
  return nullptr;
}

Dim3 grid_of(const CUlaunchConfig& config) { return {config.gridDimX, config.gridDimY, config.gridDimZ}; }

std::vector<BlockRange> ranges_at(const CUlaunchConfig& config, std::uint32_t count, bool odd) {
  const Dim3 grid = grid_of(config), cluster = cluster_of(config);
  const auto blocks = static_cast<std::uint32_t>(grid.total());
  const std::uint32_t granule = cut_granule(grid, cluster, odd ? 1 : std::max(blocks / count, 1u));
  std::vector<BlockRange> ranges;
  std::uint32_t first = 0;
  for (std::uint32_t i = 1; i <= count; ++i) {
    std::uint64_t end = std::uint64_t{blocks} * i / count;
    if (odd && i < count) end += i % 2 == 0 ? blocks / count / 3 : 1;
    end = i == count ? blocks : std::min<std::uint64_t>(end / granule * granule, blocks);
    if (end <= first) continue;
    ranges.push_back({first, static_cast<std::uint32_t>(end) - first});
    first = static_cast<std::uint32_t>(end);
  }
  return ranges;
}

__global__ void nothing() {}

}  // namespace

Dim3 cluster_of(const CUlaunchConfig& config) {
  const CUlaunchAttribute* a = attribute(config, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  return a == nullptr ? Dim3{}
                      : Dim3{std::max(a->value.clusterDim.x, 1u), std::max(a->value.clusterDim.y, 1u),
                             std::max(a->value.clusterDim.z, 1u)};
}

bool cut_forbidden(const CUlaunchConfig& config) {
  const CUlaunchAttribute* together = attribute(config, CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
  const CUlaunchAttribute* dependent = attribute(config, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
  return (together != nullptr && together->value.cooperative != 0) ||
         (dependent != nullptr && dependent->value.programmaticStreamSerializationAllowed != 0) ||
         attribute(config, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT) != nullptr;
}

std::vector<BlockRange> odd_cuts(const CUlaunchConfig& config, std::uint32_t count) {
  return ranges_at(config, count, true);
}
std::vector<BlockRange> even_cuts(const CUlaunchConfig& config, std::uint32_t count) {
  return ranges_at(config, count, false);
}

CutLauncher::CutLauncher() {
  probe::need_gpu();
  preludes_.image = cuda::enabled_prelude(90);
  if (preludes_.image == nullptr) probe::skip("built without a prelude for sm_90");
  if (const std::string why = probe::install_descriptor_hook(); !why.empty()) probe::skip(why);
  void* memory = nullptr;
  PROBE_CUDA(cudaHostAlloc(&memory, kSlots * sizeof(cuda::AtomSlot), cudaHostAllocMapped));
  slots_ = std::make_unique<cuda::AtomSlots>(std::span(static_cast<cuda::AtomSlot*>(memory), kSlots));
  slot_base_ = reinterpret_cast<std::uint64_t>(memory);  // one address for host and device: unified addressing
  probe::set_visitor(&on_descriptor, this);
  learn_preludes();
}

// Each prelude is launched twice with its descriptor sent to a kernel that does nothing.
void CutLauncher::learn_preludes() {
  CUfunction empty;
  PROBE_CUDA(cudaGetFuncBySymbol(&empty, reinterpret_cast<const void*>(&nothing)));
  CUlaunchConfig one{};
  one.gridDimX = one.gridDimY = one.gridDimZ = one.blockDimY = one.blockDimZ = 1;
  one.blockDimX = 32;
  whole(empty, one, nullptr);
  whole(empty, one, nullptr);
  CUmodule module;
  PROBE_CUDA(cuModuleLoadData(&module, preludes_.image->image.data()));
  for (std::size_t test = 0; test < cuda::kPreludeKinds; ++test) {
    CUfunction prelude;
    PROBE_CUDA(cuModuleGetFunction(&prelude, module, preludes_.image->preludes[test].kernel));
    redirect_all_ = entries_[empty].trusted();
    whole(prelude, one, nullptr);
    whole(prelude, one, nullptr);
    redirect_all_ = 0;
    preludes_.address[test] = entries_[prelude].trusted();
    if (preludes_.address[test] == 0) probe::skip("the address of a prelude was not seen");
  }
}

void CutLauncher::on_descriptor(probe::Descriptor& seen, void* user) {
  auto& self = *static_cast<CutLauncher*>(user);
  if (seen.grid()[0] == 0) return;
  if (self.learn_ != nullptr) self.learn_->saw(seen.program());
  if (self.redirect_all_ != 0) seen.set_program(self.redirect_all_);
  if (self.plan_ != nullptr && !self.applied_) {
    cuda::Descriptor descriptor = cuda::Descriptor::of(const_cast<std::uint8_t*>(seen.bytes()));
    self.applied_ = cuda::apply_atom(*self.plan_, self.slot_address_, descriptor);
  }
  if (self.mask_ != nullptr && !probe::confine(seen, *self.mask_)) self.applied_ = cuda::NoAtom::other_launch;
}

void CutLauncher::submit(CUfunction function, const CUlaunchConfig& config, void** parameters) {
  CUlaunchConfig copy = config;
  PROBE_CUDA(cuLaunchKernelEx(&copy, function, parameters, nullptr));
}

void CutLauncher::whole(CUfunction function, const CUlaunchConfig& config, void** parameters) {
  learn_ = &entries_[function];
  submit(function, config, parameters);
  learn_ = nullptr;
  PROBE_CUDA(cudaDeviceSynchronize());
}

void CutLauncher::refuse(cuda::NoAtom why) {
  ++result_.refused;
  bank_conflicts_ += why == cuda::NoAtom::bank_taken;
  if (result_.first_refusal.empty()) result_.first_refusal = words(why);
}

void CutLauncher::part(CUfunction function, const CUlaunchConfig& config, void** parameters, BlockRange range,
                       const probe::TpcSet* mask) {
  const BlockRange one[] = {range};
  parts(function, config, parameters, one, false, mask);
}

void CutLauncher::parts(CUfunction function, const CUlaunchConfig& config, void** parameters,
                        std::span<const BlockRange> ranges, bool force, const probe::TpcSet* mask) {
  for (const BlockRange& range : ranges) {
    cuda::AtomPlan plan;
    const cuda::AtomRequest request{grid_of(config), cluster_of(config), range, entries_[function].trusted(), force};
    if (const auto why = cuda::plan_atom(request, preludes_, plan); why != cuda::NoAtom::planned) return refuse(why);
    auto use = slots_->take(plan.slot);
    if (!use) {
      settle();
      use = slots_->take(plan.slot);
    }
    used_.push_back(*use);
    slot_address_ = slot_base_ + use->index * sizeof(cuda::AtomSlot);
    plan_ = &plan, mask_ = mask;
    applied_.reset();
    submit(function, config, parameters);
    plan_ = nullptr, mask_ = nullptr;
    ++result_.launches;
    result_.redirected += plan.redirected;
    const auto applied = applied_.value_or(cuda::NoAtom::other_launch);
    if (applied != cuda::NoAtom::planned) refuse(applied);
  }
}

void CutLauncher::settle() {
  PROBE_CUDA(cudaDeviceSynchronize());
  for (const cuda::SlotUse& use : used_) slots_->release(use);
  used_.clear();
}

}  // namespace lithos::gpu
