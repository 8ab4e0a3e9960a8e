// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/queued/trampolines.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "cuda/shim/driver.hpp"

#ifndef __x86_64__
#error "the queued path is for x86-64"
#endif

extern "C" {
__attribute__((visibility("hidden"))) std::uint8_t lithos_queue_active = 0;
__attribute__((visibility("hidden"))) CUresult lithos_absent() { return CUDA_ERROR_NOT_FOUND; }
extern __attribute__((visibility("hidden"))) void* lithos_targets[];
extern __attribute__((visibility("hidden"))) void* lithos_trampolines[];
}

// A call while queueing is off costs one load and a jump. The frame of lithos_trampoline: six integer registers, rax (it counts vector
// registers of variadic calls), eight vector registers.
asm(R"(
  .macro LITHOS_TRAMPOLINE name
  .pushsection .data.lithos_targets,"aw",@progbits
  .quad lithos_absent
  .popsection
  .pushsection .data.rel.ro.lithos_trampolines,"aw",@progbits
  .quad \name
  .popsection
  .balign 16
  .globl \name
  .type \name, @function
\name:
  .cfi_startproc
  endbr64
  cmpb $0, lithos_queue_active(%rip)
  jne 1f
  jmp *lithos_targets+8*\@(%rip)
1:
  pushq $\@
  .cfi_adjust_cfa_offset 8
  jmp lithos_trampoline
  .cfi_endproc
  .size \name, .-\name
  .endm

  .pushsection .data.lithos_targets,"aw",@progbits
  .balign 8
  .hidden lithos_targets
  .globl lithos_targets
lithos_targets:
  .popsection
  .pushsection .data.rel.ro.lithos_trampolines,"aw",@progbits
  .balign 8
  .hidden lithos_trampolines
  .globl lithos_trampolines
lithos_trampolines:
  .popsection

  .pushsection .text.lithos_trampolines,"ax",@progbits
  .balign 16
  .type lithos_trampoline, @function
lithos_trampoline:
  .cfi_startproc
  .cfi_def_cfa_offset 16
  pushq %rbp
  .cfi_def_cfa_offset 24
  .cfi_offset %rbp, -24
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  subq $184, %rsp
  movq %rdi, 0(%rsp)
  movq %rsi, 8(%rsp)
  movq %rdx, 16(%rsp)
  movq %rcx, 24(%rsp)
  movq %r8, 32(%rsp)
  movq %r9, 40(%rsp)
  movq %rax, 48(%rsp)
  movups %xmm0, 56(%rsp)
  movups %xmm1, 72(%rsp)
  movups %xmm2, 88(%rsp)
  movups %xmm3, 104(%rsp)
  movups %xmm4, 120(%rsp)
  movups %xmm5, 136(%rsp)
  movups %xmm6, 152(%rsp)
  movups %xmm7, 168(%rsp)
  movq 8(%rbp), %rdi
  movq %rsp, %rsi
  call lithos_before_call
  testq %rax, %rax
  je 2f
  movq 8(%rbp), %rax
  leaq lithos_targets(%rip), %r11
  movq (%r11,%rax,8), %r11
  movq 0(%rsp), %rdi
  movq 8(%rsp), %rsi
  movq 16(%rsp), %rdx
  movq 24(%rsp), %rcx
  movq 32(%rsp), %r8
  movq 40(%rsp), %r9
  movq 48(%rsp), %rax
  movups 56(%rsp), %xmm0
  movups 72(%rsp), %xmm1
  movups 88(%rsp), %xmm2
  movups 104(%rsp), %xmm3
  movups 120(%rsp), %xmm4
  movups 136(%rsp), %xmm5
  movups 152(%rsp), %xmm6
  movups 168(%rsp), %xmm7
  .cfi_remember_state
  leave
  .cfi_def_cfa %rsp, 16
  leaq 8(%rsp), %rsp
  .cfi_def_cfa_offset 8
  jmp *%r11
2:
  .cfi_restore_state
  movl %edx, %eax
  leave
  .cfi_def_cfa %rsp, 16
  leaq 8(%rsp), %rsp
  .cfi_def_cfa_offset 8
  ret
  .cfi_endproc
  .size lithos_trampoline, .-lithos_trampoline
)"
#define LITHOS_EXPORTED(name) "  LITHOS_TRAMPOLINE " #name "\n"
#include "cuda/shim/queued/exported_calls.inc"
#undef LITHOS_EXPORTED
    "  .popsection\n");

namespace lithos::cuda::shim {
namespace {

constexpr const char* kNames[] = {
#define LITHOS_EXPORTED(name) #name,
#include "cuda/shim/queued/exported_calls.inc"
#undef LITHOS_EXPORTED
};

void* of_the_shim(const char* name) {
  const InterceptList list = intercepts();
  for (unsigned i = 0; i < list.count; ++i)
    if (std::strcmp(list.entries[i].exported, name) == 0)
      return list.entries[i].real != nullptr ? list.entries[i].ours : nullptr;
  return nullptr;
}

// After driver.cpp's, before anybody can call.
__attribute__((constructor(102))) void fill_targets() {
  void* const library = ::dlopen(kPrivateLink, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return;
  for (unsigned i = 0; i < exported_calls().size(); ++i) {
    void* found = of_the_shim(kNames[i]);
    if (found == nullptr) found = ::dlsym(library, kNames[i]);
    if (found != nullptr) lithos_targets[i] = found;
  }
}

}  // namespace

std::span<const char* const> exported_calls() { return kNames; }
unsigned number_of(std::string_view name) {
  return static_cast<unsigned>(std::find(std::begin(kNames), std::end(kNames), name) - std::begin(kNames));
}
void* trampoline(unsigned index) { return lithos_trampolines[index]; }
void* target(unsigned index) { return lithos_targets[index]; }
void switch_trampolines(bool on) { __atomic_store_n(&lithos_queue_active, on ? 1 : 0, __ATOMIC_RELEASE); }

CUresult invoke(unsigned index, const std::uint64_t* a) {
  using Function = CUresult (*)(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t);
  return reinterpret_cast<Function>(target(index))(a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // namespace lithos::cuda::shim
