// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/cutter.hpp"

#include <limits>

#include "cuda/shim/driver.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/quiet.hpp"
#include "cuda/shim/thread_state.hpp"
#include "ipc/layout.hpp"

namespace lithos::cuda::shim {
namespace {

// While preludes are learnt: a slot of which every block is out of range, so that they leave at once. In a page of its own.
constexpr std::uint64_t kLearningSlot = ipc::kSlots;
constexpr std::size_t kBytes = sizeof(AtomSlot) * ipc::kSlots + ipc::kPage;
constexpr std::uint32_t kThreads = 32;

// The address of a prelude's code, from the descriptors of two launches of its own; 0: they did not agree.
std::uint64_t learn(ThreadState& thread, CUfunction prelude, CUstream stream, const PreludeManifest& manifest,
                    std::uint64_t slot_address) {
  EntryAddress address;
  for (std::uint32_t turn = 0; turn < EntryAddress::kSightings; ++turn) {
    thread.armed = {};
    thread.armed.kind = Armed::Kind::learn;
    thread.armed.learn = &address;
    thread.armed.atom_slot = slot_address;
    thread.armed.bank = manifest.constant_bank;
    const CUresult launched =
        driver().cuLaunchKernel(prelude, 1, 1, 1, kThreads, 1, 1, 0, stream, nullptr, nullptr);
    thread.armed.kind = Armed::Kind::nothing;
    if (launched != CUDA_SUCCESS || !thread.armed.done) return 0;
  }
  return driver().cuStreamSynchronize(stream) == CUDA_SUCCESS ? address.trusted() : 0;
}

}  // namespace

const Cutter::Context* Cutter::context(ThreadState& thread, std::uint64_t handle) {
  const std::lock_guard lock(mutex_);
  for (const Context& known : contexts_)
    if (known.handle == handle) return known.preludes.image == nullptr ? nullptr : &known;
  Context& made = contexts_.emplace_back();
  made.handle = handle;
  if (!load(thread, made)) made.preludes = {};
  return made.preludes.image == nullptr ? nullptr : &made;
}

bool Cutter::load(ThreadState& thread, Context& context) {
  const DriverTable& calls = driver();
  const PreludeImage* const image = enabled_prelude(Process::instance().compute_capability());
  if (image == nullptr || calls.cuModuleLoadData == nullptr || calls.cuModuleGetFunction == nullptr ||
      calls.cuStreamCreate == nullptr || calls.cuStreamDestroy_v2 == nullptr)
    return false;
  const QuietCapture quiet;
  if (pages_.data() == nullptr && !pages_.open(kBytes, nullptr)) return false;
  context.slots = pages_.device_base(context.handle);
  CUmodule module = nullptr;  // lives as long as the context
  CUstream stream = nullptr;
  if (context.slots == 0 || calls.cuModuleLoadData(&module, image->image.data()) != CUDA_SUCCESS ||
      calls.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS)
    return false;
  slot(kLearningSlot) = {std::numeric_limits<std::uint32_t>::max(), 0, 0};
  bool all = true;
  for (const PreludeManifest& prelude : image->preludes) {
    CUfunction function = nullptr;
    std::uint64_t& address = context.preludes.address[static_cast<std::size_t>(prelude.test)];
    if (calls.cuModuleGetFunction(&function, module, prelude.kernel) == CUDA_SUCCESS)
      address = learn(thread, function, stream, prelude, context.slots + kLearningSlot * sizeof(AtomSlot));
    all = all && address != 0;
  }
  calls.cuStreamDestroy_v2(stream);
  if (all) context.preludes.image = image;
  else Process::instance().say("the preludes' addresses were not seen: nothing is cut in this context");
  return all;
}

void Cutter::forget_contexts() {
  const std::lock_guard lock(mutex_);
  pages_.forget_contexts();
  for (Context& context : contexts_) context.handle = 0;
}

}  // namespace lithos::cuda::shim
