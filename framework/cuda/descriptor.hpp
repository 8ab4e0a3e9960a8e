// SPDX-License-Identifier: Apache-2.0
// A launch descriptor (QMD) as a view: reading and changing the fields that LithOS needs. What may be changed, and
// when, is decided in patch.hpp.
//
// A Descriptor points at the driver's memory and is valid only inside the descriptor callback (GPU.md §1). It never
// allocates, calls the driver or throws. Getters of fields that the version lacks return 0 (dims: 1, 1, 1); setters
// of such fields do nothing. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cuda/descriptor_layout.hpp"

namespace lithos::cuda {

// Release-semaphore control values (GPU.md §6, hardware.md §3): the GPU writes payload and time, 16 bytes. Without
// kReleasePayload64 it writes the payload's lower half alone, and zero above it.
inline constexpr std::uint16_t kReleasePayload64 = 1 << 12;
inline constexpr std::uint16_t kReleasePlain = 1 | kReleasePayload64;
inline constexpr std::uint16_t kReleaseSystemBarrier = kReleasePlain | 1 << 3;
// "Valid, and drop what is cached of it": how a constant bank is put in (hardware.md §2).
inline constexpr unsigned kBankValid = 1;
inline constexpr unsigned kBankValidInvalidate = 9;

using Dims = std::array<std::uint32_t, 3>;
constexpr std::uint64_t volume(const Dims& dims) { return std::uint64_t{dims[0]} * dims[1] * dims[2]; }

// Inlined always, so that with a layout that the compiler knows (descriptor_tables.hpp) an access is one load and a shift:
// the callback of every launch makes about thirty.
#define LITHOS_INLINE [[gnu::always_inline]]

class Descriptor {
 public:
  // A view of unknown bytes: layout() is nullptr where no table knows them. `bytes` must have kDescriptorBytes.
  static Descriptor of(void* bytes) { return Descriptor(bytes, layout_of(bytes)); }
  Descriptor(void* bytes, const DescriptorLayout* layout)
      : bytes_(static_cast<std::uint8_t*>(bytes)), layout_(layout) {}

  const DescriptorLayout* layout() const { return layout_; }
  std::uint8_t* bytes() const { return bytes_; }

  LITHOS_INLINE unsigned type() const {  // versions without the field have only plain grids
    return layout_->type.known() ? static_cast<unsigned>(get(layout_->type)) : kGridOfBlocks;
  }
  LITHOS_INLINE bool is_grid() const { return type() >= kGridOfBlocks && volume(grid()) != 0; }
  LITHOS_INLINE Dims grid() const { return dims(layout_->grid); }  // counts clusters where there are any
  void set_grid(unsigned axis, std::uint32_t count) { set(layout_->grid[axis], count); }
  LITHOS_INLINE Dims block() const { return dims(layout_->block); }
  LITHOS_INLINE Dims cluster() const { return clustered() ? dims(layout_->cluster) : Dims{1, 1, 1}; }
  // Blocks that must be resident together; 1, 1, 1 below type 4.
  LITHOS_INLINE Dims gpu_cluster() const { return type() >= kGridTogether ? dims(layout_->gpu_cluster) : Dims{1, 1, 1}; }
  LITHOS_INLINE bool clustered() const { return type() == kGridOfClusters || type() == kGridOfClustersTogether; }

  std::uint32_t registers() const { return static_cast<std::uint32_t>(get(layout_->registers)); }
  void set_registers(std::uint32_t count) { set(layout_->registers, count); }
  LITHOS_INLINE std::uint32_t shared_bytes() const { return static_cast<std::uint32_t>(get(layout_->shared_bytes)); }
  std::uint64_t program() const { return get(layout_->program); }
  void set_program(std::uint64_t address) { set(layout_->program, address); }

  // ---- TPC mask: a set bit switches a TPC off -------------------------------------------------------------
  LITHOS_INLINE bool mask_valid() const { return layout_->mask_valid.known() && get(layout_->mask_valid) != 0; }
  LITHOS_INLINE void set_mask_valid(bool valid) { set(layout_->mask_valid, valid ? 1 : 0); }
  LITHOS_INLINE unsigned mask_words() const { return layout_->mask_words; }
  LITHOS_INLINE std::uint32_t mask_word(unsigned index) const { return static_cast<std::uint32_t>(get(layout_->mask.at(index, 32))); }
  LITHOS_INLINE void set_mask_word(unsigned index, std::uint32_t off) { set(layout_->mask.at(index, 32), off); }

  // ---- completion slots -----------------------------------------------------------------------------------
  LITHOS_INLINE std::uint16_t release_control(unsigned slot) const {
    return static_cast<std::uint16_t>(get(layout_->release_control.at(slot, 16)));
  }
  std::uint64_t release_address(unsigned slot) const { return get(layout_->release_address[slot]); }
  std::uint64_t release_payload(unsigned slot) const { return get(layout_->release_payload[slot]); }
  // The control word last: a slot is never switched on with half an address.
  LITHOS_INLINE void set_release(unsigned slot, std::uint16_t control, std::uint64_t address, std::uint64_t payload) {
    set(layout_->release_address[slot], address);
    set(layout_->release_payload[slot], payload);
    set(layout_->release_control.at(slot, 16), control);
  }

  // ---- constant banks -------------------------------------------------------------------------------------
  unsigned bank_state(unsigned bank) const { return static_cast<unsigned>(get(layout_->bank_valid.at(bank, 4))); }
  std::uint64_t bank_address(unsigned bank) const { return get(layout_->bank_address.at(bank, 64)); }
  std::uint32_t bank_bytes(unsigned bank) const {
    return static_cast<std::uint32_t>(get(layout_->bank_size.at(bank, 64)));
  }
  // `address` in steps of 64 bytes, `size` in steps of 16.
  void set_bank(unsigned bank, unsigned state, std::uint64_t address, std::uint32_t size) {
    set(layout_->bank_address.at(bank, 64), address);
    set(layout_->bank_size.at(bank, 64), size);
    set(layout_->bank_valid.at(bank, 4), state);
  }

  LITHOS_INLINE std::uint64_t get(const DescriptorField& field) const {
    if (!field.known()) return 0;
    return (word_at(field) >> (field.first_bit % 8) & ones(field.bits)) << field.shift;
  }
  LITHOS_INLINE void set(const DescriptorField& field, std::uint64_t value) {
    if (!field.known()) return;
    const unsigned at = field.first_bit % 8;
    const std::uint64_t keep = word_at(field) & ~(ones(field.bits) << at);
    const std::uint64_t word = keep | (value >> field.shift & ones(field.bits)) << at;
    std::memcpy(bytes_ + first_byte(field), &word, sizeof word);
  }

 private:
  LITHOS_INLINE static constexpr std::uint64_t ones(unsigned bits) { return bits >= 64 ? ~std::uint64_t{0} : (1ull << bits) - 1; }
  static constexpr unsigned first_byte(const DescriptorField& field) { return field.first_bit / 8u; }
  // Every field of every table lies within eight bytes from its first one, and those within the descriptor
  // (descriptor_test checks the tables).
  LITHOS_INLINE std::uint64_t word_at(const DescriptorField& field) const {
    std::uint64_t word;
    std::memcpy(&word, bytes_ + first_byte(field), sizeof word);
    return word;
  }
  LITHOS_INLINE Dims dims(const std::array<DescriptorField, 3>& fields) const {
    if (!fields[0].known()) return {1, 1, 1};
    return {static_cast<std::uint32_t>(get(fields[0])), static_cast<std::uint32_t>(get(fields[1])),
            static_cast<std::uint32_t>(get(fields[2]))};
  }

  std::uint8_t* bytes_;
  const DescriptorLayout* layout_;
};

#undef LITHOS_INLINE

// What a descriptor was before it was changed, to put it back whole.
class DescriptorBackup {
 public:
  explicit DescriptorBackup(const Descriptor& descriptor) {
    std::memcpy(bytes_.data(), descriptor.bytes(), kDescriptorBytes);
  }
  void restore(const Descriptor& descriptor) const { std::memcpy(descriptor.bytes(), bytes_.data(), kDescriptorBytes); }

 private:
  std::array<std::uint8_t, kDescriptorBytes> bytes_;
};

}  // namespace lithos::cuda
