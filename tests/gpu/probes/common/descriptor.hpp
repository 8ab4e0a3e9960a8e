// The Hopper launch descriptor (QMD version 4.0) as the probes read and patch it.
//
// Purpose: one place for the byte offsets of the descriptor, so that no probe spells a number twice.
// Source: NVIDIA open-gpu-doc clcbc0qmd.h (fields NVCBC0_QMDV04_00_*).
// Threads: a Descriptor is a view of driver memory that is valid only inside the descriptor callback.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace lithos::probe {

inline constexpr int kMaskWords = 4;
inline constexpr int kMaskBits = 32 * kMaskWords;
// Below this bit the mask has nine positions for each GPC; above it come single TPCs without a GPC mate.
inline constexpr int kClusterBits = 72;
inline constexpr int kBitsPerGpc = 9;

// Release-semaphore control values: enable alone, and enable with a system-scope barrier before the write.
inline constexpr std::uint16_t kReleaseOff = 0;
inline constexpr std::uint16_t kReleasePlain = 1;
inline constexpr std::uint16_t kReleaseSystemBarrier = 1 | 1 << 3;
// Structure size "one word": the payload alone, no timestamp.
inline constexpr std::uint16_t kReleaseOneWord = 1 << 1;

// A set of TPCs by mask position; a set bit means the TPC may be used.
struct TpcSet {
  std::array<std::uint32_t, kMaskWords> words{};

  void add(int bit) { words[bit / 32] |= 1u << (bit % 32); }
  bool has(int bit) const { return words[bit / 32] >> (bit % 32) & 1u; }
  int count() const {
    int n = 0;
    for (auto w : words) n += std::popcount(w);
    return n;
  }
};

class Descriptor {
 public:
  explicit Descriptor(void* bytes) : bytes_(static_cast<std::uint8_t*>(bytes)) {}

  static constexpr std::uint8_t kVersion = 0x40;
  std::uint8_t version() const { return bytes_[72]; }
  int type() const { return static_cast<int>(u32(0) >> 23 & 7u); }

  std::array<std::uint32_t, 3> grid() const { return {u32(128), u16(132), u16(136)}; }
  void set_grid(int axis, std::uint32_t n) {
    if (axis == 0) put32(128, n);
    if (axis == 1) put16(132, static_cast<std::uint16_t>(n));
    if (axis == 2) put16(136, static_cast<std::uint16_t>(n));
  }
  std::array<std::uint32_t, 3> block() const { return {u16(144), u16(146), u16(148)}; }
  // All ones when the launch has no cluster.
  std::array<std::uint32_t, 3> cluster() const {
    if (type() < 3) return {1, 1, 1};
    return {bytes_[268] & 63u, bytes_[269] & 63u, bytes_[270] & 63u};
  }
  // Blocks that must be resident together (types 4 and 5: a cluster as large as the grid).
  std::array<std::uint32_t, 3> gpu_cluster() const {
    if (type() < 4) return {1, 1, 1};
    return {u16(276), u16(278), u16(280)};
  }
  std::uint32_t registers() const { return u16(150) & 511u; }
  void set_registers(std::uint32_t n) { put16(150, static_cast<std::uint16_t>((u16(150) & ~511u) | n)); }
  // Bits 601:584 of the descriptor.
  std::uint32_t shared_bytes() const { return u32(73) & 0x3ffffu; }
  std::uint64_t program() const { return u64(152) & ((1ull << 57) - 1); }
  void set_program(std::uint64_t address) { put64(152, (u64(152) & ~((1ull << 57) - 1)) | address); }

  bool mask_valid() const { return u32(0) >> 31; }
  std::array<std::uint32_t, kMaskWords> disabled() const { return {u32(304), u32(308), u32(312), u32(316)}; }
  void set_disabled(const std::array<std::uint32_t, kMaskWords>& off) {
    for (int i = 0; i < kMaskWords; ++i) put32(304 + 4 * i, off[i]);
    put32(0, u32(0) | 1u << 31);
  }

  std::uint16_t release_control(int slot) const { return u16(40 + 2 * slot); }
  void set_release(int slot, std::uint16_t control, std::uint64_t address, std::uint64_t payload) {
    put16(40 + 2 * slot, control);
    put64(80 + 16 * slot, address);
    put64(88 + 16 * slot, payload);
  }

  std::uint32_t u32(int at) const { return read<std::uint32_t>(at); }
  std::uint64_t u64(int at) const { return read<std::uint64_t>(at); }
  std::uint16_t u16(int at) const { return read<std::uint16_t>(at); }
  void put16(int at, std::uint16_t v) { std::memcpy(bytes_ + at, &v, sizeof v); }
  void put32(int at, std::uint32_t v) { std::memcpy(bytes_ + at, &v, sizeof v); }
  void put64(int at, std::uint64_t v) { std::memcpy(bytes_ + at, &v, sizeof v); }
  const std::uint8_t* bytes() const { return bytes_; }

 private:
  template <class T>
  T read(int at) const {
    T v;
    std::memcpy(&v, bytes_ + at, sizeof v);
    return v;
  }
  std::uint8_t* bytes_;
};

}  // namespace lithos::probe
