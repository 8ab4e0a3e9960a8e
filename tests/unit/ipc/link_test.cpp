// SPDX-License-Identifier: Apache-2.0
// TenantLink against a daemon made of its parts: handshake, versions, pressure pages, sleep and wake, fork, a daemon
// that comes back.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <filesystem>
#include <thread>

#include "ipc/attachment.hpp"
#include "ipc/doorman.hpp"
#include "ipc/tenant_peer.hpp"
#include "unit/ipc/support.hpp"

namespace lithos::ipc {
namespace {

GpuShape small_gpu() {
  GpuShape gpu;
  gpu.name = "small";
  gpu.tpcs = 8;
  gpu.gpcs = 1;
  gpu.gpc_of_tpc.assign(8, 0);
  gpu.mask_bit_of_tpc.assign(8, 0);
  gpu.clocks_mhz = {1980, 1000};
  return gpu;
}

// A daemon without an engine: answers one visitor at a time, on a thread of its own until `accept()` has returned.
class SmallDaemon {
 public:
  explicit SmallDaemon(std::string socket_path)
      : path(std::move(socket_path)), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    Result<Fd> made = listen_at(path, 0600, SOCK_SEQPACKET);
    EXPECT_TRUE(made.ok()) << made.status().message();
    if (made.ok()) listener = std::move(made).value();
    ::fcntl(listener.get(), F_SETFL, 0);
  }

  // Accepts, shakes hands, waits for `mapped`.
  void accept(std::uint32_t slot, std::uint32_t incarnation) {
    channel = std::make_unique<Channel>(Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    Received message;
    ASSERT_TRUE(channel->wait_for(message, Nanoseconds{5'000'000'000}));
    const Result<std::string> name = judge_hello(message);
    if (!name.ok()) return send_refused(*channel, name.status());
    Result<SharedMemory> memory = SharedMemory::make(wake.get(), incarnation);
    ASSERT_TRUE(memory.ok());
    peer = std::make_unique<TenantPeer>(std::move(memory).value(), TenantId{slot}, incarnation);
    ASSERT_TRUE(send_welcome(*channel, peer->memory(), TenantId{slot}, incarnation, small_gpu(), terms).ok());
    ASSERT_TRUE(channel->wait_for(message, Nanoseconds{5'000'000'000}));
    ASSERT_EQ(message.head.type, MessageType::mapped);
    ASSERT_TRUE(peer->memory().seal_pressure().ok());
  }
  void answer_checkpoint() {
    Received message;
    while (channel->wait_for(message, Nanoseconds{5'000'000'000})) {
      if (message.head.type != MessageType::checkpoint) continue;
      ASSERT_TRUE(send_reached(*channel, message.as<Checkpoint>()->number, 0, "").ok());
      return;
    }
  }
  bool was_woken() {
    std::uint64_t count = 0;
    return ::read(wake.get(), &count, sizeof count) == sizeof count;
  }
  void publish(const Lease& lease) {
    peer->publish_lease(lease, [](TenantId) { return 7u; });
    peer->ring_bell();
  }

  const TenantTerms terms{.memory_limit_bytes = 0, .submit_ahead_ns = 35'000};
  std::string path;
  Fd wake, listener;
  std::unique_ptr<Channel> channel;
  std::unique_ptr<TenantPeer> peer;
};

class LinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = (std::filesystem::temp_directory_path() / ("lithos-link-" + std::to_string(::getpid()))).string();
    std::filesystem::create_directories(folder);
    daemon = std::make_unique<SmallDaemon>(folder + "/d.sock");
    options.socket = daemon->path;
    options.name = "hp";
    options.retry_every = Nanoseconds{0};
  }
  void TearDown() override {
    link.reset();
    daemon.reset();
    std::filesystem::remove_all(folder);
  }
  void attach() {
    std::thread answering([&] { daemon->accept(3, 7); });
    Result<std::unique_ptr<TenantLink>> made = TenantLink::connect(options);
    answering.join();
    ASSERT_TRUE(made.ok()) << made.status().message();
    link = std::move(made).value();
  }

  std::string folder;
  TenantOptions options;
  std::unique_ptr<SmallDaemon> daemon;
  std::unique_ptr<TenantLink> link;
};

TEST_F(LinkTest, LeasesRecordsAndPressureCross) {
  attach();
  EXPECT_EQ(link->gpu().tpcs, 8u);
  EXPECT_EQ(link->gpu().clocks_mhz.size(), 2u);
  EXPECT_EQ(link->slot(), TenantId{3});
  EXPECT_EQ(to_u64(link->submit_ahead()), daemon->terms.submit_ahead_ns);
  EXPECT_EQ(link->lease().generation, 0u);
  daemon->publish(testing::lease_number(4, 2));
  EXPECT_TRUE(link->lease_changed());
  EXPECT_TRUE(testing::is_whole(link->lease()));
  EXPECT_FALSE(link->lease_changed());

  Record record = testing::record_number(1), got;
  record.tpcs = TpcSet::first(4);
  link->push(record);
  ASSERT_TRUE(daemon->peer->take_record(TpcSet::first(8), Nanoseconds{1'000'000'000}, got));
  EXPECT_EQ(got.op, record.op);
  EXPECT_EQ(got.tenant, TenantId{3});

  link->publish_pressure({Pressure::active, Nanoseconds{99}});
  EXPECT_EQ(daemon->peer->pressure().level, Pressure::active);
  EXPECT_EQ(daemon->peer->pressure().since, Nanoseconds{99});
}

TEST_F(LinkTest, ALendersPageIsReadAndOnlyThatOfItsTenancy) {
  attach();
  Result<SharedMemory> lender = SharedMemory::make(daemon->wake.get(), 7);
  ASSERT_TRUE(lender.ok());
  Mapping writable(lender->pressure.get(), kPage, true);
  ASSERT_TRUE(lender->seal_pressure().ok());
  store(&static_cast<PressurePage*>(writable.get())->word.value, to_wire(PressureWord{Pressure::idle, Nanoseconds{5}}));
  daemon->publish(testing::lease_number(1, 2));  // lenders 0 and 1, incarnation 7
  (void)link->lease();
  EXPECT_EQ(link->pressure_of(TenantId{1}).level, Pressure::pressed) << "no page yet";
  ASSERT_TRUE(send_board(*daemon->channel, lender->pressure.get(), TenantId{1}, 7).ok());
  (void)link->service(Nanoseconds{1});
  EXPECT_EQ(link->pressure_of(TenantId{1}).level, Pressure::idle);
  EXPECT_EQ(link->pressure_of(TenantId{1}).since, Nanoseconds{5});
  ASSERT_TRUE(send_board(*daemon->channel, lender->pressure.get(), TenantId{1}, 8).ok());  // somebody else's now
  (void)link->service(Nanoseconds{2});
  EXPECT_EQ(link->pressure_of(TenantId{1}).level, Pressure::pressed);
  EXPECT_EQ(link->pressure_of(TenantId{60000}).level, Pressure::pressed);
}

TEST_F(LinkTest, ASealedPageCannotBeMappedWritable) {
  attach();
  const int fd = daemon->peer->memory().pressure.get();
  EXPECT_EQ(::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  void* readable = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(readable, MAP_FAILED);
  EXPECT_NE(::mprotect(readable, kPage, PROT_READ | PROT_WRITE), 0);
  ::munmap(readable, kPage);
  EXPECT_NE(::ftruncate(daemon->peer->memory().area.get(), 0), 0);
}

TEST_F(LinkTest, OnlyTheFirstRecordAfterTheDaemonFellAsleepPaysAWake) {
  attach();
  Record record = testing::record_number(1);
  link->push(record);
  EXPECT_FALSE(daemon->was_woken());
  daemon->peer->daemon_sleeps();
  link->push(record);
  link->push(record);
  EXPECT_TRUE(daemon->was_woken());
  EXPECT_FALSE(daemon->was_woken());
  EXPECT_EQ(link->counters().wakes_paid, 1u);
}

TEST_F(LinkTest, AFullRingDropsAndCounts) {
  attach();
  for (std::size_t i = 0; i < kRecords + 3; ++i) link->push(testing::record_number(i + 1));
  EXPECT_EQ(link->counters().records_dropped, 3u);
  EXPECT_EQ(daemon->peer->records_dropped(), 3u);
}

TEST_F(LinkTest, AnotherVersionIsRefusedWithItsReason) {
  std::thread answering([&] { daemon->accept(3, 7); });
  Result<Fd> socket = connect_to(daemon->path, SOCK_SEQPACKET);
  ASSERT_TRUE(socket.ok());
  Channel channel(std::move(socket).value());
  Hello hello{};
  hello.magic = kMagic;
  hello.major = kMajor + 1;
  hello.sizes = kLayoutSizes;
  hello.name[0] = 'x';
  ASSERT_TRUE(channel.send(hello, MessageType::hello).ok());
  answering.join();
  Received answer;
  ASSERT_TRUE(channel.wait_for(answer, Nanoseconds{5'000'000'000}));
  ASSERT_EQ(answer.head.type, MessageType::refused);
  EXPECT_NE(std::string(answer.as<Refused>()->text).find("version " + std::to_string(kMajor + 1)), std::string::npos);
}

TEST_F(LinkTest, NoDaemonIsSaid) {
  options.socket = folder + "/nobody.sock";
  const Result<std::unique_ptr<TenantLink>> made = TenantLink::connect(options);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), StatusCode::unavailable);
}

// A daemon that is stopped, or busy for long: visitors beyond its queue must not wait for ever, nor a second daemon that asks
// whether the place is taken.
TEST_F(LinkTest, AListenerWhoseQueueIsFullMakesNobodyWaitForEver) {
  std::vector<Fd> queue;
  for (;;) {
    Result<Fd> visitor = connect_to(daemon->path, SOCK_SEQPACKET | SOCK_NONBLOCK);
    if (!visitor.ok()) break;
    queue.push_back(std::move(visitor).value());
  }
  ASSERT_FALSE(queue.empty());
  const Result<Fd> second = listen_at(daemon->path, 0600, SOCK_SEQPACKET);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("somebody listens there already"), std::string::npos) << second.status().message();
  options.socket = daemon->path;
  const Result<std::unique_ptr<TenantLink>> late = TenantLink::connect(options);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.status().code(), StatusCode::unavailable);
}

TEST_F(LinkTest, TheLastLeaseOutlivesTheDaemonWithoutWhatWasBorrowed) {
  attach();
  daemon->publish(testing::lease_number(5, 2));
  const TpcSet own = link->lease().own;
  EXPECT_FALSE(link->lease().borrowed[2].empty());
  daemon->channel->close();
  EXPECT_TRUE(link->service(Nanoseconds{1}));
  EXPECT_FALSE(link->attached());
  EXPECT_EQ(link->lease().own, own);
  EXPECT_TRUE(link->lease().borrowed[2].empty());
  EXPECT_NE(link->lease().generation, 5u) << "the executor must notice";
  link->push(testing::record_number(1));
  EXPECT_EQ(link->counters().records_dropped, 1u);
}

TEST_F(LinkTest, ReattachesAndRepeatsWhatItRegistered) {
  attach();
  ASSERT_TRUE(link->add_queue(QueueId{1}).ok());
  daemon->channel->close();
  daemon->listener.reset();
  (void)link->service(Nanoseconds{1});
  ASSERT_FALSE(link->attached());
  link->publish_pressure({Pressure::pressed, Nanoseconds{8}});
  daemon = std::make_unique<SmallDaemon>(options.socket);
  std::thread answering([&] {
    daemon->accept(1, 9);
    daemon->answer_checkpoint();
  });
  EXPECT_TRUE(link->service(Nanoseconds{2}));
  answering.join();
  EXPECT_TRUE(link->attached());
  EXPECT_EQ(link->slot(), TenantId{1});
  EXPECT_EQ(link->counters().attached, 2u);
  EXPECT_EQ(daemon->peer->pressure().level, Pressure::pressed);
}

TEST_F(LinkTest, SubmissionsReachTheDeviceAndTheirCompletionsComeBack) {
  attach();
  KernelInfo kernel;
  kernel.id = OperatorId{11};
  AtomSubmission atom;
  atom.queue = QueueId{1};
  atom.kernel = &kernel;
  atom.block_count = 5;
  atom.tpcs = TpcSet::first(3);
  for (std::uint64_t launch = 1; launch <= 2; ++launch) {
    atom.launch = LaunchId{launch};
    ASSERT_TRUE(link->submit(atom).ok());
  }
  WireSubmission first, second;
  ASSERT_TRUE(daemon->peer->take_submission(first));
  ASSERT_TRUE(daemon->peer->take_submission(second));
  EXPECT_EQ(first.op, 11u);
  EXPECT_EQ(from_wire(first.tpcs), TpcSet::first(3));
  std::vector<Completion> seen;
  const auto take = [&] { return link->take_completions([&](const Completion& done) { seen.push_back(done); }); };
  daemon->peer->complete(second.first_slot, second.generation, Nanoseconds{3}, Nanoseconds{4});
  EXPECT_EQ(take(), 0u) << "a queue completes in order";
  daemon->peer->complete(first.first_slot, first.generation, Nanoseconds{1}, Nanoseconds{2});
  EXPECT_EQ(take(), 2u);
  EXPECT_EQ(seen[0].launch, LaunchId{1});
  EXPECT_EQ(seen[1].completed, Nanoseconds{4});
  EXPECT_EQ(link->in_flight(), 0u);
}

TEST_F(LinkTest, WhatWasInFlightGoesToTheNextDaemonsDevice) {
  attach();
  KernelInfo kernel;
  kernel.id = OperatorId{11};
  AtomSubmission atom;
  atom.kernel = &kernel;
  atom.block_count = 5;
  atom.launch = LaunchId{1};
  ASSERT_TRUE(link->submit(atom).ok());
  daemon->channel->close();
  daemon->listener.reset();
  (void)link->service(Nanoseconds{1});
  atom.launch = LaunchId{2};
  ASSERT_TRUE(link->submit(atom).ok()) << "accepted without a daemon";
  daemon = std::make_unique<SmallDaemon>(options.socket);
  std::thread answering([&] { daemon->accept(1, 9); });
  EXPECT_TRUE(link->service(Nanoseconds{2}));
  answering.join();
  WireSubmission wire;
  for (std::uint64_t launch = 1; launch <= 2; ++launch) {
    ASSERT_TRUE(daemon->peer->take_submission(wire));
    EXPECT_EQ(wire.launch, launch);
  }
  EXPECT_EQ(link->counters().resubmitted, 1u);
}

TEST_F(LinkTest, AChildAfterForkIsDetachedAndLeavesTheParentAlone) {
  attach();
  daemon->publish(testing::lease_number(3, 0));
  (void)link->lease();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool good = !link->attached();
    link->push(testing::record_number(1));
    link->publish_pressure({Pressure::pressed, Nanoseconds{1}});
    good = good && link->decision(OperatorId{1}) == nullptr && !link->service(Nanoseconds{1});
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(link->attached());
  EXPECT_EQ(daemon->peer->pressure().level, Pressure::idle);
  Record record;
  EXPECT_FALSE(daemon->peer->take_record(TpcSet::first(8), Nanoseconds{1'000'000'000}, record));
}

TEST_F(LinkTest, ABellEndsTheSleepOfATenant) {
  attach();
  daemon->publish(testing::lease_number(1, 0));
  (void)link->lease();
  // The flag is up before the sleep, so the bell is never missed, whenever it rings.
  std::thread ringing([&] { daemon->publish(testing::lease_number(2, 0)); });
  while (!link->lease_changed()) link->wait(Nanoseconds{1}, Nanoseconds{5'000'000'000});
  ringing.join();
  EXPECT_EQ(link->lease().generation, 2u);
}

// The shim's service thread has a poll of its own.
TEST_F(LinkTest, WhoListensIsRungForALeaseAndWhoDoesNotCostsTheDaemonNothing) {
  attach();
  daemon->publish(testing::lease_number(1, 0));
  EXPECT_EQ(daemon->peer->counters().wakes_paid, 0u);
  (void)link->lease();
  pollfd bell{link->listen(), POLLIN, 0};
  ASSERT_GE(bell.fd, 0);
  EXPECT_FALSE(link->lease_changed());
  EXPECT_EQ(::poll(&bell, 1, 0), 0);
  daemon->publish(testing::lease_number(2, 0));
  EXPECT_EQ(::poll(&bell, 1, 5'000), 1);
  EXPECT_TRUE(link->lease_changed());
  link->stop_listening();
  daemon->publish(testing::lease_number(3, 0));
  EXPECT_EQ(::poll(&bell, 1, 0), 0);
  EXPECT_EQ(daemon->peer->counters().wakes_paid, 1u);
}

}  // namespace
}  // namespace lithos::ipc
