// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/process.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "cuda/gpu_uuid.hpp"
#include "cuda/shim/annotations.hpp"
#include "cuda/shim/operators.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"
#include "cuda/tpc_map_file.hpp"

namespace lithos::cuda::shim {
namespace {

std::mutex start_mutex;
constexpr const char* kAfterFork = "after fork";

// For JSON: names are words; whatever would need an escape is left out.
std::string plain(std::string text) {
  std::erase_if(text, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' '; });
  return text;
}

const char* queueing() {
  if constexpr (kQueued) return queueing_state();
  return "";
}

std::string left_whole() {
  if constexpr (kQueued) return ", \"graphs_whole\": " + graphs_left_whole();
  return "";
}

constexpr std::size_t kKernelsTold = 16;  // in a report

// Tools that come before us say so in the environment; a library that is merely loaded (PyTorch loads CUPTI always)
// says nothing.
const char* profiler_in_environment() {
  for (const char* variable : {"CUDA_INJECTION64_PATH", "NV_NSIGHT_INJECTION_TRANSPORT_TYPE", "NV_TPS_LAUNCH_TOKEN"})
    if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return variable;
  return nullptr;
}

// A folder (it ends with a slash) has one map for each GPU, under its uuid.
std::string map_path(const std::string& given) {
  if (given.empty() || given.back() != '/' || driver().cuDeviceGetUuid_v2 == nullptr) return given;
  CUuuid id{};
  if (driver().cuDeviceGetUuid_v2(&id, 0) != CUDA_SUCCESS) return given;
  unsigned char bytes[sizeof id.bytes];
  std::memcpy(bytes, id.bytes, sizeof bytes);
  return given + uuid_text(bytes) + ".txt";
}

}  // namespace

// ---- SharedMask ------------------------------------------------------------------------------------------

void SharedMask::publish(bool on, const MaskBits& bits) {
  const std::uint32_t version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_seq_cst);
  on_.store(on, std::memory_order_seq_cst);
  for (unsigned i = 0; i < kMaskWordsMax; ++i) words_[i].store(bits.words[i], std::memory_order_seq_cst);
  version_.store(version + 2, std::memory_order_seq_cst);
}

bool SharedMask::read(MaskBits& bits) const {
  for (unsigned turn = 0; turn < kTries; ++turn) {
    const std::uint32_t version = version_.load(std::memory_order_seq_cst);
    if (version % 2 != 0) continue;
    const bool on = on_.load(std::memory_order_seq_cst);
    for (unsigned i = 0; i < kMaskWordsMax; ++i) bits.words[i] = words_[i].load(std::memory_order_seq_cst);
    if (version_.load(std::memory_order_seq_cst) == version) return on;
  }
  return false;
}

// ---- Process ---------------------------------------------------------------------------------------------

Process& Process::make() {
  static Process* const process = new Process;
  made_.store(process, std::memory_order_release);
  return *process;
}

void Process::say(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "lithos: %s\n", line);
}

void Process::stand_aside(const char* reason) {
  const char* none = nullptr;
  if (reason_.compare_exchange_strong(none, reason) && !settings_.tenant.empty())
    say("tenant %s: standing aside, the program runs as without LithOS: %s", settings_.tenant.c_str(), reason);
  standing_.store(Standing::aside, std::memory_order_release);
}

const char* Process::find_gpu() {
  const DriverTable& calls = driver();
  int devices = 0, major = 0, minor = 0;
  if (calls.cuDeviceGetCount == nullptr || calls.cuDeviceGetCount(&devices) != CUDA_SUCCESS || devices == 0)
    return "the driver shows no GPU";
  // The first GPU that the program sees is the one that is managed.
  if (calls.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0) != CUDA_SUCCESS ||
      calls.cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0) != CUDA_SUCCESS)
    return "the driver does not say which GPU this is";
  compute_capability_ = static_cast<unsigned>(10 * major + minor);
  layout_ = layout_for_capability(major, minor);
  if (layout_ == nullptr) return "this GPU's launch descriptors are not known";
  if (!layout_->may_run) return "this GPU's launch descriptors are known, but nobody has tried to change them";
  return nullptr;
}

const char* Process::install_hook() {
  if (!settings_.hook) return "the hook is switched off (LITHOS_HOOK=0, --no-hook)";
  if (const char* variable = profiler_in_environment()) {
    say("%s is set", variable);
    return "a profiler comes with the program; it has the tools interface";
  }
  if (const char* reason = subscribe_to_descriptors()) return reason;
  hooked_ = true;
  return nullptr;
}

const char* Process::prepare() {
  settings_ = read_settings();
  if (settings_.tenant.empty()) return "no tenant (LITHOS_TENANT is not set)";
  if (!settings_.wrong.empty()) say("cannot read%s", settings_.wrong.c_str());
  if (const char* reason = find_gpu()) return reason;
  if (!settings_.socket.empty()) {
    Result<Tenancy*> attached = Tenancy::attach(settings_);
    if (attached.ok()) tenancy_ = attached.value();
    else say("%s", attached.status().message().c_str());
  }
  if (tenancy_ == nullptr && (settings_.fixed_tpcs || settings_.socket.empty())) {
    const std::optional<GpuShape> map = read_map(map_path(settings_.map_file));
    if (!map) return "there is neither a daemon nor a map of the GPU's TPCs (lithos calibrate makes one)";
    tenancy_ = Tenancy::fixed(*map, settings_);
  }
  if (tenancy_ == nullptr) return "no daemon";
  gpu_ = tenancy_->gpu();
  geometry_ = MaskGeometry(gpu_);
  const ipc::TenantTerms& terms = tenancy_->terms();
  const std::uint64_t told = settings_.advertised_tpcs != 0 ? settings_.advertised_tpcs : terms.advertised_tpcs;
  advertised_tpcs_ = static_cast<unsigned>(std::min<std::uint64_t>(told, gpu_.tpcs));  // never more (GPU.md §10)
  memory_.set_limit(settings_.memory_limit_bytes != 0 ? settings_.memory_limit_bytes : terms.memory_limit_bytes);
  return install_hook();
}

CUresult Process::start() {
  const std::lock_guard lock(start_mutex);
  if (standing() != Standing::idle) return CUDA_SUCCESS;
  const Nanoseconds began = host_now();
  const char* const reason = prepare();
  start_took_ = host_now() - began;
  if (settings_.tenant.empty()) {
    stand_aside(reason);
    return CUDA_SUCCESS;
  }
  ::pthread_atfork(nullptr, nullptr, &Process::on_fork);
  std::atexit([] { Process::instance().write_stats(); });
  if (reason == nullptr) {
    standing_.store(Standing::active, std::memory_order_release);
    tenancy_->start_service();
    if constexpr (kQueued) start_queueing();
    annotate_if_asked(Annotated::managed);
    return CUDA_SUCCESS;
  }
  stand_aside(reason);
  annotate_if_asked(Annotated::passed_on);
  return may_run_unmanaged() ? CUDA_SUCCESS : CUDA_ERROR_NOT_PERMITTED;
}

// A limit that holds without us is MPS's, and the client has it from its start.
bool Process::may_run_unmanaged() {
  const char* const tenant = settings_.tenant.c_str();
  switch (settings_.unmanaged) {
    case Unmanaged::run: return true;
    case Unmanaged::refuse: say("tenant %s may not run unmanaged (LITHOS_UNMANAGED=refuse)", tenant); return false;
    case Unmanaged::limit: break;
  }
  int mps = 0;
  const DriverTable& calls = driver();
  const char* const text = std::getenv("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE");
  const double percent = text == nullptr ? 0 : std::atof(text);
  const bool asked_for = percent > 0 && percent < 100;
  const bool limited = asked_for && calls.cuDeviceGetAttribute != nullptr &&
                       calls.cuDeviceGetAttribute(&mps, CU_DEVICE_ATTRIBUTE_MPS_ENABLED, 0) == CUDA_SUCCESS && mps != 0;
  if (limited) say("tenant %s: MPS keeps it to %g %% of the SMs", tenant, percent);
  else
    say("tenant %s may run unmanaged only where MPS limits it (LITHOS_UNMANAGED=limit), and %s", tenant,
        asked_for ? "there is no MPS" : "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE is not set below 100");
  return limited;
}

void Process::on_fork() { instance().after_fork_in_child(); }

// One store: everything else in this memory belongs to the parent.
void Process::after_fork_in_child() {
  reason_.store(kAfterFork, std::memory_order_relaxed);
  annotated.store(Annotated::nothing, std::memory_order_relaxed);  // the tool's threads and files are the parent's, too
  standing_.store(Standing::aside, std::memory_order_release);
  if constexpr (kQueued) end_queueing_after_fork();
}

std::string Process::report() const {
  std::uint64_t sums[kCounts] = {};
  for (const ThreadState* thread = all_threads(); thread != nullptr; thread = thread->next)
    for (unsigned i = 0; i < kCounts; ++i) sums[i] += thread->counters.get(static_cast<Count>(i));
  static constexpr const char* kStandings[] = {"idle", "active", "aside"};
  const char* const reason = reason_.load(std::memory_order_acquire);
  std::string text = "{\"tenant\": \"" + plain(settings_.tenant) + "\", \"standing\": \"" +
                     kStandings[static_cast<unsigned>(standing())] + "\", \"reason\": \"" +
                     (reason == nullptr ? "" : reason) +
                     "\", \"daemon\": " + (tenancy_ != nullptr && tenancy_->has_daemon() ? "true" : "false") +
                     ", \"memory_used_bytes\": " + std::to_string(memory_.used()) +
                     (kQueued ? ", \"queueing\": \"" + std::string(queueing()) + "\"" : "") + ", \"unknown_descriptors\": " + std::to_string(unknown_descriptors_.load()) +
                     ", \"foreign_descriptors\": " + std::to_string(foreign_descriptors_.load()) + ", \"counts\": {";
  for (unsigned i = 0; i < kCounts; ++i)
    text += std::string(i == 0 ? "" : ", ") + "\"" + name_of(static_cast<Count>(i)) + "\": " + std::to_string(sums[i]);
  return text + "}, \"ran_unconfined\": " + operators_left(kKernelsTold) + left_whole() + "}";
}

void Process::write_stats() const {
  if (settings_.stats_file.empty() || reason_.load() == kAfterFork) return;
  std::FILE* const file = std::fopen(settings_.stats_file.c_str(), "we");
  if (file == nullptr) return;
  std::fprintf(file, "%s\n", report().c_str());
  std::fclose(file);
}

const char* name_of(Count count) {
  constexpr const char* kNames[kCounts] = {
      "launches", "masked", "not_confined", "conflict_too_few", "conflict_cluster", "conflict_resident", "refused",
      "captured", "unseen", "failed", "other_device", "starved", "waited", "timed", "untimed", "cut", "atoms", "cut_refused", "internal_masked",
      "internal_left", "graph_launches", "graph_kernels", "graph_nodes", "graph_nodes_masked", "graph_nodes_left",
      "reports_dropped", "memory_refused", "queued", "queued_calls", "graph_unrolled", "hurried"};
  const auto index = static_cast<unsigned>(count);
  return index < kCounts ? kNames[index] : "unknown";
}

}  // namespace lithos::cuda::shim

using lithos::cuda::shim::Process;

extern "C" CUresult CUDAAPI cuInit(unsigned flags) {
  const CUresult result = lithos::cuda::shim::driver().cuInit(flags);
  if (result != CUDA_SUCCESS || Process::instance().standing() != Process::Standing::idle) return result;
  return Process::instance().start();
}

// The counters as JSON: how many bytes it takes, with its NUL; written as far as `size` allows. For tests and benchmarks.
extern "C" std::size_t lithos_shim_report(char* out, std::size_t size) {
  const std::string text = Process::instance().report();
  if (out != nullptr && size != 0) {
    const std::size_t n = text.size() < size - 1 ? text.size() : size - 1;
    std::memcpy(out, text.data(), n);
    out[n] = '\0';
  }
  return text.size() + 1;
}
