#include "descriptor_hook.hpp"

#include <cuda.h>

#include <algorithm>
#include <atomic>

namespace lithos::probe {
namespace {

using Callback = void (*)(void* user, int domain, int cbid, const void* params);
using Subscribe = int (*)(std::uint32_t* handle, Callback callback, void* user);
using Enable = int (*)(std::uint32_t on, std::uint32_t handle, int domain, int cbid);

constexpr int kDomain = 0xb;
constexpr int kDescriptorUpload = 0x1;
constexpr std::uint32_t kParamsBytesMin = 40;

std::atomic<DescriptorVisitor> g_visitor{nullptr};
std::atomic<void*> g_user{nullptr};
std::atomic<std::uint64_t> g_seen{0};
std::uint32_t g_handle = 0;
Enable g_enable = nullptr;
void* const* g_table = nullptr;

void on_descriptor(void*, int domain, int cbid, const void* params) {
  if (domain != kDomain || cbid != kDescriptorUpload || params == nullptr) return;
  std::uint32_t size = 0;
  std::memcpy(&size, params, sizeof size);
  if (size < kParamsBytesMin) return;
  void* bytes = static_cast<void* const*>(params)[4];
  if (bytes == nullptr) return;
  Descriptor descriptor(bytes);
  if (descriptor.version() != Descriptor::kVersion) return;
  g_seen.fetch_add(1, std::memory_order_relaxed);
  if (auto visitor = g_visitor.load(std::memory_order_acquire)) visitor(descriptor, g_user.load());
}

// TPCs that a cluster launch can use in the fullest GPC.
int widest_gpc(const std::array<std::uint32_t, kMaskWords>& off) {
  int widest = 0;
  for (int first = 0; first < kClusterBits; first += kBitsPerGpc) {
    int room = 0;
    for (int bit = first; bit < first + kBitsPerGpc; ++bit) room += !(off[bit / 32] >> (bit % 32) & 1u);
    widest = std::max(widest, room);
  }
  return widest;
}

std::array<std::uint32_t, kMaskWords> combined(const Descriptor& descriptor, const TpcSet& enabled) {
  auto off = descriptor.mask_valid() ? descriptor.disabled() : std::array<std::uint32_t, kMaskWords>{};
  for (int i = 0; i < kMaskWords; ++i) off[i] |= ~enabled.words[i];
  return off;
}

}  // namespace

std::string install_descriptor_hook() {
  static const CUuuid id = {{'\x2c', '\x8e', '\x0a', '\xd8', '\x07', '\x10', '\xab', '\x4e', '\x90', '\xdd', '\x54',
                             '\x71', '\x9f', '\xe5', '\xf7', '\x4b'}};
  const void* table = nullptr;
  if (cuGetExportTable(&table, &id) != CUDA_SUCCESS || table == nullptr) return "the driver has no such export table";
  auto entries = g_table = static_cast<void* const*>(table);
  auto subscribe = reinterpret_cast<Subscribe>(entries[3]);
  g_enable = reinterpret_cast<Enable>(entries[6]);
  if (int rc = subscribe(&g_handle, &on_descriptor, nullptr)) return "subscribe refused: " + std::to_string(rc);
  return enable_descriptor_hook(true);
}

std::string enable_descriptor_hook(bool on) {
  if (g_enable == nullptr) return "not installed";
  if (int rc = g_enable(on ? 1 : 0, g_handle, kDomain, kDescriptorUpload)) return "enable refused: " + std::to_string(rc);
  return {};
}

void set_visitor(DescriptorVisitor visitor, void* user) {
  g_user.store(user);
  g_visitor.store(visitor, std::memory_order_release);
}

int call_table_entry(int index) { return reinterpret_cast<int (*)(std::uint32_t)>(g_table[index])(g_handle); }

std::uint64_t descriptors_seen() { return g_seen.load(); }

bool confine(Descriptor& descriptor, const TpcSet& enabled) {
  const auto off = combined(descriptor, enabled);
  const auto cluster = descriptor.cluster();
  const int blocks = static_cast<int>(cluster[0] * cluster[1] * cluster[2]);
  const bool empty = std::all_of(off.begin(), off.end(), [](std::uint32_t w) { return w == ~0u; });
  // One block for each SM is the worst case, so a cluster of n blocks needs n/2 TPCs of one GPC.
  if (empty || (blocks > 1 && widest_gpc(off) < (blocks + 1) / 2)) return false;
  descriptor.set_disabled(off);
  return true;
}

void confine_unchecked(Descriptor& descriptor, const TpcSet& enabled) {
  descriptor.set_disabled(combined(descriptor, enabled));
}

}  // namespace lithos::probe
