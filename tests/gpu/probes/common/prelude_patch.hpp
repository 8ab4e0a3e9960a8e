// Turns the compiled preludes of prelude_code.cubin.cu into code that can stand before any kernel of sm_90.
//
// ptxas can only call through a register; the call becomes an absolute jump (JMX), the return address that the call
// would have left is not loaded, and the marked values are replaced. Instruction words: 128 bits, opcode in the low 12.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace lithos::probe {

inline constexpr std::uint32_t kMarkHigh = 0x7a5a1230u, kMarkLow = 0xde000000u, kMarkLo = 0x5eed1234u;
// The address as ptxas splits it for a load: 0x80000000 + 0x5e000000.
inline constexpr std::uint32_t kMarkLowA = 0x80000000u, kMarkLowB = 0x5e000000u;
inline constexpr int kPreludeRegisters = 8;

struct PreludeValues {
  std::uint64_t address = 0;  // slot address, or the kernel's entry in the immediate variant
  std::uint32_t lo = 0;       // immediate variant only
  int bank = 3;               // constant variant only
};

inline std::vector<char> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Instruction {
  std::uint64_t low, high;
  unsigned opcode() const { return low & 0xfff; }
  std::uint32_t immediate() const { return low >> 32; }
  unsigned destination() const { return low >> 16 & 0xff; }
  std::uint64_t control() const { return high >> 32 << 32; }
};

inline Instruction patched(Instruction i, const PreludeValues& v) {
  const auto with = [&](std::uint32_t imm) { return Instruction{std::uint64_t{imm} << 32 | (i.low & 0xffffffffu), i.high}; };
  const auto address_low = static_cast<std::uint32_t>(v.address), address_high = static_cast<std::uint32_t>(v.address >> 32);
  if (i.opcode() == 0x344) return {(i.low & 0xff00f000u) | 0x94cu, i.control() | 0x03800000u};           // CALL.REL Rn -> JMX Rn
  if (i.opcode() == 0x802 || i.opcode() == 0x424)
    if (i.destination() == 20 || i.destination() == 21) return {0x7918u, i.control()};                   // return address -> NOP
  if (i.opcode() == 0xb82 && (i.low >> 54 & 31) == 3) return {(i.low & ~(31ull << 54)) | std::uint64_t(v.bank) << 54, i.high};
  // A half-precision trick to move an immediate; it would canonicalise bit patterns that are NaNs.
  if (i.opcode() == 0x435 && i.immediate() == kMarkHigh)
    return {std::uint64_t{address_high} << 32 | (i.low & 0x00ff0000u) | 0x7802u, i.control() | 0xf00u};
  const bool takes_immediate = i.opcode() == 0x882 || i.opcode() == 0x890 || i.opcode() == 0x424 || i.opcode() == 0x802 || i.opcode() == 0x80c;
  if (!takes_immediate) return i;
  if (i.immediate() == kMarkHigh) return with(address_high);
  if (i.immediate() == kMarkLow || i.immediate() == kMarkLowB) return with(address_low);
  if (i.immediate() == kMarkLowA) return with(0);
  if (i.immediate() == kMarkLo) return with(v.lo);
  return i;
}

// A copy of the cubin with the code of `kernel` patched; `changed` counts the instructions that differ.
inline std::vector<char> patch_prelude(std::vector<char> cubin, const std::string& kernel, const PreludeValues& v, int& changed) {
  const auto at = [&](std::size_t o, auto& out) { std::memcpy(&out, cubin.data() + o, sizeof out); };
  std::uint64_t sections = 0, names = 0;
  std::uint16_t count = 0, name_section = 0;
  at(0x28, sections), at(0x3c, count), at(0x3e, name_section);
  at(sections + 64 * name_section + 24, names);
  changed = 0;
  for (int s = 0; s < count; ++s) {
    std::uint32_t name = 0;
    std::uint64_t offset = 0, size = 0;
    at(sections + 64 * s, name), at(sections + 64 * s + 24, offset), at(sections + 64 * s + 32, size);
    if (std::string(cubin.data() + names + name) != ".text." + kernel) continue;
    for (std::uint64_t o = 0; o < size; o += 16) {
      Instruction i;
      at(offset + o, i);
      const auto n = patched(i, v);
      changed += n.low != i.low || n.high != i.high;
      std::memcpy(cubin.data() + offset + o, &n, sizeof n);
    }
  }
  return cubin;
}

}  // namespace lithos::probe
