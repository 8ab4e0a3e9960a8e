// SPDX-License-Identifier: Apache-2.0
// A tenant that writes random bytes into its memory and says random things, while another works.
#include <sys/mman.h>
#include <sys/socket.h>

#include <random>

#include "fault/support.hpp"
#include "ipc/attachment.hpp"
#include "ipc/wake.hpp"

namespace lithos::testing {
namespace {

class Hostile : public LithosdTest {};

void scribble(ipc::Attachment& link, std::mt19937_64& random) {
  auto* words = reinterpret_cast<std::uint64_t*>(&link.area());
  const std::size_t count = sizeof(ipc::Area) / 8;
  for (int i = 0; i < 2000; ++i) ipc::store(words + random() % count, random() % 2 == 0 ? random() : random() % 64);
  ipc::store(&link.header().record_tail.value, random());
  ipc::store(&link.header().submit_tail.value, random() % 100000);
  (void)link.wake_daemon();
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(link.daemon_event.get(), &one, sizeof one);
}

TEST_F(Hostile, RandomBytesHarmNobodyElse) {
  start();
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  const int daemon = daemon_pid();
  std::mt19937_64 random(3);
  for (int round = 0; round < 10; ++round) {
    Result<std::unique_ptr<ipc::Attachment>> made =
        ipc::Attachment::make({.socket = folder.at("tenants.sock"), .name = "mallory"});
    ASSERT_TRUE(made.ok()) << made.status().message();
    for (int i = 0; i < 20; ++i) scribble(*made.value(), random);
    const std::int64_t before = atoms_of("a");
    ASSERT_TRUE(works("a", before + 20)) << "the other one goes on";
  }
  EXPECT_EQ(daemon_pid(), daemon);
  ASSERT_TRUE(eventually([&] { return ask("status").value().integer_of("tenants") == 1; }));
  a.signal(SIGTERM);
  expect_exact(a);
}

TEST_F(Hostile, RandomMessagesEndTheConnectionOnly) {
  start();
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    Result<std::unique_ptr<ipc::Attachment>> made =
        ipc::Attachment::make({.socket = folder.at("tenants.sock"), .name = "mallory"});
    ASSERT_TRUE(made.ok()) << made.status().message();
    std::vector<std::byte> bytes(sizeof(ipc::MessageHead) + random() % 400);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const ipc::MessageHead head{static_cast<ipc::MessageType>(random() % 12), static_cast<std::uint32_t>(bytes.size())};
    std::memcpy(bytes.data(), &head, sizeof head);
    (void)made.value()->channel.send(bytes);
  }
  const std::int64_t before = atoms_of("a");
  ASSERT_TRUE(works("a", before + 20));
  ASSERT_TRUE(eventually([&] { return ask("status").value().integer_of("tenants") == 1; }));
  a.signal(SIGTERM);
  expect_exact(a);
}

}  // namespace
}  // namespace lithos::testing
