// SPDX-License-Identifier: Apache-2.0
// Between the program and every driver function that may mean something to queued work: code that asks before_call() first, then jumps on
// with the registers as they were. x86-64 only. The functions jumped to are the shim's own where it defines the name (renamed in this
// library, own_names.hpp), else the driver's; a name that this driver lacks answers CUDA_ERROR_NOT_FOUND.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace lithos::cuda::shim {

// Names in the order of the trampolines' numbers.
std::span<const char* const> exported_calls();
unsigned number_of(std::string_view name);  // of a function that is among them
void* trampoline(unsigned index);
void* target(unsigned index);
void switch_trampolines(bool on);

// Six integer arguments as the program gave them; others are where they were.
struct SavedArguments {
  std::uint64_t integers[6];
};
struct BeforeCall {
  std::uint64_t go;      // 0: the call is answered with `result`
  std::uint64_t result;  // CUresult
};

// Calls a driver function of at most six integer arguments.
CUresult invoke(unsigned index, const std::uint64_t* integers);

}  // namespace lithos::cuda::shim

// before_call.cpp
extern "C" {
[[gnu::visibility("hidden")]] lithos::cuda::shim::BeforeCall lithos_before_call(std::uint64_t index,
                                                                               const lithos::cuda::shim::SavedArguments* saved);
}
