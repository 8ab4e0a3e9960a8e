// SPDX-License-Identifier: Apache-2.0
#include "sim/virtual_gpu.hpp"

#include <algorithm>
#include <cassert>

#include "sim/virtual_gpu_impl.hpp"

namespace lithos {
namespace {

// Registers are handed out to warps in units of 256 (CUDA programming guide, compute capability 9.0).
constexpr unsigned kRegisterUnit = 256;
constexpr unsigned kThreadsPerWarp = 32;
constexpr std::size_t kKernelTableMin = 64;

std::size_t hash_of(const KernelInfo* info) {
  return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(info) >> 4) * 0x9e3779b97f4a7c15ull >> 20);
}

std::unique_ptr<KernelModel> make_model(const KernelInfo& info, TimeCurve curve, const DeviceModel& constants) {
  auto model = std::make_unique<KernelModel>();
  model->info = &info;
  model->curve = std::move(curve);
  model->blocks_per_tpc = std::max(1u, info.blocks_per_tpc);
  const auto threads = static_cast<unsigned>(info.block.total());
  model->warps = std::max(1u, (threads + kThreadsPerWarp - 1) / kThreadsPerWarp);
  const unsigned per_warp =
      (info.registers_per_thread * kThreadsPerWarp + kRegisterUnit - 1) / kRegisterUnit * kRegisterUnit;
  model->registers = per_warp * model->warps;
  model->shared_bytes = info.shared_bytes;
  model->skip_ns = constants.cut.skip_ns(threads);
  model->prelude_ns = constants.cut.prelude_ns(threads);
  return model;
}

}  // namespace

VirtualGpu::Impl::Impl(const GpuShape& shape_in, const DeviceModel& model_in, Sharing sharing_in,
                       CompletionSink& sink_in)
    : shape_(shape_in),
      model_(model_in),
      sharing_(sharing_in),
      sink_(sink_in),
      kernel_table_(kKernelTableMin, nullptr) {
  for (unsigned gpc = 0; gpc < shape_.gpcs; ++gpc) {
    gpc_.push_back(shape_.gpc(gpc));
    cluster_tpcs_ |= gpc_.back();
  }
  if (sharing_ == Sharing::mps) groups_.emplace_back();
  else working_ = kNobody;
  requested_mhz_ = shape_.clocks_mhz.empty() ? 1 : shape_.clocks_mhz.front();
  set_clock(requested_mhz_);
  update_power();
  clear_clock_use();
}

const KernelModel* VirtualGpu::Impl::find_kernel(const KernelInfo* info) const {
  const std::size_t mask = kernel_table_.size() - 1;
  for (std::size_t at = hash_of(info) & mask; kernel_table_[at] != nullptr; at = (at + 1) & mask)
    if (kernel_table_[at]->info == info) return kernel_table_[at];
  return nullptr;
}

void VirtualGpu::Impl::know_tenant(std::size_t slot) {
  if (slot < stream_index_.size()) return;
  stream_index_.resize(slot + 1);
  group_of_tenant_.resize(slot + 1, kNobody);
  own_.resize(slot + 1);
  unfinished_.resize(slot + 1);
  unfinished_low_.resize(slot + 1);
  totals_.tenant_tpc_ns.resize(slot + 1);
  totals_.tenant_borrowed_tpc_ns.resize(slot + 1);
}

unsigned VirtualGpu::Impl::stream_of(TenantId tenant, QueueId queue) {
  const std::size_t slot = value_of(tenant);
  know_tenant(slot);
  for (const auto& [known, index] : stream_index_[slot])
    if (known == queue) return index;

  const auto index = static_cast<unsigned>(streams_.size());
  stream_index_[slot].emplace_back(queue, index);
  if (sharing_ == Sharing::mps) group_of_tenant_[slot] = 0;
  if (group_of_tenant_[slot] == kNobody) {
    group_of_tenant_[slot] = static_cast<unsigned>(groups_.size());
    groups_.emplace_back();
  }
  streams_.emplace_back();
  streams_.back().tenant = tenant;
  streams_.back().queue = queue;
  streams_.back().group = group_of_tenant_[slot];
  event_at_.push_back(kNoEvent);
  return index;
}

// GPCs in which not even one cluster fits are of no use to the launch.
TpcSet VirtualGpu::Impl::room_for_clusters(const KernelInfo& kernel, const TpcSet& tpcs) const {
  if (runs_anywhere(kernel.cluster_blocks, shape_.sms_per_tpc)) return tpcs;
  TpcSet usable_tpcs = tpcs & cluster_tpcs_;
  if (kernel.cluster_blocks <= std::max(1u, kernel.blocks_per_tpc)) return usable_tpcs;
  for (const TpcSet& gpc : gpc_) {
    const TpcSet here = usable_tpcs & gpc;
    if (here.count() * std::max(1u, kernel.blocks_per_tpc) < kernel.cluster_blocks) usable_tpcs -= here;
  }
  return usable_tpcs;
}

TpcSet VirtualGpu::Impl::usable(const KernelInfo& kernel, const TpcSet& tpcs, bool masked) const {
  const TpcSet there = masked ? tpcs & shape_.all() : shape_.all();
  return kernel.cluster_blocks > 1 ? room_for_clusters(kernel, there) : there;
}

Status VirtualGpu::Impl::check_launch(const KernelModel* kernel, const KernelInfo* info, const TpcSet& tpcs,
                                      bool masked) const {
  if (kernel == nullptr) return invalid_argument("virtual GPU: a kernel was submitted that was never added");
  if (usable(*info, tpcs, masked).empty())
    return invalid_argument("virtual GPU: kernel \"" + info->name +
                            "\" would hang for ever: its mask holds no TPC that it can use");
  return {};
}

void VirtualGpu::Impl::enqueue(unsigned index, std::int64_t latency) {
  Stream& stream = streams_[index];
  stream.submissions.back().earliest = now_ + latency;
  const unsigned low = stream.submissions.back().low_priority ? 1 : 0;
  ++groups_[stream.group].unfinished;
  groups_[stream.group].unfinished_low += low;
  ++unfinished_[value_of(stream.tenant)];
  unfinished_low_[value_of(stream.tenant)] += low;
  if (stream.phase == Phase::idle) prepare_next(stream, index);
  if (sharing_ == Sharing::time_slicing) group_has_work(stream.group);
}

VirtualGpu::VirtualGpu(const GpuShape& shape, const DeviceModel& model, Sharing sharing, CompletionSink& sink)
    : impl_(std::make_unique<Impl>(shape, model, sharing, sink)) {}
VirtualGpu::~VirtualGpu() = default;

void VirtualGpu::add_kernel(const KernelInfo& kernel, TimeCurve curve) {
  assert(curve.device_tpcs() == impl_->shape_.tpcs);
  impl_->kernels_.push_back(make_model(kernel, std::move(curve), impl_->model_));
  auto& table = impl_->kernel_table_;
  if (2 * impl_->kernels_.size() > table.size()) {
    table.assign(table.size() * 2, nullptr);
    const std::size_t mask = table.size() - 1;
    for (const auto& known : impl_->kernels_) {
      std::size_t at = hash_of(known->info) & mask;
      while (table[at] != nullptr) at = (at + 1) & mask;
      table[at] = known.get();
    }
    return;
  }
  std::size_t at = hash_of(&kernel) & (table.size() - 1);
  while (table[at] != nullptr) at = (at + 1) & (table.size() - 1);
  table[at] = impl_->kernels_.back().get();
}

void VirtualGpu::set_own(TenantId tenant, const TpcSet& own) {
  impl_->know_tenant(value_of(tenant));
  impl_->own_[value_of(tenant)] = own;
}

Status VirtualGpu::submit(const AtomSubmission& atom) {
  const KernelModel* kernel = impl_->find_kernel(atom.kernel);
  if (Status status = impl_->check_launch(kernel, atom.kernel, atom.tpcs, atom.masked); !status.ok()) return status;
  if (atom.block_count == 0 || std::uint64_t{atom.first_block} + atom.block_count > kernel->info->blocks)
    return invalid_argument("virtual GPU: blocks outside the grid of kernel \"" + kernel->info->name + "\"");
  const unsigned index = impl_->stream_of(atom.tenant, atom.queue);
  Submission& submission = impl_->streams_[index].submissions.push();
  submission.kernel = kernel;
  submission.graph = nullptr;
  submission.launch = atom.launch;
  submission.first_block = atom.first_block;
  submission.block_count = atom.block_count;
  submission.cut = atom.cut;
  submission.masked = atom.masked;
  submission.low_priority = atom.low_priority;
  submission.tpcs = atom.tpcs;
  impl_->enqueue(index, impl_->model_.launch_latency.count());
  return {};
}

Status VirtualGpu::submit_graph(const GraphSubmission& graph) {
  if (graph.graph == nullptr || graph.graph->nodes.empty()) return invalid_argument("virtual GPU: an empty graph");
  if (graph.masked && graph.node_tpcs.size() != graph.graph->nodes.size())
    return invalid_argument("virtual GPU: graph \"" + graph.graph->name + "\" needs one mask per node");
  for (std::size_t i = 0; i < graph.graph->nodes.size(); ++i) {
    const KernelInfo* info = graph.graph->nodes[i];
    const TpcSet tpcs = graph.masked ? graph.node_tpcs[i] : TpcSet{};
    if (Status status = impl_->check_launch(impl_->find_kernel(info), info, tpcs, graph.masked); !status.ok())
      return status;
  }
  const unsigned index = impl_->stream_of(graph.tenant, graph.queue);
  Submission& submission = impl_->streams_[index].submissions.push();
  submission.kernel = nullptr;
  submission.graph = graph.graph;
  submission.node_tpcs = graph.node_tpcs;
  submission.launch = graph.launch;
  submission.cut = false;
  submission.masked = graph.masked;
  submission.low_priority = false;
  impl_->enqueue(index, impl_->model_.graph_launch_latency.count());
  return {};
}

Nanoseconds VirtualGpu::now() const { return Nanoseconds{impl_->now_}; }
Nanoseconds VirtualGpu::next_event() const { return Nanoseconds{impl_->next_at_}; }
void VirtualGpu::advance(Nanoseconds now) { impl_->advance(now.count()); }

void VirtualGpu::request_clock(std::uint32_t mhz) {
  if (mhz == impl_->requested_mhz_) return;
  impl_->requested_mhz_ = mhz;
  impl_->clock_change_at_ = impl_->now_ + impl_->model_.clock_change_latency.count();
  impl_->next_at_ = std::min(impl_->next_at_, impl_->clock_change_at_);
}
std::uint32_t VirtualGpu::clock_mhz() const { return impl_->clock_mhz_; }
double VirtualGpu::power_w() const { return impl_->power_w_; }

const DeviceTotals& VirtualGpu::totals() const {
  impl_->account(impl_->now_);
  return impl_->totals_;
}
void VirtualGpu::reset_totals() {
  impl_->account(impl_->now_);
  const std::size_t tenants = impl_->totals_.tenant_tpc_ns.size();
  impl_->totals_ = {};
  impl_->clear_clock_use();
  impl_->totals_.tenant_tpc_ns.resize(tenants);
  impl_->totals_.tenant_borrowed_tpc_ns.resize(tenants);
}

bool VirtualGpu::idle() const {
  for (const Group& group : impl_->groups_)
    if (group.unfinished != 0) return false;
  return true;
}

TpcSet VirtualGpu::occupied() const {
  const Group* group = impl_->working_group();
  return group == nullptr ? TpcSet{} : group->once;
}

TpcSet VirtualGpu::held_by(TenantId tenant) const {
  TpcSet held;
  for (const Stream& stream : impl_->streams_)
    if (stream.tenant == tenant && stream.phase == Phase::running) held |= stream.held;
  return held;
}

TpcSet VirtualGpu::working(TenantId tenant) const {
  TpcSet working;
  const Group* group = impl_->working_group();
  if (group == nullptr) return working;
  for (const unsigned index : group->running)
    if (impl_->streams_[index].tenant == tenant) working |= impl_->streams_[index].held;
  return working;
}

std::string VirtualGpu::check_invariants() const { return impl_->check_invariants(); }

}  // namespace lithos
