// SPDX-License-Identifier: Apache-2.0
// The driver's descriptor callback (GPU.md §1, hardware.md §7): on the launching thread, just before a descriptor goes
// to the GPU.
//
// In the callback: no driver call, no allocation, no lock, no load of anything that another process could change under
// us. What is to be done has been decided before (Armed); here it is only checked against the descriptor.
#include <cstring>

#include "cuda/shim/graphs.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr CUuuid kToolsTable = {{'\x2c', '\x8e', '\x0a', '\xd8', '\x07', '\x10', '\xab', '\x4e', '\x90', '\xdd', '\x54',
                                 '\x71', '\x9f', '\xe5', '\xf7', '\x4b'}};
using Callback = void (*)(void* user, int domain, int cbid, const void* params);
using Subscribe = int (*)(std::uint32_t* handle, Callback callback, void* user);
using Enable = int (*)(std::uint32_t on, std::uint32_t handle, int domain, int cbid);
using Unsubscribe = int (*)(std::uint32_t handle);
constexpr unsigned kSubscribeEntry = 3, kUnsubscribeEntry = 4, kEnableEntry = 6;
constexpr int kDomain = 0xb;
constexpr int kDescriptorUpload = 0x1;
constexpr std::uint32_t kParamsBytesMin = 40;  // descriptor's address included
constexpr unsigned kDescriptorElement = 4;
constexpr int kOtherSubscriber = 210;

// A launch is cut only if its first part finds everything as the later ones will need it.
NoAtom cut(const Armed& armed, Descriptor& descriptor) {
  if (descriptor.program() != armed.entry) return NoAtom::other_launch;
  if (descriptor.bank_state(armed.bank) != 0) return NoAtom::bank_taken;
  return apply_atom(*armed.plan, armed.atom_slot, descriptor);
}

void patch_launch(ThreadState& thread, Descriptor& descriptor, const Process& process) {
  Armed& armed = thread.armed;
  armed.done = true;
  if (armed.stamp) armed.uploaded = host_now();
  if (armed.learn != nullptr) armed.learn->saw(descriptor.program());
  if (armed.plan != nullptr) {
    armed.atom = cut(armed, descriptor);
    // Cannot be, since the first part was as it should be. Nothing at all is better than blocks that run twice; the
    // program is told that its launch has failed.
    if (armed.atom != NoAtom::planned && armed.later_part) descriptor.set(process.layout()->type, kGridNull);
  }
  armed.outcome = apply(descriptor, armed.wish, process.geometry());
}

// A prelude by itself: its address is learnt, and its slot lets no block go on.
void learn_prelude(Armed& armed, Descriptor& descriptor) {
  armed.done = true;
  armed.learn->saw(descriptor.program());
  descriptor.set_bank(armed.bank, kBankValidInvalidate, armed.atom_slot, sizeof(AtomSlot));
}

// Copies, memsets and whatever else the driver makes kernels of: they run on the tenant's TPCs too.
void patch_internal(ThreadState* thread, Descriptor& descriptor, Process& process) {
  if (!descriptor.is_grid()) return;  // the null grid at the end of a graph
  PatchWish wish;
  wish.mask = process.home().read(wish.enabled);
  const PatchOutcome outcome = apply(descriptor, wish, process.geometry());
  const bool masked = outcome.mask == MaskOutcome::masked;
  if (thread != nullptr) thread->counters.add(masked ? Count::internal_masked : Count::internal_left);
  else process.count_foreign_descriptor();
}

void on_descriptor(void*, int domain, int cbid, const void* params) {
  if (domain != kDomain || cbid != kDescriptorUpload || params == nullptr) return;
  std::uint32_t size = 0;
  std::memcpy(&size, params, sizeof size);
  if (size < kParamsBytesMin) return;
  void* const bytes = static_cast<void* const*>(params)[kDescriptorElement];
  Process& process = Process::instance();
  if (bytes == nullptr || !process.active()) return;
  if (!is_of(bytes, *process.layout())) {
    process.count_unknown_descriptor();
    return;
  }
  Descriptor descriptor(bytes, process.layout());
  ThreadState* const thread = thread_state_if_any();
  if (thread != nullptr && thread->other_device) return;
  if (thread != nullptr && thread->armed.kind == Armed::Kind::launch && !thread->armed.done &&
      matches(descriptor, thread->armed.shape)) {
    patch_launch(*thread, descriptor, process);
  } else if (thread != nullptr && thread->armed.kind == Armed::Kind::learn && !thread->armed.done) {
    learn_prelude(thread->armed, descriptor);
  } else if (thread != nullptr && thread->armed.kind == Armed::Kind::graph) {
    patch_node(*thread, descriptor, process);
  } else {
    patch_internal(thread, descriptor, process);
  }
}

}  // namespace

const char* subscribe_to_descriptors() {
  const void* table = nullptr;
  const DriverTable& calls = driver();
  if (calls.cuGetExportTable == nullptr || calls.cuGetExportTable(&table, &kToolsTable) != CUDA_SUCCESS ||
      table == nullptr)
    return "the driver has no tools table";
  const auto* entries = static_cast<void* const*>(table);
  const auto subscribe = reinterpret_cast<Subscribe>(entries[kSubscribeEntry]);
  const auto enable = reinterpret_cast<Enable>(entries[kEnableEntry]);
  std::uint32_t handle = 0;
  if (subscribe == nullptr || enable == nullptr) return "the driver's tools table has holes where we expect functions";
  if (const int refused = subscribe(&handle, &on_descriptor, nullptr); refused != 0)
    return refused == kOtherSubscriber ? "a profiler has the tools interface" : "the driver refused the hook";
  if (enable(1, handle, kDomain, kDescriptorUpload) == 0) return nullptr;
  if (const auto unsubscribe = reinterpret_cast<Unsubscribe>(entries[kUnsubscribeEntry])) unsubscribe(handle);
  return "the driver refused the descriptor callback";
}

}  // namespace lithos::cuda::shim
