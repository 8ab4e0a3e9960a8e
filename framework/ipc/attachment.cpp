// SPDX-License-Identifier: Apache-2.0
#include "ipc/attachment.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "ipc/wake.hpp"

namespace lithos::ipc {
namespace {

constexpr std::uint64_t kSubmitAheadMost_ns = 10'000'000'000;

void copy_text(char* to, std::size_t size, const std::string& from) {
  std::memset(to, 0, size);
  std::memcpy(to, from.data(), std::min(from.size(), size - 1));
}

}  // namespace

WireGpu to_wire(const GpuShape& gpu) {
  WireGpu wire{};
  copy_text(wire.name, sizeof wire.name, gpu.name);
  wire.tpcs = gpu.tpcs;
  wire.sms_per_tpc = gpu.sms_per_tpc;
  wire.gpcs = gpu.gpcs;
  wire.threads_per_sm = gpu.threads_per_sm;
  wire.blocks_per_sm = gpu.blocks_per_sm;
  wire.registers_per_sm = gpu.registers_per_sm;
  wire.shared_bytes_per_sm = gpu.shared_bytes_per_sm;
  wire.power_limit_w = gpu.power_limit_w;
  for (std::size_t i = 0; i < std::min<std::size_t>(gpu.tpcs, TpcSet::kMaxTpcs); ++i) {
    wire.gpc_of_tpc[i] = i < gpu.gpc_of_tpc.size() ? gpu.gpc_of_tpc[i] : kNoGpc;
    wire.mask_bit_of_tpc[i] = i < gpu.mask_bit_of_tpc.size() ? gpu.mask_bit_of_tpc[i] : 0;
  }
  wire.clocks = static_cast<std::uint32_t>(std::min(gpu.clocks_mhz.size(), kClocksMax));
  std::copy_n(gpu.clocks_mhz.begin(), wire.clocks, wire.clocks_mhz);
  return wire;
}

Result<GpuShape> from_wire(const WireGpu& wire) {
  if (wire.tpcs == 0 || wire.tpcs > TpcSet::kMaxTpcs || wire.clocks > kClocksMax)
    return incompatible("the daemon describes a GPU that cannot be");
  GpuShape gpu;
  gpu.name.assign(wire.name, strnlen(wire.name, sizeof wire.name));
  gpu.tpcs = wire.tpcs;
  gpu.sms_per_tpc = wire.sms_per_tpc;
  gpu.gpcs = wire.gpcs;
  gpu.threads_per_sm = wire.threads_per_sm;
  gpu.blocks_per_sm = wire.blocks_per_sm;
  gpu.registers_per_sm = wire.registers_per_sm;
  gpu.shared_bytes_per_sm = wire.shared_bytes_per_sm;
  gpu.power_limit_w = wire.power_limit_w;
  gpu.gpc_of_tpc.assign(wire.gpc_of_tpc, wire.gpc_of_tpc + wire.tpcs);
  gpu.mask_bit_of_tpc.assign(wire.mask_bit_of_tpc, wire.mask_bit_of_tpc + wire.tpcs);
  gpu.clocks_mhz.assign(wire.clocks_mhz, wire.clocks_mhz + wire.clocks);
  return gpu;
}

Result<std::unique_ptr<Attachment>> Attachment::make(const TenantOptions& options) {
  if (options.name.empty() || options.name.size() >= kNameBytes)
    return invalid_argument("tenant name \"" + options.name + "\": expected 1 … " + std::to_string(kNameBytes - 1) +
                            " bytes");
  Result<Fd> socket = connect_to(options.socket, SOCK_SEQPACKET);
  if (!socket.ok()) return socket.status();
  auto made = std::make_unique<Attachment>();
  made->channel = Channel(std::move(socket).value());
  if (Status status = made->greet(options); !status.ok()) return status;
  return made;
}

Status Attachment::greet(const TenantOptions& options) {
  Hello hello{};
  hello.magic = kMagic;
  hello.major = kMajor;
  hello.minor = kMinor;
  hello.sizes = kLayoutSizes;
  copy_text(hello.name, sizeof hello.name, options.name);
  if (Status status = channel.send(hello, MessageType::hello); !status.ok()) return status;
  Received answer;
  if (!channel.wait_for(answer, options.answer_limit)) return unavailable(options.socket + ": lithosd did not answer");
  if (answer.head.type == MessageType::refused && answer.as<Refused>() != nullptr) {
    const Refused& refused = *answer.as<Refused>();
    const auto code = refused.code > 0 && refused.code <= static_cast<std::uint32_t>(StatusCode::internal)
                          ? static_cast<StatusCode>(refused.code)
                          : StatusCode::unavailable;
    return {code, "lithosd refused: " + std::string(refused.text, strnlen(refused.text, sizeof refused.text))};
  }
  const Welcome* welcome = answer.head.type == MessageType::welcome ? answer.as<Welcome>() : nullptr;
  if (welcome == nullptr || answer.fds.size() != kWelcomeFds) return incompatible("lithosd's answer is not a welcome");
  return map(*welcome, answer.fds);
}

Status Attachment::map(const Welcome& welcome, std::vector<Fd>& fds) {
  if (welcome.major != kMajor || welcome.slot >= kTenantsMax) return incompatible("lithosd speaks another version");
  Result<GpuShape> shape = from_wire(welcome.gpu);
  if (!shape.ok()) return shape.status();
  gpu = std::move(shape).value();
  terms = welcome.terms;
  terms.submit_ahead_ns = std::min(terms.submit_ahead_ns, kSubmitAheadMost_ns);
  slot = TenantId{welcome.slot};
  incarnation = welcome.incarnation;
  area_map = Mapping(fds[0].get(), sizeof(Area), true);
  pressure_map = Mapping(fds[1].get(), kPage, true);
  if (!area_map || !pressure_map)
    return unavailable(std::string("cannot map the shared memory: ") + std::strerror(errno));
  if (header().magic != kMagic || header().major != kMajor || header().bytes != sizeof(Area))
    return incompatible("the shared memory has another layout");
  daemon_event = std::move(fds[2]);
  tenant_event = std::move(fds[3]);
  leases = std::make_unique<LeaseReader>(area());
  operators = std::make_unique<OperatorTableReader>(area());
  records = std::make_unique<RingWriter<WireRecord, kRecords>>(area().records, &header().record_tail.value,
                                                               &header().record_head.value);
  submissions = std::make_unique<RingWriter<WireSubmission, kSubmissions>>(
      area().submissions, &header().submit_tail.value, &header().submit_head.value);
  Mapped mapped{};
  return channel.send(mapped, MessageType::mapped);
}

void Attachment::take_board(const Board& board, Fd page) {
  if (board.slot >= kTenantsMax) return;
  Mapping map(page.get(), kPage, false);
  if (!map) return;  // its owner then counts as pressed
  if (others[board.slot].map) replaced_pages.push_back(std::move(others[board.slot].map));
  others[board.slot].map = std::move(map);
  others[board.slot].incarnation = board.incarnation;
}

PressureWord Attachment::pressure_of(std::uint64_t lender_key) const {
  const auto index = static_cast<std::uint32_t>(lender_key);
  const auto wanted = static_cast<std::uint32_t>(lender_key >> 32);
  if (index >= kTenantsMax || others[index].incarnation != wanted || !others[index].map)
    return {Pressure::pressed, Nanoseconds{0}};
  return pressure_from_wire(load(&static_cast<const PressurePage*>(others[index].map.get())->word.value));
}

bool Attachment::wake_daemon() { return wake_if_asleep(&header().daemon_asleep.value, daemon_event.get()); }

void Attachment::detach_after_fork() {
  area_map.detach_after_fork();
  pressure_map.detach_after_fork();
  for (OtherPage& other : others) other.map.detach_after_fork();
  for (Mapping& page : replaced_pages) page.detach_after_fork();
  channel.close();
  daemon_event.reset();
  tenant_event.reset();
}

}  // namespace lithos::ipc
