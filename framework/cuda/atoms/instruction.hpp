// SPDX-License-Identifier: Apache-2.0
// One 128-bit instruction of sm_75 and later, and the few opcodes that a prelude may consist of.
//
// Field positions are common to all of these architectures; they were read off ptxas' output for each of them and, for sm_90, run
// (docs/design/hardware.md §2). An opcode that is not in the table is not understood, and code that holds one is refused.
#pragma once

#include <cstdint>
#include <optional>

namespace lithos::cuda {

inline constexpr std::size_t kInstructionBytes = 16;

struct Instruction {
  std::uint64_t low = 0, high = 0;

  constexpr unsigned opcode() const { return low & 0xfff; }
  constexpr unsigned predicate() const { return low >> 12 & 0xf; }  // 7: always; bit 3 negates
  constexpr unsigned destination() const { return low >> 16 & 0xff; }
  constexpr unsigned source_a() const { return low >> 24 & 0xff; }
  constexpr unsigned source_b() const { return low >> 32 & 0xff; }
  constexpr unsigned source_c() const { return high & 0xff; }
  constexpr std::uint32_t immediate() const { return static_cast<std::uint32_t>(low >> 32); }
  constexpr unsigned bank() const { return low >> 54 & 0x1f; }
  constexpr std::uint64_t control() const { return high >> 32 << 32; }  // stall count, scoreboards, yield
  constexpr Instruction with_bank(unsigned bank) const {
    return {(low & ~(std::uint64_t{0x1f} << 54)) | std::uint64_t{bank} << 54, high};
  }
  friend constexpr bool operator==(const Instruction&, const Instruction&) = default;
};

inline constexpr unsigned kAlways = 7;  // predicate
inline constexpr unsigned kZeroRegister = 255;

namespace opcode {
inline constexpr unsigned kCallRegister = 0x344;  // CALL.REL.NOINC Rn
inline constexpr unsigned kJumpRegister = 0x94c;  // JMX Rn: absolute
inline constexpr unsigned kJumpConstant = 0xb4a;  // JMP c[bank][offset]: absolute
inline constexpr unsigned kExit = 0x94d;
inline constexpr unsigned kBranch = 0x947;
inline constexpr unsigned kNop = 0x918;
inline constexpr unsigned kLoadConstant = 0xb82;   // LDC R, c[bank][offset]
inline constexpr unsigned kMoveImmediate = 0x802;  // MOV R, imm
inline constexpr unsigned kMadImmediate = 0x424;   // IMAD.MOV R, imm
inline constexpr unsigned kHalfImmediate = 0x431;  // HFMA2.MMA R, imm
}  // namespace opcode

// How an instruction takes its second source operand.
enum class OperandB : std::uint8_t { none, reg, uniform, immediate, constant, load_constant };

struct OpcodeForm {
  unsigned opcode;
  bool writes;            // a register
  bool writes_uniform;    // a uniform register
  bool reads_a, reads_c;  // registers
  OperandB b;
};

// Empty: not understood.
constexpr std::optional<OpcodeForm> form_of(unsigned code) {
  // clang-format off
  constexpr OpcodeForm kForms[] = {
      // opcode                    writes uniform reads_a reads_c b
      {opcode::kCallRegister,      false, false, true,  false, OperandB::none},
      {opcode::kJumpRegister,      false, false, true,  false, OperandB::none},
      {opcode::kJumpConstant,      false, false, false, false, OperandB::load_constant},
      {opcode::kExit,              false, false, false, false, OperandB::none},
      {opcode::kBranch,            false, false, false, false, OperandB::none},
      {opcode::kNop,               false, false, false, false, OperandB::none},
      {opcode::kLoadConstant,      true,  false, true,  false, OperandB::load_constant},
      {opcode::kMoveImmediate,     true,  false, false, false, OperandB::immediate},
      {opcode::kMadImmediate,      true,  false, true,  true,  OperandB::immediate},
      {opcode::kHalfImmediate,     true,  false, true,  false, OperandB::immediate},
      {0x919 /* S2R */,            true,  false, false, false, OperandB::none},
      {0x9c3 /* S2UR */,           false, true,  false, false, OperandB::none},
      {0x624 /* IMAD.MOV c[] */,   true,  false, true,  true,  OperandB::constant},
      {0xa02 /* MOV c[] */,        true,  false, false, false, OperandB::constant},
      {0xe24 /* IMAD.MOV UR */,    true,  false, true,  true,  OperandB::uniform},
      {0x20c /* ISETP R, R */,     false, false, true,  false, OperandB::reg},
      {0xa0c /* ISETP R, c[] */,   false, false, true,  false, OperandB::constant},
      {0xc0c /* ISETP R, UR */,    false, false, true,  false, OperandB::uniform},
      {0xc12 /* LOP3 R, UR */,     true,  false, true,  true,  OperandB::uniform},
      {0x292 /* ULOP3 */,          false, true,  false, false, OperandB::uniform},
      {0x899 /* USHF imm */,       false, true,  false, false, OperandB::immediate},
  };
  // clang-format on
  for (const OpcodeForm& form : kForms)
    if (form.opcode == code) return form;
  return std::nullopt;
}

}  // namespace lithos::cuda
