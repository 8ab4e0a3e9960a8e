// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/queued/queueing.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cuda/queue/dispatcher.hpp"
#include "cuda/shim/own_thread.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/queued/trampolines.hpp"
#include "cuda/shim/quiet.hpp"

namespace lithos::cuda::shim {
namespace {

std::atomic<Queueing*> started{nullptr};
constexpr std::uint64_t kLegacyName = 0;
// Every head goes within twice the starvation limit, so that this long without anything at all means that the driver itself does not take it.
constexpr std::chrono::seconds kPatience{2};

// The last stream that this thread has asked for: launches come in rows.
struct LastStream {
  CUstream stream = nullptr;
  std::uint64_t version = 0;
  bool known = false;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local LastStream last;
[[gnu::tls_model("initial-exec")]] constinit thread_local bool dispatches = false;

// The first of them, if it was met before there was anything to end: runtimes look up their functions before they start the driver.
std::mutex stranger_mutex;
char stranger[128] = "";
constexpr const char* kStranger = "is a driver function that nobody has reviewed";

QueueLimits limits() {
  QueueLimits made;
  made.patience = kPatience;
  return made;
}

// 0: memory that the driver does not know, which is pageable.
unsigned memory_type(std::uint64_t address) {
  unsigned type = 0;
  const bool known = driver().cuPointerGetAttribute != nullptr &&
                     driver().cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address) == CUDA_SUCCESS;
  return known ? type : 0;
}

}  // namespace

bool copy_may_wait(std::uint64_t to, std::uint64_t from) {
  const unsigned there = memory_type(to), here = memory_type(from);
  return there != 0 && here != 0 && (there == CU_MEMORYTYPE_DEVICE || here == CU_MEMORYTYPE_DEVICE);
}

std::uint64_t current_context() {
  CUcontext context = nullptr;
  return driver().cuCtxGetCurrent != nullptr && driver().cuCtxGetCurrent(&context) == CUDA_SUCCESS
             ? reinterpret_cast<std::uint64_t>(context)
             : 0;
}

Queueing::Queueing() : queues_(submitter_, limits()) {}
Queueing* Queueing::instance() { return started.load(std::memory_order_acquire); }

bool is_dispatcher() { return dispatches; }

void Queueing::start() {
  auto* const made = new Queueing;
  if (!made->run_dispatcher()) return Process::instance().say("no thread that could submit: launches do not wait");
  std::atexit([] {
    if (Process::instance().active()) instance()->end("the program ends");
  });
  const std::lock_guard lock(stranger_mutex);
  started.store(made, std::memory_order_release);
  if (*stranger != '\0') made->end(kStranger, stranger);
  switch_trampolines(true);
}

void Queueing::meet_stranger(const char* symbol) {
  if (Process::instance().standing() == Process::Standing::aside) return;
  {
    const std::lock_guard lock(stranger_mutex);
    if (*stranger != '\0') return;
    std::snprintf(stranger, sizeof stranger, "%s", symbol);
    if (instance() == nullptr) return;
  }
  if (Process::instance().active()) instance()->end(kStranger, stranger);
}

bool Queueing::run_dispatcher() {
  const auto run = [](void* self) -> void* {
    settle_own_thread("lithos-queue");
    dispatches = true;
    const QuietCapture quiet;  // other threads' captures are none of its business
    static const std::atomic<bool> never{false};
    dispatch_until(static_cast<Queueing*>(self)->queues_, never);
    return nullptr;
  };
  return start_own_thread(run, this);
}

void Queueing::end(const char* reason, const char* what) {
  const char* none = nullptr;
  const bool first = ended_.compare_exchange_strong(none, reason);
  accepting_.store(false, std::memory_order_seq_cst);
  if (first && *what != '\0') Process::instance().say("launches do not wait from here on: %s %s", what, reason);
  queues_.submit_all(Haste::urgent);
}

bool Queueing::is_ours(CUstream stream, unsigned& flags) const {
  CUcontext of = nullptr;
  const DriverTable& calls = driver();
  return calls.cuStreamGetCtx != nullptr && calls.cuStreamGetFlags != nullptr &&
         calls.cuStreamGetCtx(stream, &of) == CUDA_SUCCESS && reinterpret_cast<std::uint64_t>(of) == context() &&
         calls.cuStreamGetFlags(stream, &flags) == CUDA_SUCCESS;
}

std::optional<std::uint64_t> Queueing::stream(CUstream stream, bool adopt) {
  if (stream == CU_STREAM_PER_THREAD) return std::nullopt;
  const bool legacy = stream == nullptr || stream == CU_STREAM_LEGACY;
  const std::uint64_t now = current_context();
  if (std::uint64_t none = 0; adopt && now != 0) context_.compare_exchange_strong(none, now);
  if (context() == 0 || (legacy && now != context())) return std::nullopt;
  if (legacy) stream = nullptr;
  const std::uint64_t name = legacy ? kLegacyName : reinterpret_cast<std::uint64_t>(stream);
  const std::uint64_t version = streams_version_.load(std::memory_order_acquire);
  if (last.stream == stream && last.version == version) return last.known ? std::optional(name) : std::nullopt;
  const std::lock_guard lock(mutex_);
  auto known = streams_.find(stream);
  if (known == streams_.end()) {
    // Its calls do not wait, and asking for its flags would end the capture (hardware.md §6).
    if (!legacy && is_capturing(stream)) return std::nullopt;
    unsigned flags = 0;
    const bool ours = legacy || is_ours(stream, flags);
    const StreamKind kind = legacy                                  ? StreamKind::legacy
                            : (flags & CU_STREAM_NON_BLOCKING) != 0 ? StreamKind::non_blocking
                                                                    : StreamKind::blocking;
    if (ours) queues_.add_stream(name, kind, CallRoute::queued);
    known = streams_.emplace(stream, ours).first;
  }
  last = {stream, version, known->second};
  return known->second ? std::optional(name) : std::nullopt;
}

void Queueing::stream_ends(CUstream stream) {
  if (stream == nullptr || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD) return;
  queues_.remove_stream(reinterpret_cast<std::uint64_t>(stream));
  const std::lock_guard lock(mutex_);
  if (streams_.erase(stream) != 0) streams_version_.fetch_add(1, std::memory_order_acq_rel);
}

void Queueing::context_ends() {
  queues_.submit_all(Haste::urgent);
  queues_.remove_all_streams();
  const std::lock_guard lock(mutex_);
  streams_.clear();
  context_.store(0, std::memory_order_release);
  streams_version_.fetch_add(1, std::memory_order_acq_rel);
}

void Queueing::capture_begins(CUstream stream) {
  const std::lock_guard lock(mutex_);
  capturing_.push_back(stream);
  captures_.store(static_cast<unsigned>(capturing_.size()), std::memory_order_seq_cst);
}

void Queueing::capture_ended(CUstream stream) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find(capturing_.begin(), capturing_.end(), stream);
  if (known != capturing_.end()) capturing_.erase(known);
  captures_.store(static_cast<unsigned>(capturing_.size()), std::memory_order_seq_cst);
}

// ---- gate ------------------------------------------------------------------------------------------------

void start_queueing() { Queueing::start(); }
void end_queueing_after_fork() { switch_trampolines(false); }
const char* queueing_state() {
  const Queueing* const queueing = Queueing::instance();
  if (queueing == nullptr) return "off";
  return queueing->ended() == nullptr ? "on" : queueing->ended();
}
void completions_were_seen() {
  if (Queueing* const queueing = Queueing::instance(); queueing != nullptr && queueing->queues().waiting() != 0)
    queueing->queues().poke();
}

}  // namespace lithos::cuda::shim
