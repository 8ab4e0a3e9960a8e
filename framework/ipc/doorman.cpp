// SPDX-License-Identifier: Apache-2.0
#include "ipc/doorman.hpp"

#include <algorithm>
#include <cstring>

#include "ipc/attachment.hpp"

namespace lithos::ipc {
namespace {

template <std::size_t Size>
void copy_text(char (&to)[Size], const std::string& from) {
  std::memcpy(to, from.data(), std::min(from.size(), Size - 1));
}

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 0x7f; });
}

}  // namespace

Result<std::string> judge_hello(const Received& message) {
  const Hello* hello = message.head.type == MessageType::hello ? message.as<Hello>() : nullptr;
  if (hello == nullptr || hello->magic != kMagic) return invalid_argument("not a LithOS tenant");
  if (hello->major != kMajor)
    return incompatible("built for version " + std::to_string(hello->major) +
                        " of the shared memory, this daemon speaks " + std::to_string(kMajor));
  if (hello->sizes != kLayoutSizes)
    return incompatible("built for another layout of the shared memory: rebuild it with this daemon");
  std::string name(hello->name, strnlen(hello->name, sizeof hello->name));
  if (!is_name(name) || name.size() == sizeof hello->name)
    return invalid_argument("a tenant needs a name of printable characters");
  return name;
}

Status send_welcome(Channel& channel, const SharedMemory& memory, TenantId slot, std::uint32_t incarnation,
                    const GpuShape& gpu, const TenantTerms& terms) {
  Welcome welcome{};
  welcome.slot = value_of(slot);
  welcome.incarnation = incarnation;
  welcome.major = kMajor;
  welcome.minor = kMinor;
  welcome.gpu = to_wire(gpu);
  welcome.terms = terms;
  const int fds[kWelcomeFds] = {memory.area.get(), memory.pressure.get(), memory.daemon_event.get(),
                                memory.tenant_event.get()};
  return channel.send(welcome, MessageType::welcome, fds);
}

void send_refused(Channel& channel, const Status& why) {
  Refused refused{};
  refused.code = static_cast<std::uint32_t>(why.code());
  copy_text(refused.text, why.message());
  (void)channel.send(refused, MessageType::refused);  // whoever does not listen will see the hang-up
}

Status send_board(Channel& channel, int page_fd, TenantId slot, std::uint32_t incarnation) {
  Board board{{}, value_of(slot), incarnation};
  return channel.send(board, MessageType::board, std::span(&page_fd, 1));
}

Status send_reached(Channel& channel, std::uint64_t number, std::uint64_t refused, const std::string& why) {
  Reached reached{};
  reached.number = number;
  reached.refused = refused;
  copy_text(reached.text, why);
  return channel.send(reached, MessageType::reached);
}

}  // namespace lithos::ipc
