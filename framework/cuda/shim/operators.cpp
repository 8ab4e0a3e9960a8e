// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/operators.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>

#include "cuda/shim/driver.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/quiet.hpp"
#include "cuda/shim/tenancy.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr std::size_t kOperatorsMax = 65536;
constexpr std::size_t kNameMax = 4096;  // what a registration carries (ipc/messages.hpp)

struct OperatorBook {
  std::mutex mutex;
  std::deque<Operator> operators;  // addresses are stable; entries are never removed, only their handles forgotten
};
OperatorBook& operator_book() {
  static OperatorBook* const made = new OperatorBook;  // never destroyed: threads may launch while the process ends
  return *made;
}

}  // namespace

// Launches take a library's kernel where they take a function, and cudart launches nothing else; names and attributes
// are asked of the function behind it.
CUfunction function_of(std::uint64_t handle) {
  const DriverTable& calls = driver();
  const char* name = nullptr;
  const auto function = reinterpret_cast<CUfunction>(handle);
  if (calls.cuFuncGetName == nullptr || calls.cuFuncGetName(&name, function) == CUDA_SUCCESS) return function;
  CUfunction behind = nullptr;
  const bool found = calls.cuKernelGetFunction != nullptr &&
                     calls.cuKernelGetFunction(&behind, reinterpret_cast<CUkernel>(handle)) == CUDA_SUCCESS;
  return found && behind != nullptr ? behind : function;
}

namespace {

// As rules and traces write names: "at::native::reduce_kernel<512, …>(…)".
std::string readable(const char* name) {
  std::string text(name, strnlen(name, kNameMax));
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(abi::__cxa_demangle(text.c_str(), nullptr, nullptr, &failed),
                                                         &std::free);
  if (demangled == nullptr) return text;  // a C name
  constexpr std::string_view kReturns = "void ";
  std::string_view full = demangled.get();
  if (full.substr(0, kReturns.size()) == kReturns) full.remove_prefix(kReturns.size());
  return std::string(full.substr(0, kNameMax));
}

int attribute(CUfunction_attribute which, CUfunction function) {
  int value = 0;
  if (driver().cuFuncGetAttribute == nullptr || driver().cuFuncGetAttribute(&value, which, function) != CUDA_SUCCESS)
    return 0;
  return value;
}

Dim3 dim_of(const Dims& dims) { return {std::max(dims[0], 1u), std::max(dims[1], 1u), std::max(dims[2], 1u)}; }

// A size that was compiled into the kernel is not in the launch.
Dims cluster_of(const LaunchKey& key, CUfunction function) {
  if (key.cluster[0] != 0) return key.cluster;
  const auto part = [function](CUfunction_attribute which) {
    return static_cast<std::uint32_t>(std::max(attribute(which, function), 1));
  };
  return {part(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH), part(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT),
          part(CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH)};
}

std::string name_of(CUfunction function) {
  const char* name = nullptr;
  const bool found = driver().cuFuncGetName != nullptr && driver().cuFuncGetName(&name, function) == CUDA_SUCCESS && name != nullptr;
  const std::string text = found ? readable(name) : "";
  return text.empty() ? "(unnamed)" : text;
}

KernelShape shape_of(const LaunchKey& key, CUfunction function, const Dims& cluster) {
  KernelShape shape;
  shape.name = name_of(function);
  shape.grid = dim_of(key.grid);
  shape.block = dim_of(key.block);
  shape.cluster = dim_of(cluster);
  shape.registers_per_thread =
      static_cast<std::uint32_t>(std::clamp(attribute(CU_FUNC_ATTRIBUTE_NUM_REGS, function), 1, 255));
  shape.shared_bytes = key.dynamic_shared_bytes + static_cast<std::uint32_t>(std::max(
                                                      attribute(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function), 0));
  shape.launch_special = key.special != 0;
  return shape;
}

}  // namespace

std::string kernel_name(std::uint64_t handle) {
  const QuietCapture quiet;
  return name_of(function_of(handle));
}

const Operator* describe_operator(const LaunchKey& key) {
  OperatorBook& all = operator_book();
  const std::lock_guard lock(all.mutex);
  for (const Operator& known : all.operators)
    if (known.key == key) return &known;
  if (all.operators.size() >= kOperatorsMax) return nullptr;
  const QuietCapture quiet;
  Process& process = Process::instance();
  const CUfunction function = function_of(key.function);
  const Dims cluster = cluster_of(key, function);
  const KernelShape shape = shape_of(key, function, cluster);
  Operator& made = all.operators.emplace_back();
  made.key = key;
  const unsigned advertised = process.advertised_tpcs() != 0 ? process.advertised_tpcs() : process.gpu().tpcs;
  made.info = make_kernel_info(shape, process.gpu(), advertised, process.tenancy()->rules());
  made.shape.grid = {shape.grid.x, shape.grid.y, shape.grid.z};
  made.shape.block = {shape.block.x, shape.block.y, shape.block.z};
  made.shape.cluster = volume(cluster) > 1 ? cluster : Dims{0, 0, 0};
  made.shape.shared_bytes = shape.shared_bytes;
  made.context = context_of(made.info.id);
  process.tenancy()->add_kernel(made.info);
  return &made;
}

std::string operators_left(std::size_t most) {
  OperatorBook& all = operator_book();
  const std::lock_guard lock(all.mutex);
  std::vector<const Operator*> left;
  for (const Operator& op : all.operators)
    if (op.unconfined.load() != 0) left.push_back(&op);
  std::sort(left.begin(), left.end(),
            [](const Operator* a, const Operator* b) { return a->unconfined.load() > b->unconfined.load(); });
  left.resize(std::min(left.size(), most));
  std::string text;
  for (const Operator* op : left) {
    std::string name;
    for (const char c : op->info.name.substr(0, 200))
      if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= ' ') name += c;
    text += std::string(text.empty() ? "" : ", ") + "{\"kernel\": \"" + name +
            "\", \"launches\": " + std::to_string(op->unconfined.load()) +
            ", \"needs_tpcs\": " + std::to_string(op->info.min_tpcs) +
            ", \"may_spin\": " + (op->info.may_spin ? "true" : "false") + "}";
  }
  return "[" + text + "]";
}

void forget_functions() {
  OperatorBook& all = operator_book();
  {
    const std::lock_guard lock(all.mutex);
    for (Operator& known : all.operators) known.key.function = 0;  // nobody launches function 0
  }
  Process::instance().new_epoch();
}

}  // namespace lithos::cuda::shim
