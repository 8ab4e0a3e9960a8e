// SPDX-License-Identifier: Apache-2.0
// Events on their way from the engine's thread to an exporter: a bounded ring of slots that were allocated before, one
// per exporter, and the tap by which the engine fills all of them.
//
// Purpose    The engine never waits for an exporter. A full ring drops the event and counts it; the reader says so to
//            its exporter where the gap is. A simulation, whose time stands still meanwhile, waits instead.
// Cost       Nothing is written for a type that no exporter wants (EventTap::wants); else one store of the event and
//            one of the position per ring: no allocation, no lock, no call to the kernel (tests/bench/export_bench.cpp).
//            Atoms, nearly all there is, are written as notes: two cache lines of what the engine has at hand. The
//            reader makes the event of it.
// Texts      What an event points to is either static or kept in its slot (EventSlot::keep), so it lives as long.
// Threads    One writer, one reader; each function says whose it is.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "lithos/service_abi.h"

namespace lithos {

// An ATOM_SUBMITTED or ATOM_ENDED as the engine writes it; the order is that of where it comes from, so that pairs are
// copied at once. Times are the host's, not yet checked.
struct AtomNote {
  static constexpr std::uint32_t kBit = 1u << 31;  // in `type`: this is a note
  enum Flags : std::uint8_t { kLast = 1, kGraph = 2, kGraphNode = 4 };

  std::int64_t seen_ns;
  std::uint32_t type;  // where lithos_event has it
  std::uint8_t outcome, flags;
  std::uint16_t reserved;
  std::uint64_t tenant_id;
  std::uint64_t op_id, launch_id;
  std::uint32_t first_block, block_count;  // in a graph: the node's place and blocks
  std::uint64_t predicted_ns;  // of a graph's node: the graph's op_id, for no node has a prediction of its own
  std::uint32_t blocks, queue;
  lithos_tpc_set tpcs;
  std::int64_t ended_ns, started_ns, submitted_ns, queued_ns;
};
static_assert(sizeof(AtomNote) == 128 && offsetof(AtomNote, type) == offsetof(lithos_event, type));

// Plugins step over slots by this struct's size: an event, and behind it what it points to.
struct alignas(64) EventSlot {
  static constexpr std::size_t kTextBytes = 92;

  union {
    lithos_event event;
    AtomNote atom;
  };
  std::uint32_t text_used;
  char text[kTextBytes];

  // A copy of the text, cut short where it does not fit.
  const char* keep(std::string_view given) {
    char* const at = text + std::min<std::size_t>(text_used, kTextBytes - 1);
    const std::size_t length = std::min(given.size(), kTextBytes - 1 - static_cast<std::size_t>(at - text));
    std::memcpy(at, given.data(), length);
    at[length] = '\0';
    text_used = static_cast<std::uint32_t>(std::min<std::size_t>(at - text + length + 1, kTextBytes - 1));
    return at;
  }
};
static_assert(sizeof(EventSlot) == 256);

// Makes an event of a slot's note. `gpu`: whose engine wrote it.
void spell_out(EventSlot& slot, std::uint32_t gpu);

constexpr std::uint64_t event_bit(std::uint32_t type) { return std::uint64_t{1} << type; }

class EventRing {
 public:
  static constexpr std::size_t kSlots = 8192;  // 2 MiB; some 20 ms of the fastest launching seen

  // `slots`: a power of two. `wanted`: bits of event types. `make_room`: called by the writer when the ring is full,
  // and returns once there is room; empty: the event is dropped.
  explicit EventRing(std::uint64_t wanted, std::size_t slots = kSlots, std::function<void()> make_room = {})
      : make_room_(std::move(make_room)),
        wanted_(wanted),
        mask_(slots - 1),
        slots_(new EventSlot[slots + kFetchAhead]()),
        room_until_(slots) {
    assert(std::has_single_bit(slots));
  }

  std::uint64_t wanted() const { return wanted_; }
  bool wants(std::uint32_t type) const { return (wanted_ & event_bit(type)) != 0; }

  // ---- writer ----------------------------------------------------------------------------------------------------
  // Before its first event; again only with the same GPU.
  void written_by(std::uint32_t gpu) {
    if (gpu_ != gpu) gpu_ = gpu;
  }
  // Slots that are free; looks, and if it must makes room, where it knows of none. A call: ask ahead of several events.
  std::uint64_t find_room() {
    if (known_room() == 0) look_for_room();
    return known_room();
  }
  // Writes the next slot, whose content is that of an old event; where no room is known of, the event counts as dropped.
  template <class Write>
  [[gnu::always_inline]] void append(Write&& write) {
    const std::uint64_t next = tail_.load(std::memory_order_relaxed);
    if (next == room_until_) [[unlikely]] {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    EventSlot& slot = slots_[next & mask_];
    write(slot);
    // The ring is larger than a core's cache, and the reader's core has had the slots last: fetch ahead what is written soon.
    const char* const soon = reinterpret_cast<const char*>(&slot + kFetchAhead);
    for (std::size_t line = 0; line < sizeof(AtomNote); line += 64) fetch_to_write(soon + line);
    tail_.store(next + 1, std::memory_order_release);
  }

  // ---- reader ----------------------------------------------------------------------------------------------------
  // Events that lie together, at most `most`; they stay until release(). What is known later is not told as earlier, by a
  // step's worth of time.
  const EventSlot* ready(std::size_t most, std::size_t& count) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const auto available = static_cast<std::size_t>(tail_.load(std::memory_order_acquire) - head);
    const std::size_t at = head & mask_;
    count = std::min({available, most, mask_ + 1 - at});
    std::uint64_t told_at_ns = released_at_ns_;
    for (EventSlot& slot : std::span(&slots_[at], count)) {
      if ((slot.event.type & AtomNote::kBit) != 0) spell_out(slot, gpu_);
      slot.event.time_ns = told_at_ns = std::max(told_at_ns, slot.event.time_ns);
    }
    return &slots_[at];
  }
  void release(std::size_t count) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed) + count;
    if (count > 0) released_at_ns_ = slots_[(head - 1) & mask_].event.time_ns;
    head_.store(head, std::memory_order_release);
  }

  // ---- anybody ---------------------------------------------------------------------------------------------------
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  std::uint64_t written() const { return tail_.load(std::memory_order_relaxed); }
  std::uint64_t waiting() const { return written() - head_.load(std::memory_order_relaxed); }

 private:
  // The compiler asks for a line to write only where every processor it builds for knows the instruction; those that do
  // not take it for none.
  static void fetch_to_write(const char* line) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 1);
#endif
  }
  std::uint64_t known_room() const { return room_until_ - tail_.load(std::memory_order_relaxed); }
  void look_for_room() {
    see_room();
    if (known_room() > 0 || !make_room_) return;
    make_room_();
    see_room();
  }
  void see_room() { room_until_ = head_.load(std::memory_order_acquire) + mask_ + 1; }

  static constexpr std::size_t kFetchAhead = 4;  // so many slots behind the last are fetched, and never used

  const std::function<void()> make_room_;
  std::uint32_t gpu_ = 0;
  alignas(64) const std::uint64_t wanted_;
  const std::size_t mask_;
  const std::unique_ptr<EventSlot[]> slots_;
  std::uint64_t room_until_;  // writer's, seldom changed: up to where it knows that slots are free
  alignas(64) std::atomic<std::uint64_t> tail_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  alignas(64) std::atomic<std::uint64_t> head_ = 0;
  std::uint64_t released_at_ns_ = 0;  // reader's: the last event's that it gave back
};

// The writer's end of all rings.
class EventTap {
 public:
  explicit EventTap(std::uint32_t gpu = 0) : gpu_(gpu) {}

  void add(EventRing& ring) {
    ring.written_by(gpu_);
    rings_.push_back(&ring);
    wanted_ |= ring.wanted();
    sure_ = 0;
  }
  void remove(EventRing& ring) {
    std::erase(rings_, &ring);
    wanted_ = 0;
    for (const EventRing* left : rings_) wanted_ |= left->wanted();
  }
  bool wants(std::uint32_t type) const { return (wanted_ & event_bit(type)) != 0; }
  // Likewise of an atom; if so there is room now for one emit_atom(), which then makes no call.
  bool takes_atom(std::uint32_t type) {
    if (!wants(type)) return false;
    make_room();
    return true;
  }

  // Calls fill(slot) once for each ring that wants the type and has room; fill sets every field of the type's member of
  // the union.
  template <class Fill>
  void emit(std::uint32_t type, Nanoseconds now, std::uint64_t tenant, Fill&& fill) {
    make_room();
    each(type, [&](EventSlot& slot) {
      slot.text_used = 0;
      slot.event.time_ns = to_u64(now);
      slot.event.type = type;
      slot.event.gpu = gpu_;
      slot.event.tenant_id = tenant;
      fill(slot);
    });
  }
  // Likewise fill(note), for an atom that takes_atom() was asked about; fill sets everything from outcome on.
  template <class Fill>
  void emit_atom(std::uint32_t type, Nanoseconds now, Fill&& fill) {
    each(type, [&](EventSlot& slot) {
      slot.atom.seen_ns = now.count();
      slot.atom.type = type | AtomNote::kBit;
      fill(slot.atom);
    });
  }

 private:
  // For one event, in every ring. `sure_` counts how many more fit into each of them, so that nearly always nobody looks.
  void make_room() {
    if (--sure_ < 0) [[unlikely]] look_for_room();
  }
  [[gnu::noinline]] void look_for_room() {
    std::uint64_t least = EventRing::kSlots;
    for (EventRing* ring : rings_) least = std::min(least, ring->find_room());
    sure_ = static_cast<std::int64_t>(least) - 1;
  }
  template <class Write>
  void each(std::uint32_t type, Write&& write) {
    for (EventRing* ring : rings_)
      if (ring->wants(type)) ring->append(write);
  }

  std::vector<EventRing*> rings_;
  std::uint64_t wanted_ = 0;
  std::int64_t sure_ = 0;
  std::uint32_t gpu_;
};

}  // namespace lithos
