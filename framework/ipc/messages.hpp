// SPDX-License-Identifier: Apache-2.0
// What daemon and tenant say to each other over the socket: everything that is rare. One datagram per message
// (SOCK_SEQPACKET), plain structs, descriptors beside them. What happens per launch goes through shared memory
// instead.
//
//   tenant → daemon   hello                 who I am, which layout I was built for
//                     mapped                I have mapped my pressure page: seal it
//                     queue, kernel, graph  what my records will name; for the virtual device a kernel brings its times
//                     checkpoint            answer with `reached` once everything before this has been registered
//   daemon → tenant   welcome + area, pressure, wake-the-daemon, wake-the-tenant     or   refused, with the reason
//                     board + pressure      another tenant's pressure page (read only for us)
//                     reached               how many registrations were refused since the last one, and why
// A side that hears what it does not understand closes the connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/tpc_set.hpp"
#include "ipc/layout.hpp"

namespace lithos::ipc {

enum class MessageType : std::uint32_t {
  hello = 1,
  mapped,
  queue,
  kernel,
  graph,
  checkpoint,
  welcome,
  refused,
  board,
  reached
};

struct MessageHead {
  MessageType type{};
  std::uint32_t bytes = 0;  // of the whole message
};

inline constexpr std::size_t kMessageBytesMax = 96 * 1024;
inline constexpr std::size_t kNameBytes = 64;   // with its NUL
inline constexpr std::size_t kTextBytes = 256;  // with its NUL
inline constexpr std::size_t kKernelNameMax = 4096;
inline constexpr std::size_t kGraphNodesMax = kSlots;
inline constexpr std::size_t kCurvePointsMax = TpcSet::kMaxTpcs;

// The layout in numbers: equal on both sides or nothing goes.
using LayoutSizes = std::array<std::uint64_t, 8>;
inline constexpr LayoutSizes kLayoutSizes{sizeof(Area),
                                          sizeof(WireLease),
                                          sizeof(OperatorEntry),
                                          sizeof(WireRecord),
                                          sizeof(WireSubmission),
                                          kRecords,
                                          kSlots,
                                          kMasks};

struct Hello {
  MessageHead head;
  std::uint64_t magic;
  std::uint32_t major, minor;
  LayoutSizes sizes;
  char name[kNameBytes];
};
struct Mapped {
  MessageHead head;
};
struct QueueMessage {
  MessageHead head;
  std::uint32_t queue, removed;
};
struct CurvePoint {
  double tpcs, ns;
};
struct KernelMessage {  // then `points` × CurvePoint, then `name_bytes` of the name
  MessageHead head;
  std::uint64_t op;
  std::uint32_t grid[3], block[3], cluster[3];
  std::uint32_t registers_per_thread, shared_bytes, launch_special;
  std::uint32_t points, name_bytes;
};
struct GraphMessage {  // then `nodes` × op, then `name_bytes`
  MessageHead head;
  std::uint64_t op;
  std::uint32_t nodes, name_bytes;
};
struct Checkpoint {
  MessageHead head;
  std::uint64_t number;
};

inline constexpr std::size_t kClocksMax = 256;
struct WireGpu {  // GpuShape without its vectors
  char name[kNameBytes];
  std::uint32_t tpcs, sms_per_tpc, gpcs, threads_per_sm, blocks_per_sm, registers_per_sm, shared_bytes_per_sm, clocks;
  double power_limit_w;
  std::uint16_t gpc_of_tpc[TpcSet::kMaxTpcs];
  std::uint16_t mask_bit_of_tpc[TpcSet::kMaxTpcs];
  std::uint32_t clocks_mhz[kClocksMax];
};
// What the daemon's configuration gives a tenant for life, besides its lease.
struct TenantTerms {
  std::uint64_t memory_limit_bytes = 0;  // 0: no limit
  std::uint64_t submit_ahead_ns = 0;     // for the executor: predicted work to keep on the device on the queued path
  std::uint64_t advertised_tpcs = 0;     // 0: all
};
struct Welcome {  // descriptors: area, pressure, event of the daemon, event of the tenant
  MessageHead head;
  std::uint32_t slot, incarnation;
  std::uint32_t major, minor;
  WireGpu gpu;
  TenantTerms terms;
};
inline constexpr unsigned kWelcomeFds = 4;
struct Refused {
  MessageHead head;
  std::uint32_t code;  // StatusCode
  std::uint32_t reserved;
  char text[kTextBytes];
};
struct Board {  // descriptor: the page
  MessageHead head;
  std::uint32_t slot, incarnation;
};
struct Reached {
  MessageHead head;
  std::uint64_t number;
  std::uint64_t refused;
  char text[kTextBytes];  // why the first one was
};

}  // namespace lithos::ipc
