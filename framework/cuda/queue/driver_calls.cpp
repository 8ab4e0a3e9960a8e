// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue/driver_calls.hpp"

#include <algorithm>
#include <iterator>

namespace lithos::cuda {
namespace {

constexpr DriverCall kCalls[] = {
#define LITHOS_DRIVER_CALL(name, call_class, reason) {#name, CallClass::call_class, reason},
#include "cuda/queue/driver_calls.inc"
#undef LITHOS_DRIVER_CALL
};

constexpr bool by_name(const DriverCall& a, const DriverCall& b) { return a.name < b.name; }
static_assert(std::is_sorted(std::begin(kCalls), std::end(kCalls), by_name), "driver_calls.inc is sorted by name");

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// cuStreamGetCaptureInfo_v3_ptsz → cuStreamGetCaptureInfo.
std::string_view base_name(std::string_view symbol) {
  for (const std::string_view variant : {"_ptsz", "_ptds"})
    if (symbol.ends_with(variant)) symbol.remove_suffix(variant.size());
  std::size_t end = symbol.size();
  while (end > 0 && is_digit(symbol[end - 1])) --end;
  const bool version = end < symbol.size() && end >= 2 && symbol.substr(end - 2, 2) == "_v";
  return version ? symbol.substr(0, end - 2) : symbol;
}

}  // namespace

const char* name_of(CallClass call_class) {
  constexpr const char* kNames[] = {"harmless",  "stream_ordered", "submits_stream", "submits_all",
                                    "launch",    "graph_launch",   "event",          "capture",
                                    "lifecycle", "function_state", "resolve"};
  const auto index = static_cast<std::size_t>(call_class);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

std::span<const DriverCall> driver_calls() { return kCalls; }

const DriverCall* find_driver_call(std::string_view symbol) {
  const DriverCall wanted{base_name(symbol), CallClass::harmless, {}};
  const auto* found = std::lower_bound(std::begin(kCalls), std::end(kCalls), wanted, by_name);
  return found != std::end(kCalls) && found->name == wanted.name ? found : nullptr;
}

}  // namespace lithos::cuda
