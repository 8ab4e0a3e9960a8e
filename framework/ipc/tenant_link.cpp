// SPDX-License-Identifier: Apache-2.0
#include "ipc/tenant_link.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>

#include "ipc/attachment.hpp"
#include "ipc/remote_device.hpp"
#include "ipc/wake.hpp"
#include "ipc/wire.hpp"

namespace lithos::ipc {
namespace {

// A lease that says "what you had, without what was others'" gets this bit, so that the executor sees another
// generation. No daemon counts this far, and no record is sent while it is in force.
constexpr std::uint64_t kWithoutDaemon = std::uint64_t{1} << 63;

template <class T>
std::vector<std::byte> message_bytes(T head_struct, MessageType type, std::span<const std::byte> first,
                                     std::span<const std::byte> second) {
  head_struct.head = {type, static_cast<std::uint32_t>(sizeof(T) + first.size() + second.size())};
  std::vector<std::byte> bytes(head_struct.head.bytes);
  std::memcpy(bytes.data(), &head_struct, sizeof(T));
  if (!first.empty()) std::memcpy(bytes.data() + sizeof(T), first.data(), first.size());
  if (!second.empty()) std::memcpy(bytes.data() + sizeof(T) + first.size(), second.data(), second.size());
  return bytes;
}

// Until the descriptor is ready; false: not within the limit. A signal that the program catches is not the daemon's silence.
bool becomes_ready(int fd, short events, Nanoseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wait{fd, events, 0};
    const int ready = ::poll(&wait, 1, std::max(0, static_cast<int>(left.count())));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

struct TenantLink::Impl {
  explicit Impl(const TenantOptions& given) : options(given) {}

  Status attach();
  void detach();
  Status repeat_registrations();
  Status say(std::vector<std::byte> message);
  bool read_socket();
  Status await_checkpoint(std::uint64_t number);
  void refresh_lease();

  TenantOptions options;
  std::unique_ptr<Attachment> link;  // kept, but silent, after the daemon has gone: addresses stay valid
  std::vector<std::unique_ptr<Attachment>> replaced;
  bool attached = false;
  bool forked = false;
  RemoteDevice device;
  std::vector<std::vector<std::byte>> registrations;
  std::uint64_t last_checkpoint = 0, reached = 0;
  Status refused;  // what the last `reached` said
  Nanoseconds next_try{0};
  PressureWord pressure;
  std::array<std::uint64_t, Lease::kMaxLenders> key_of_slot{};
  WireLease wire{};
  std::uint64_t lender_keys[Lease::kMaxLenders] = {};
  Lease lease;
  LinkCounters counters;
};

namespace {

// Links of this process, for the fork handler. The lock is taken around fork, so the list is whole in the child.
std::mutex& links_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::vector<std::function<void()>*>& links() {
  static std::vector<std::function<void()>*> list;
  return list;
}
void before_fork() { links_mutex().lock(); }
void after_fork_parent() { links_mutex().unlock(); }
void after_fork_child() {
  for (std::function<void()>* detach : links()) (*detach)();
  links_mutex().unlock();
}

}  // namespace

// ---- attaching -------------------------------------------------------------------------------------------

Status TenantLink::Impl::attach() {
  Result<std::unique_ptr<Attachment>> made = Attachment::make(options);
  if (!made.ok()) return made.status();
  if (link != nullptr && options.read_by_others) replaced.push_back(std::move(link));
  link = std::move(made).value();
  attached = true;
  ++counters.attached;
  key_of_slot = {};
  store(&static_cast<PressurePage*>(link->pressure_map.get())->word.value, to_wire(pressure),
        std::memory_order_seq_cst);
  if (Status status = repeat_registrations(); !status.ok()) {
    detach();
    return status;
  }
  counters.resubmitted += device.attached_to(link.get());
  return {};
}

void TenantLink::Impl::detach() {
  attached = false;
  device.attached_to(nullptr);
  link->channel.close();
  // The last lease stays in force; what was borrowed lapses, because nobody could tell its owners' wishes apart any
  // more.
  if (lease.generation == 0) return;
  lease.generation |= kWithoutDaemon;
  lease.borrowed = {};
  lease.lenders = 0;
  lease.hold = false;
}

Status TenantLink::Impl::repeat_registrations() {
  if (registrations.empty()) return {};
  for (const std::vector<std::byte>& message : registrations)
    if (Status status = say(message); !status.ok()) return status;
  Checkpoint checkpoint{{}, ++last_checkpoint};
  if (Status status = say(message_bytes(checkpoint, MessageType::checkpoint, {}, {})); !status.ok()) return status;
  return await_checkpoint(last_checkpoint);
}

// Waits a little where the daemon is slower than we are: registrations only, never the launch path.
Status TenantLink::Impl::say(std::vector<std::byte> message) {
  if (!attached) return unavailable("not attached to lithosd");
  for (;;) {
    Status status = link->channel.send(message);
    if (status.code() != StatusCode::exhausted) return status;
    if (!becomes_ready(link->channel.fd(), POLLOUT, options.answer_limit)) return status;
  }
}

// False: the daemon has gone.
bool TenantLink::Impl::read_socket() {
  Received message;
  for (;;) {
    const Channel::Got got = link->channel.receive(message);
    if (got == Channel::Got::nothing) return true;
    if (got == Channel::Got::closed) return false;
    if (message.head.type == MessageType::board && message.as<Board>() != nullptr && message.fds.size() == 1) {
      link->take_board(*message.as<Board>(), std::move(message.fds[0]));
    } else if (message.head.type == MessageType::reached && message.as<Reached>() != nullptr) {
      const Reached& answer = *message.as<Reached>();
      reached = answer.number;
      refused = answer.refused == 0
                    ? Status{}
                    : invalid_argument(std::string(answer.text, strnlen(answer.text, sizeof answer.text)));
    } else {
      return false;
    }
  }
}

Status TenantLink::Impl::await_checkpoint(std::uint64_t number) {
  while (reached < number) {
    if (!read_socket()) return unavailable("lithosd has gone");
    if (reached >= number) break;
    if (!becomes_ready(link->channel.fd(), POLLIN, options.answer_limit))
      return unavailable(options.socket + ": lithosd did not answer");
  }
  return std::exchange(refused, Status{});
}

TenantLink::TenantLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<TenantLink>> TenantLink::connect(const TenantOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  if (Status status = impl->attach(); !status.ok()) return status;
  std::unique_ptr<TenantLink> link(new TenantLink(std::move(impl)));
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(&before_fork, &after_fork_parent, &after_fork_child); });
  Impl* const raw = link->impl_.get();
  raw->device.on_fork = [raw] {
    raw->attached = false;
    raw->forked = true;
    raw->link->detach_after_fork();
    for (auto& before : raw->replaced) before->detach_after_fork();
    raw->device.attached_to(nullptr);
  };
  const std::lock_guard lock(links_mutex());
  links().push_back(&raw->device.on_fork);
  return link;
}

TenantLink::~TenantLink() {
  const std::lock_guard lock(links_mutex());
  std::erase(links(), &impl_->device.on_fork);
}

const GpuShape& TenantLink::gpu() const { return impl_->link->gpu; }
Nanoseconds TenantLink::submit_ahead() const { return from_u64(impl_->link->terms.submit_ahead_ns); }
TenantId TenantLink::slot() const { return impl_->link->slot; }
bool TenantLink::attached() const { return impl_->attached; }
const TenantTerms& TenantLink::terms() const { return impl_->link->terms; }
Attachment& TenantLink::attachment() { return *impl_->link; }
const LinkCounters& TenantLink::counters() const {
  impl_->counters.refused_by_device = impl_->device.refused();
  return impl_->counters;
}

// ---- registrations ---------------------------------------------------------------------------------------

Status TenantLink::add_queue(QueueId queue) {
  QueueMessage message{{}, value_of(queue), 0};
  impl_->registrations.push_back(message_bytes(message, MessageType::queue, {}, {}));
  return impl_->say(impl_->registrations.back());
}

Status TenantLink::remove_queue(QueueId queue) {
  QueueMessage message{{}, value_of(queue), 0};
  std::erase(impl_->registrations, message_bytes(message, MessageType::queue, {}, {}));
  message.removed = 1;
  return impl_->say(message_bytes(message, MessageType::queue, {}, {}));
}

Status TenantLink::add_kernel(const KernelInfo& kernel, std::span<const CurvePoint> curve) {
  if (kernel.name.size() > kKernelNameMax || curve.size() > kCurvePointsMax)
    return exhausted("kernel name or time curve too long");
  KernelMessage message{};
  message.op = value_of(kernel.id);
  const auto copy = [](std::uint32_t(&to)[3], const Dim3& from) { to[0] = from.x, to[1] = from.y, to[2] = from.z; };
  copy(message.grid, kernel.grid);
  copy(message.block, kernel.block);
  copy(message.cluster, kernel.cluster);
  message.registers_per_thread = kernel.registers_per_thread;
  message.shared_bytes = kernel.shared_bytes;
  message.launch_special = kernel.launch_special ? 1 : 0;
  message.points = static_cast<std::uint32_t>(curve.size());
  message.name_bytes = static_cast<std::uint32_t>(kernel.name.size());
  impl_->registrations.push_back(message_bytes(message, MessageType::kernel, std::as_bytes(curve),
                                               std::as_bytes(std::span(kernel.name.data(), kernel.name.size()))));
  return impl_->say(impl_->registrations.back());
}

Status TenantLink::add_graph(const GraphInfo& graph) {
  if (graph.nodes.size() > kGraphNodesMax || graph.name.size() > kKernelNameMax) return exhausted("graph too large");
  std::vector<std::uint64_t> ops;
  for (const KernelInfo* node : graph.nodes) ops.push_back(value_of(node->id));
  GraphMessage message{};
  message.op = value_of(graph.id);
  message.nodes = static_cast<std::uint32_t>(ops.size());
  message.name_bytes = static_cast<std::uint32_t>(graph.name.size());
  impl_->registrations.push_back(message_bytes(message, MessageType::graph, std::as_bytes(std::span(ops)),
                                               std::as_bytes(std::span(graph.name.data(), graph.name.size()))));
  return impl_->say(impl_->registrations.back());
}

Status TenantLink::checkpoint() {
  Checkpoint message{{}, ++impl_->last_checkpoint};
  if (Status status = impl_->say(message_bytes(message, MessageType::checkpoint, {}, {})); !status.ok()) return status;
  return impl_->await_checkpoint(message.number);
}

// ---- TenantPort ------------------------------------------------------------------------------------------

void TenantLink::Impl::refresh_lease() {
  if (!link->leases->take(wire)) return;
  from_wire(wire, lease, lender_keys);
  for (std::uint32_t i = 0; i < lease.lenders; ++i)
    if (value_of(lease.lender[i].tenant) < kTenantsMax) key_of_slot[value_of(lease.lender[i].tenant)] = lender_keys[i];
}

const Lease& TenantLink::lease() {
  if (impl_->attached && impl_->link->leases->changed()) [[unlikely]]
    impl_->refresh_lease();
  return impl_->lease;
}

bool TenantLink::lease_changed() const { return impl_->attached && impl_->link->leases->changed(); }

const OperatorDecision* TenantLink::decision(OperatorId op) {
  return impl_->forked ? nullptr : impl_->link->operators->find(op);
}

PressureWord TenantLink::pressure_of(TenantId lender) {
  if (value_of(lender) >= kTenantsMax) return {Pressure::pressed, Nanoseconds{0}};
  return impl_->link->pressure_of(impl_->key_of_slot[value_of(lender)]);
}

void TenantLink::publish_pressure(const PressureWord& word) {
  impl_->pressure = word;
  if (!impl_->attached) return;
  store(&static_cast<PressurePage*>(impl_->link->pressure_map.get())->word.value, to_wire(word),
        std::memory_order_seq_cst);
}

void TenantLink::push(const Record& record) {
  if (!impl_->attached || !impl_->link->records->push(to_wire(record))) [[unlikely]] {
    ++impl_->counters.records_dropped;
    if (impl_->attached) store(&impl_->link->header().records_dropped.value, impl_->counters.records_dropped);
    return;
  }
  if (impl_->link->wake_daemon()) ++impl_->counters.wakes_paid;
}

// ---- Device ----------------------------------------------------------------------------------------------

Status TenantLink::submit(const AtomSubmission& atom) { return impl_->device.submit(atom); }
Status TenantLink::submit_graph(const GraphSubmission& graph) { return impl_->device.submit_graph(graph); }
std::size_t TenantLink::take_completions(const std::function<void(const Completion&)>& seen) {
  return impl_->device.take_completions(seen);
}
std::uint32_t TenantLink::in_flight() const { return impl_->device.in_flight(); }

// ---- rare things -----------------------------------------------------------------------------------------

bool TenantLink::service(Nanoseconds now) {
  Impl& impl = *impl_;
  if (impl.forked) return false;
  if (impl.attached) {
    const std::uint32_t retried = impl.device.retry();
    if (impl.read_socket()) return retried > 0;
    impl.detach();
    impl.next_try = now;
    return true;
  }
  if (now < impl.next_try) return false;
  impl.next_try = now + impl.options.retry_every;
  return impl.attach().ok();
}

int TenantLink::listen() {
  if (!impl_->attached) return -1;
  raise_flag(&impl_->link->header().tenant_asleep.value);
  return impl_->link->tenant_event.get();
}

void TenantLink::stop_listening() {
  if (!impl_->attached) return;
  drain_event(impl_->link->tenant_event.get());
  lower_flag(&impl_->link->header().tenant_asleep.value);
}

void TenantLink::wait(Nanoseconds now, Nanoseconds until) {
  Impl& impl = *impl_;
  if (!impl.attached && !impl.forked) until = std::min(until, impl.next_try);
  if (until <= now) return;
  const Nanoseconds most{1'000'000'000};
  const Nanoseconds left = std::min(until - now, most);
  const timespec limit{static_cast<time_t>(left.count() / 1'000'000'000),
                       static_cast<long>(left.count() % 1'000'000'000)};
  if (!impl.attached) {
    ::ppoll(nullptr, 0, &limit, nullptr);
    return;
  }
  pollfd fds[2] = {{listen(), POLLIN, 0}, {impl.link->channel.fd(), POLLIN, 0}};
  if (!impl.link->leases->changed() && !impl.device.any_completed()) ::ppoll(fds, 2, &limit, nullptr);
  stop_listening();
}

}  // namespace lithos::ipc
