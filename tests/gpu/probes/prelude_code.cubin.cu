// The preludes of question 2, as ptxas sees them: read (lo, entry), leave when the block is below lo, else go on at the
// kernel's entry. prelude_cost.cu patches the compiled code: the call becomes a jump, the marked address and the marked
// constant bank become real ones.
#include <cstdint>

namespace {
constexpr std::uint64_t kSlotMark = 0x7a5a1230de000000ull;  // found in the code as two 32-bit immediates
__constant__ std::uint64_t g_slot[2];                        // its bank number is patched
__device__ __forceinline__ void go_on(std::uint64_t entry) { reinterpret_cast<void (*)()>(entry)(); }
}  // namespace

extern "C" __global__ void prelude_two_loads() {
  auto slot = reinterpret_cast<const std::uint64_t*>(kSlotMark);
  std::uint64_t lo;
  asm volatile("ld.global.u64 %0, [%1];" : "=l"(lo) : "l"(slot));
  if (blockIdx.x < static_cast<std::uint32_t>(lo)) return;
  std::uint64_t entry;
  asm volatile("ld.global.u64 %0, [%1+8];" : "=l"(entry) : "l"(slot));
  go_on(entry);
}
extern "C" __global__ void prelude_one_load() {
  std::uint64_t lo, entry;
  asm volatile("ld.global.v2.u64 {%0, %1}, [%2];" : "=l"(lo), "=l"(entry) : "l"(kSlotMark));
  if (blockIdx.x < static_cast<std::uint32_t>(lo)) return;
  go_on(entry);
}
extern "C" __global__ void prelude_constant() {
  if (blockIdx.x < static_cast<std::uint32_t>(g_slot[0])) return;
  go_on(g_slot[1]);
}
// The same along the other axes, for grids that are cut there (split_gemms.cu).
extern "C" __global__ void prelude_constant_y() {
  if (blockIdx.y < static_cast<std::uint32_t>(g_slot[0])) return;
  go_on(g_slot[1]);
}
extern "C" __global__ void prelude_constant_z() {
  if (blockIdx.z < static_cast<std::uint32_t>(g_slot[0])) return;
  go_on(g_slot[1]);
}
extern "C" __global__ void prelude_immediate() {
  if (blockIdx.x < 0x5eed1234u) return;
  go_on(kSlotMark);
}
