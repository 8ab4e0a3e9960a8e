// SPDX-License-Identifier: Apache-2.0
// A tenant that writes random bytes everywhere, and one that sends random messages: the daemon's readers return what
// is sound or nothing, with bounded work, and touch no memory but the area.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include "ipc/doorman.hpp"
#include "ipc/tenant_peer.hpp"
#include "unit/ipc/support.hpp"

namespace lithos::ipc {
namespace {

constexpr int kRounds = 3000;

Fd event() { return Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

void check(const Record& record, Nanoseconds now) {
  ASSERT_LE(static_cast<unsigned>(record.kind), static_cast<unsigned>(RecordKind::synchronised));
  ASSERT_LT(static_cast<unsigned>(record.coverage), kCoverageKinds);
  ASSERT_TRUE(TpcSet::first(66).contains(record.tpcs | record.spinning));
  ASSERT_LE(record.at, now + Nanoseconds{10'000'000});
  ASSERT_EQ(record.tenant, TenantId{5});
}

TEST(HostileTenant, RandomBytesInTheAreaHarmNobody) {
  const Fd daemon = event();
  Result<SharedMemory> memory = SharedMemory::make(daemon.get(), 1);
  ASSERT_TRUE(memory.ok()) << memory.status().message();
  auto* bytes = reinterpret_cast<unsigned char*>(&memory->area_at());
  TenantPeer peer(std::move(memory).value(), TenantId{5}, 1);
  std::mt19937_64 random(20);
  const Nanoseconds now{1'000'000'000};
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t start = (random() % sizeof(Area)) & ~std::size_t{7};
    const std::size_t length = std::min<std::size_t>(sizeof(Area) - start, 8 * (1 + random() % 512));
    for (std::size_t i = 0; i < length; i += 8) store(reinterpret_cast<std::uint64_t*>(bytes + start + i), random());
    for (std::uint64_t* position : {&reinterpret_cast<Area*>(bytes)->header.record_tail.value,
                                    &reinterpret_cast<Area*>(bytes)->header.submit_tail.value})
      store(position, load(position) + random() % 64);
    Record record;
    for (int i = 0; i < 64 && peer.take_record(TpcSet::first(66), now, record); ++i) check(record, now);
    WireSubmission submission;
    for (int i = 0; i < 64 && peer.take_submission(submission); ++i) {
      ASSERT_TRUE(is_sound(submission));
      peer.complete(submission.first_slot + submission.slots - 1, submission.generation, now, now);
      if (submission.masks > 0) (void)peer.mask(submission.first_mask + submission.masks - 1);
    }
    peer.publish_lease(testing::lease_number(static_cast<std::uint64_t>(round + 1)), [](TenantId) { return 1u; });
    peer.publish_operator(OperatorId{random() % 100000}, {});
    peer.ring_bell();
    (void)peer.pressure();
  }
  EXPECT_GT(peer.counters().bad_records, 0u);
}

TEST(HostileTenant, WritingWhileTheDaemonReadsHarmsNobody) {
  const Fd daemon = event();
  Result<SharedMemory> memory = SharedMemory::make(daemon.get(), 1);
  ASSERT_TRUE(memory.ok());
  Area& area = memory->area_at();
  TenantPeer peer(std::move(memory).value(), TenantId{5}, 1);
  std::atomic<bool> stop = false;
  std::thread writing([&] {
    std::mt19937_64 random(21);
    auto* words = reinterpret_cast<std::uint64_t*>(area.records);
    while (!stop) {
      store(words + random() % (sizeof area.records / 8), random() % 3 == 0 ? random() : random() % 8);
      if (random() % 16 == 0)
        store(&area.header.record_tail.value, random() % 4 == 0 ? random() : load(&area.header.record_head.value) + 32);
    }
  });
  const Nanoseconds now{1'000'000'000};
  for (int round = 0; round < 20'000; ++round) {
    Record record;
    if (peer.take_record(TpcSet::first(66), now, record)) check(record, now);
  }
  stop = true;
  writing.join();
}

TEST(HostileTenant, RandomMessagesEndTheConversation) {
  std::mt19937_64 random(22);
  for (int round = 0; round < 500; ++round) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    Channel daemon{Fd(pair[0])}, tenant{Fd(pair[1])};
    std::vector<std::byte> bytes(1 + random() % 600);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    if (bytes.size() >= sizeof(MessageHead) && random() % 2 == 0) {
      const MessageHead head{static_cast<MessageType>(random() % 12), static_cast<std::uint32_t>(bytes.size())};
      std::memcpy(bytes.data(), &head, sizeof head);
    }
    ASSERT_TRUE(tenant.send(bytes).ok());
    Received message;
    if (daemon.receive(message) == Channel::Got::message) { EXPECT_FALSE(judge_hello(message).ok()); }
  }
}

}  // namespace
}  // namespace lithos::ipc
