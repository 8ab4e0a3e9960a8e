// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/annotations.hpp"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "cuda/shim/operators.hpp"
#include "cuda/shim/process.hpp"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>

namespace lithos::cuda::shim {
namespace {

// A launch within a launch is the driver's or the tool's own.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool busy = false;

enum class Tool : std::uint8_t { unasked, being_loaded, there };
std::atomic<Tool> tool{Tool::unasked};
nvtxDomainHandle_t tool_domain = nullptr;  // constant once the tool is there

nvtxEventAttributes_t message(const char* text) {
  nvtxEventAttributes_t attributes{};
  attributes.version = NVTX_VERSION;
  attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  attributes.messageType = NVTX_MESSAGE_TYPE_ASCII;
  attributes.message.ascii = text;
  return attributes;
}

void say_where_we_stand() {
  const Process& process = Process::instance();
  const double waited_ms = static_cast<double>(process.start_took().count()) / 1e6;
  const char* const reason = process.reason();
  char text[512];
  std::snprintf(text, sizeof text, "tenant %s: %s%s; LithOS took %.1f ms of cuInit", process.settings().tenant.c_str(),
                reason != nullptr ? "standing aside: " : "managed", reason != nullptr ? reason : "", waited_ms);
  const nvtxEventAttributes_t attributes = message(text);
  nvtxDomainMarkEx(tool_domain, &attributes);
}

// The first to ask loads it; who comes meanwhile goes on without.
bool tool_is_there() {
  Tool now = tool.load(std::memory_order_acquire);
  if (now != Tool::unasked) return now == Tool::there;
  if (!tool.compare_exchange_strong(now, Tool::being_loaded)) return false;
  tool_domain = nvtxDomainCreateA("LithOS");
  if (tool_domain == nullptr) {  // it could not be loaded, or does not want to hear of us
    annotated.store(Annotated::nothing, std::memory_order_relaxed);
    return false;
  }
  say_where_we_stand();
  tool.store(Tool::there, std::memory_order_release);
  return true;
}

struct Name {
  std::string text;
  nvtxStringHandle_t registered = nullptr;  // nullptr: the tool takes texts only
};

// Names are kept for ever, under their text; which handle has which name, until it may have another.
struct NameBook {
  std::mutex mutex;
  std::unordered_map<std::string, Name> names;
  std::unordered_map<std::uint64_t, const Name*> by_function;
};
NameBook& name_book() {
  static NameBook* const made = new NameBook;  // never destroyed: threads may launch while the process ends
  return *made;
}

// The driver and the tool are asked without the lock.
const Name& name_of(std::uint64_t function) {
  NameBook& all = name_book();
  {
    const std::lock_guard lock(all.mutex);
    if (const auto known = all.by_function.find(function); known != all.by_function.end()) return *known->second;
  }
  Name fresh{function == 0 ? "graph" : kernel_name(function), nullptr};
  fresh.registered = nvtxDomainRegisterStringA(tool_domain, fresh.text.c_str());
  const std::lock_guard lock(all.mutex);
  const Name& kept = all.names.try_emplace(fresh.text, fresh).first->second;
  all.by_function.emplace(function, &kept);
  return kept;
}

void push(nvtxEventAttributes_t attributes, std::uint64_t blocks) {
  attributes.payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64;
  attributes.payload.ullValue = blocks;
  nvtxDomainRangePushEx(tool_domain, &attributes);
}

}  // namespace

void annotate_if_asked(Annotated what) {
  const char* const library = std::getenv("NVTX_INJECTION64_PATH");
  if (library != nullptr && *library != '\0') annotated.store(what, std::memory_order_relaxed);
}

void AnnotatedRange::begin_passed_on(std::uint64_t function, std::uint64_t blocks) {
  if (busy) return;
  busy = true;
  if (tool_is_there()) {
    const Name& name = name_of(function);
    nvtxEventAttributes_t attributes = message(name.text.c_str());
    if (name.registered != nullptr) {
      attributes.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
      attributes.message.registered = name.registered;
    }
    push(attributes, blocks);
    open_ = true;
  }
  busy = open_;
}

void AnnotatedRange::begin_managed(const char* doing, const std::string& kernel, std::uint64_t blocks) {
  if (!tool_is_there()) return;
  push(message((std::string(doing) + kernel).c_str()), blocks);
  open_ = true;
}

void AnnotatedRange::end() {
  nvtxDomainRangePop(tool_domain);
  open_ = false;
  busy = false;
}

void forget_annotated_names() {
  if (annotates(Annotated::nothing)) return;
  NameBook& all = name_book();
  const std::lock_guard lock(all.mutex);
  all.by_function.clear();
}

}  // namespace lithos::cuda::shim

#else  // a CUDA Toolkit without NVTX: nothing is ever annotated

namespace lithos::cuda::shim {
void annotate_if_asked(Annotated) {}
void AnnotatedRange::begin_passed_on(std::uint64_t, std::uint64_t) {}
void AnnotatedRange::begin_managed(const char*, const std::string&, std::uint64_t) {}
void AnnotatedRange::end() {}
void forget_annotated_names() {}
}  // namespace lithos::cuda::shim

#endif
