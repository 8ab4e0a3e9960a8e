// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/prelude_patch.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "cuda/atoms/atom_slot.hpp"
#include "cuda/atoms/cubin.hpp"
#include "cuda/atoms/instruction.hpp"

namespace lithos::cuda {
namespace {

constexpr std::size_t kMaxInstructions = 256;
constexpr unsigned kStackPointer = 1;  // ptxas loads R1 first; dead weight that was measured with the rest
constexpr unsigned kReturnLow = 20, kReturnHigh = 21;  // where a call leaves its return address
constexpr Instruction kNopAlways{0x7918, 0};
constexpr std::array<unsigned, 11> kKnown{75, 80, 86, 88, 89, 90, 100, 103, 110, 120, 121};
constexpr unsigned kConstantJumpRanOn = 90;
// As it ran (docs/design/hardware.md §2): always, c[kPreludeBank][offset of the entry], waiting for nothing.
constexpr Instruction kJumpToEntry{std::uint64_t{kPreludeBank} << 54 | std::uint64_t{offsetof(AtomSlot, entry)} << 38 | 0x7000 | opcode::kJumpConstant,
                                   0x000fea0003800000};
constexpr Instruction kLeave{0x794d, 0x000fea0003800000};
constexpr Instruction kFill{0x7918, 0x000fc00000000000};

struct ConstantAccess {
  unsigned bank = 0, offset_bytes = 0, bytes = 0;
};

// Two encodings: LDC has a byte offset and a width, an operand is a 32-bit word.
ConstantAccess constant_access(const Instruction& i, OperandB b) {
  if (b == OperandB::load_constant) {
    constexpr unsigned kWidth64 = 5, kWidth32 = 4;
    const auto offset = static_cast<unsigned>(i.low >> 38 & 0xffff);
    const unsigned width = i.high >> 9 & 7;
    return {i.bank(), offset, width == kWidth64 ? 8u : width == kWidth32 ? 4u : 0u};
  }
  return {i.bank(), static_cast<unsigned>(i.low >> 40 & 0x3fff) * 4, 4};
}

std::string hex(std::uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (int d = 15; d >= 0; --d, value >>= 4) text[static_cast<std::size_t>(d)] = kDigits[value & 15];
  return text;
}

// One pass over the code of one kernel: checks and patches a copy.
class Patcher {
 public:
  Patcher(std::string_view kernel, std::vector<Instruction> code) : kernel_(kernel), code_(std::move(code)) {}

  Status run();
  // After run(): jumps through the constant bank itself, without registers, and loads no stack pointer. As it was where the code is
  // arranged in another way.
  void shorten();
  const std::vector<Instruction>& code() const { return code_; }
  PatchedPrelude result() const;

 private:
  Status refuse(std::size_t at, const std::string& why) const {
    return incompatible(std::string(kernel_) + " at +" + std::to_string(at * kInstructionBytes) + " (" +
                        hex(code_[at].high) + " " + hex(code_[at].low) + "): " + why +
                        "; ptxas' output has changed, see framework/cuda/atoms/prelude_patch.cpp");
  }
  Status find_call();
  Status check_end() const;
  Status patch_one(std::size_t at);
  Status patch_constant(std::size_t at, const OpcodeForm& form);
  bool loads_return_address(const Instruction& i) const;
  void note_registers(const Instruction& i, const OpcodeForm& form);
  void use(unsigned reg, unsigned count = 1) {
    if (reg != kZeroRegister) registers_ = std::max(registers_, reg + count);
  }

  std::string_view kernel_;
  std::vector<Instruction> code_;
  std::size_t call_ = 0;
  unsigned target_ = 0;  // register pair that holds the entry
  unsigned registers_ = 0;
  unsigned slot_bytes_read_ = 0;
  unsigned entry_words_ = 0;   // bit 0: low half loaded, bit 1: high half
  unsigned return_words_ = 0;  // likewise of the return address
  std::optional<std::size_t> last_exit_;  // before the call
};

Status Patcher::find_call() {
  std::size_t calls = 0;
  for (std::size_t at = 0; at < code_.size(); ++at) {
    if (code_[at].opcode() != opcode::kCallRegister) continue;
    ++calls;
    call_ = at;
  }
  if (calls != 1)
    return incompatible(std::string(kernel_) + " has " + std::to_string(calls) + " calls through a register, not one");
  target_ = code_[call_].source_a();
  if (code_[call_].predicate() != kAlways) return refuse(call_, "the call is conditional");
  if (target_ + 1 >= kReturnLow) return refuse(call_, "the entry is in a register that the return address uses");
  return {};
}

// Behind the call nothing may be reached but the end.
Status Patcher::check_end() const {
  for (std::size_t at = call_ + 1; at < code_.size(); ++at) {
    const unsigned op = code_[at].opcode();
    if (op != opcode::kExit && op != opcode::kBranch && op != opcode::kNop)
      return refuse(at, "there is code behind the call");
  }
  return {};
}

bool Patcher::loads_return_address(const Instruction& i) const {
  const unsigned op = i.opcode();
  const bool move = op == opcode::kMoveImmediate || op == opcode::kMadImmediate || op == opcode::kHalfImmediate;
  if (!move) return false;
  if (i.destination() == kReturnLow) return i.immediate() == (call_ + 1) * kInstructionBytes;
  return i.destination() == kReturnHigh && i.immediate() == 0;
}

Status Patcher::patch_constant(std::size_t at, const OpcodeForm& form) {
  Instruction& i = code_[at];
  const ConstantAccess access = constant_access(i, form.b);
  if (access.bytes == 0) return refuse(at, "a constant of unknown width is loaded");
  if (form.b == OperandB::load_constant && i.source_a() != kZeroRegister) return refuse(at, "a constant is indexed");
  if (access.bank == 0) {
    const bool stack = form.writes && i.destination() == kStackPointer && access.bytes == 4;
    return stack ? Status{} : refuse(at, "a parameter of the kernel is read");
  }
  if (access.bank != kSourceBank) return refuse(at, "an unexpected constant bank is read");
  if (access.offset_bytes + access.bytes > sizeof(AtomSlot)) return refuse(at, "it reads beyond the slot");
  slot_bytes_read_ = std::max(slot_bytes_read_, access.offset_bytes + access.bytes);
  if (form.writes && (i.destination() == target_ || i.destination() == target_ + 1)) {
    constexpr unsigned kEntry = offsetof(AtomSlot, entry);
    // The last load before the call decides; an earlier one of these registers holds something else.
    const unsigned half = i.destination() - target_;
    const bool entry = access.offset_bytes == kEntry + 4 * half && (access.bytes == 4 || half == 0);
    const unsigned words = access.bytes == 8 ? 3u : 1u << half;
    entry_words_ = entry ? entry_words_ | words : entry_words_ & ~words;
  }
  i = i.with_bank(kPreludeBank);
  return {};
}

void Patcher::note_registers(const Instruction& i, const OpcodeForm& form) {
  const bool pair = form.b == OperandB::load_constant && constant_access(i, form.b).bytes == 8;
  if (form.writes) use(i.destination(), pair ? 2 : 1);
  if (form.reads_a) use(i.source_a());
  if (form.reads_c) use(i.source_c());
  if (form.b == OperandB::reg) use(i.source_b());
}

Status Patcher::patch_one(std::size_t at) {
  Instruction& i = code_[at];
  const auto form = form_of(i.opcode());
  if (!form) return refuse(at, "an instruction that is not known here");
  if (at == call_) {
    use(target_, 2);
    // The predicate and the register keep their places, and the scoreboards that the call waits for.
    i = {(i.low & 0xff00f000u) | opcode::kJumpRegister, i.control() | 0x03800000u};
    return {};
  }
  if (i.opcode() == opcode::kBranch || i.opcode() == opcode::kJumpRegister)
    return refuse(at, "a branch before the call");
  if (i.opcode() == opcode::kExit) {
    last_exit_ = at;
    return {};
  }
  if (i.predicate() != kAlways) return refuse(at, "an instruction that depends on a predicate");
  if (loads_return_address(i)) {
    return_words_ |= i.destination() == kReturnLow ? 1u : 2u;
    i = {kNopAlways.low, i.control()};
    return {};
  }
  const bool constant = form->b == OperandB::constant || form->b == OperandB::load_constant;
  if (constant) {
    if (Status status = patch_constant(at, *form); !status.ok()) return status;
  } else if (form->writes && (i.destination() == target_ || i.destination() == target_ + 1)) {
    entry_words_ &= ~(1u << (i.destination() - target_));
  }
  note_registers(i, *form);
  return {};
}

Status Patcher::run() {
  if (Status status = find_call(); !status.ok()) return status;
  if (Status status = check_end(); !status.ok()) return status;
  for (std::size_t at = 0; at <= call_; ++at)
    if (Status status = patch_one(at); !status.ok()) return status;
  if (entry_words_ != 3) return refuse(call_, "what is called is not the entry from the slot");
  if (return_words_ != 3) return refuse(call_, "the return address is not loaded where it was");
  if (!last_exit_) return refuse(call_, "no block can leave");
  return {};
}

// Between the last exit and the call there is nothing but what the call needs, and a compiler that loads the stack pointer does so first.
// What waits for a result, or distances itself from it, stands before that exit and keeps its place.
void Patcher::shorten() {
  const auto serves_the_call = [&](const Instruction& i) {
    return i.opcode() == opcode::kNop || (i.opcode() == opcode::kLoadConstant && i.destination() == target_);
  };
  const auto after_exit = code_.begin() + static_cast<std::ptrdiff_t>(*last_exit_) + 1;
  if (!std::all_of(after_exit, code_.begin() + static_cast<std::ptrdiff_t>(call_), serves_the_call)) return;
  const bool stack = code_[0].opcode() == opcode::kLoadConstant && code_[0].destination() == kStackPointer;
  std::vector<Instruction> kept(code_.begin() + (stack ? 1 : 0), after_exit);
  const std::size_t jump = kept.size();
  kept.insert(kept.end(), {kJumpToEntry, kLeave});  // the second is never reached
  if (kept.size() > code_.size()) return;
  kept.resize(code_.size(), kFill);
  call_ = jump;
  code_ = std::move(kept);
  registers_ = 0;
  for (std::size_t at = 0; at < call_; ++at) note_registers(code_[at], *form_of(code_[at].opcode()));
}

PatchedPrelude Patcher::result() const {
  PatchedPrelude result;
  result.registers = (registers_ + kRegisterGranule - 1) / kRegisterGranule * kRegisterGranule;
  result.bank_bytes = slot_bytes_read_;
  result.instructions = static_cast<unsigned>(call_ + 1);
  return result;
}

// Relocations would overwrite what is patched here.
bool has_relocations(const Cubin& cubin, std::string_view kernel) {
  return std::any_of(cubin.sections().begin(), cubin.sections().end(), [&](const CubinSection& s) {
    return s.size > 0 && s.name.starts_with(".rel") && s.name.ends_with(".text." + std::string(kernel)) &&
           s.name.find(".nv.") == std::string_view::npos;
  });
}

}  // namespace

bool prelude_architecture_known(unsigned sm) { return std::find(kKnown.begin(), kKnown.end(), sm) != kKnown.end(); }

Result<PatchedPrelude> patch_prelude(std::span<std::byte> file, std::string_view kernel) {
  const Result<Cubin> cubin = Cubin::read(file);
  if (!cubin.ok()) return cubin.status();
  const unsigned sm = cubin.value().sm();
  if (!prelude_architecture_known(sm))
    return incompatible("sm_" + std::to_string(sm) + " has an unknown instruction encoding");
  const CubinSection* text = cubin.value().code_of(kernel);
  if (text == nullptr) return not_found("the cubin has no kernel " + std::string(kernel));
  if (has_relocations(cubin.value(), kernel))
    return incompatible("the code of " + std::string(kernel) + " has relocations");
  if (text->size == 0 || text->size % kInstructionBytes != 0 || text->size / kInstructionBytes > kMaxInstructions)
    return incompatible("the code of " + std::string(kernel) + " has " + std::to_string(text->size) +
                        " bytes, which no prelude has");

  std::vector<Instruction> code(text->size / kInstructionBytes);
  std::memcpy(code.data(), file.data() + text->offset, text->size);
  Patcher patcher(kernel, std::move(code));
  if (Status status = patcher.run(); !status.ok()) return status;
  if (sm == kConstantJumpRanOn) patcher.shorten();
  std::memcpy(file.data() + text->offset, patcher.code().data(), text->size);
  PatchedPrelude result = patcher.result();
  result.code_offset = text->offset;
  result.code_bytes = text->size;
  return result;
}

}  // namespace lithos::cuda
