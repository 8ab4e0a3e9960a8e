// SPDX-License-Identifier: Apache-2.0
// A tool that NVTX loads (NVTX_INJECTION64_PATH), as small as can be: writes what it is told into the file that
// NVTX_RECORDER names, a line for each call. With NVTX_RECORDER_LAUNCHES it launches a kernel whenever it is called, as
// no tool should: whoever calls it must not take that for one more of the program's launches.
#include <cuda.h>
#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace {

struct Recorder {
  std::mutex mutex;
  std::FILE* const file = std::fopen(std::getenv("NVTX_RECORDER"), "ae");
  std::map<nvtxDomainHandle_t, std::string> domains;
  std::map<nvtxStringHandle_t, std::string> strings;
};
Recorder& recorder() {
  static auto* const made = new Recorder;
  return *made;
}

template <class Function>
Function* driver_call(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

void launch_something() {
  if (std::getenv("NVTX_RECORDER_LAUNCHES") == nullptr) return;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  driver_call<decltype(cuModuleLoadData)>("cuModuleLoadData")(&module, "");
  driver_call<decltype(cuModuleGetFunction)>("cuModuleGetFunction")(&function, module, "tool");
  driver_call<decltype(cuLaunchKernel)>("cuLaunchKernel")(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr);
}

void write_line(const std::string& line) {
  {
    const std::lock_guard lock(recorder().mutex);
    std::fprintf(recorder().file, "%s\n", line.c_str());
    std::fflush(recorder().file);
  }
  launch_something();
}

// Handles are addresses of entries, as good as any.
template <class Handle>
Handle handle_of(std::map<Handle, std::string>& all, const char* text) {
  const std::lock_guard lock(recorder().mutex);
  static char places[4096];
  static std::size_t used = 0;
  const auto handle = reinterpret_cast<Handle>(&places[used++ % sizeof places]);
  all[handle] = text;
  return handle;
}

std::string text_of(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  const std::lock_guard lock(recorder().mutex);
  const bool registered = event->messageType == NVTX_MESSAGE_TYPE_REGISTERED;
  std::string text = recorder().domains[domain] + ": " +
                     (registered ? recorder().strings[event->message.registered] : event->message.ascii);
  if (event->payloadType == NVTX_PAYLOAD_TYPE_UNSIGNED_INT64) text += " [" + std::to_string(event->payload.ullValue) + "]";
  return text;
}

nvtxDomainHandle_t create_domain(const char* name) { return handle_of(recorder().domains, name); }
nvtxStringHandle_t register_string(nvtxDomainHandle_t, const char* text) { return handle_of(recorder().strings, text); }
void mark(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) { write_line("mark " + text_of(domain, event)); }
int push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  write_line("push " + text_of(domain, event));
  return 0;
}
int pop(nvtxDomainHandle_t) {
  write_line("pop");
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
  if (std::getenv("NVTX_RECORDER") == nullptr) return 0;
  write_line("loaded");
  const auto* const callbacks = static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks == nullptr || callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0) return 0;
  const auto set = [&](unsigned which, auto* function) { *table[which] = reinterpret_cast<NvtxFunctionPointer>(function); };
  set(NVTX_CBID_CORE2_DomainCreateA, &create_domain);
  set(NVTX_CBID_CORE2_DomainMarkEx, &mark);
  set(NVTX_CBID_CORE2_DomainRangePushEx, &push);
  set(NVTX_CBID_CORE2_DomainRangePop, &pop);
  if (std::getenv("NVTX_RECORDER_NO_STRINGS") == nullptr) set(NVTX_CBID_CORE2_DomainRegisterStringA, &register_string);
  return 1;
}
