// SPDX-License-Identifier: Apache-2.0
// Tenants coming and going. What happens per launch is in engine_room.cpp.
#include <algorithm>

#include "daemon/clock.hpp"
#include "daemon/engine_room_impl.hpp"
#include "engine/places.hpp"
#include "ipc/doorman.hpp"

namespace lithos {
namespace {

constexpr std::size_t kVisitorsMax = 256;  // connections, tenants included
constexpr std::size_t kMessagesPerRead = 64;
constexpr std::size_t kTurnsAtParting = 64;  // enough for full rings; a hostile tenant may go on writing
constexpr std::size_t kQueuesMax = VirtualDevice::kQueuesMax;

}  // namespace

std::uint64_t EngineRoom::add_visitor(ipc::Channel channel, int pid) {
  if (sessions_.size() >= kVisitorsMax) {
    ipc::send_refused(channel, exhausted("too many connections"));
    return 0;
  }
  auto session = std::make_unique<Session>();
  session->key = next_key_++;
  session->pid = pid;
  session->channel = std::move(channel);
  sessions_.push_back(std::move(session));
  return sessions_.back()->key;
}

EngineRoom::Session* EngineRoom::find(std::uint64_t key) const {
  for (const auto& session : sessions_)
    if (session->key == key && !session->parted) return session.get();
  return nullptr;
}

int EngineRoom::fd_of(std::uint64_t key) const {
  const Session* session = find(key);
  return session != nullptr ? session->channel.fd() : -1;
}

bool EngineRoom::read(std::uint64_t key) {
  Session* session = find(key);
  if (session == nullptr) return false;
  const Nanoseconds now = monotonic_now();
  if (hear(*session, now)) return true;
  part(*session, now);
  return false;
}

// False: the connection has ended, or something was said that ends it.
bool EngineRoom::hear(Session& session, Nanoseconds now) {
  ipc::Received message;
  // A bounded number: one talkative tenant must not keep the others waiting.
  for (std::size_t i = 0; i < kMessagesPerRead; ++i) {
    const ipc::Channel::Got got = session.channel.receive(message);
    if (got == ipc::Channel::Got::nothing) return true;
    if (got == ipc::Channel::Got::closed || !obey(session, message, now)) return false;
  }
  return true;
}

void EngineRoom::hang_up(std::uint64_t key) {
  if (Session* session = find(key)) part(*session, monotonic_now());
}

// False: it said something that ends the connection.
bool EngineRoom::obey(Session& session, ipc::Received& message, Nanoseconds now) {
  using ipc::MessageType;
  last_input_ = now;
  if (session.peer == nullptr) {
    Result<std::string> name = ipc::judge_hello(message);
    Status status = name.ok() ? admit(session, name.value(), now) : name.status();
    if (!status.ok()) ipc::send_refused(session.channel, status);
    return status.ok();
  }
  switch (message.head.type) {
    case MessageType::mapped:
      if (session.sealed) return false;
      session.sealed = session.peer->memory().seal_pressure().ok();
      if (session.sealed) share_pages(session);
      return session.sealed;
    case MessageType::queue:
    case MessageType::kernel:
    case MessageType::graph: return register_something(session, message, now);
    case MessageType::checkpoint: {
      const auto* checkpoint = message.as<ipc::Checkpoint>();
      if (checkpoint == nullptr) return false;
      const Status sent =
          ipc::send_reached(session.channel, checkpoint->number, session.refusals, session.first_refusal);
      session.refusals = 0;
      session.first_refusal.clear();
      return sent.ok();
    }
    default: return false;
  }
}

bool EngineRoom::register_something(Session& session, ipc::Received& message, Nanoseconds now) {
  Status refused;
  const TenantId tenant = session.peer->slot();
  if (message.head.type == ipc::MessageType::queue) {
    const auto* queue = message.as<ipc::QueueMessage>();
    if (queue == nullptr) return false;
    const auto known = std::find(session.queues.begin(), session.queues.end(), queue->queue);
    if (queue->removed != 0) {
      if (known != session.queues.end()) engine_.queue_removed(tenant, QueueId{queue->queue}, now);
    } else if (known == session.queues.end() && session.queues.size() >= kQueuesMax) {
      refused = exhausted("more than " + std::to_string(kQueuesMax) + " launch queues");
    } else {
      if (known == session.queues.end()) session.queues.push_back(queue->queue);
      engine_.queue_added(tenant, QueueId{queue->queue}, now);
    }
  } else if (message.head.type == ipc::MessageType::kernel) {
    const Result<const KernelInfo*> kernel = registry_.add_kernel(message, session.operators);
    if (kernel.ok()) engine_.register_kernel(tenant, *kernel.value(), now);
    else refused = kernel.status();
  } else {
    const Result<const GraphInfo*> graph = registry_.add_graph(message, session.operators);
    if (graph.ok()) engine_.register_graph(tenant, *graph.value(), now);
    else refused = graph.status();
  }
  if (refused.ok()) return true;
  if (++session.refusals == 1) session.first_refusal = refused.message();
  return true;
}

TenantSpec EngineRoom::spec_of(const std::string& name, bool& known) const {
  for (const TenantConfig& tenant : config_.tenants) {
    if (tenant.name != name) continue;
    known = true;
    return configured_spec(tenant, config_.gpu, config_.tenants, config_.set);
  }
  return {.name = name};
}

ipc::TenantTerms EngineRoom::terms_of(const std::string& name) const {
  ipc::TenantTerms terms;
  terms.submit_ahead_ns = to_u64(config_.set.submit_ahead);
  for (const TenantConfig& tenant : config_.tenants) {
    if (tenant.name != name) continue;
    terms.memory_limit_bytes = tenant.memory_limit_bytes;
    terms.advertised_tpcs = tenant.advertised_tpcs;
  }
  return terms;
}

Status EngineRoom::admit(Session& session, const std::string& name, Nanoseconds now) {
  bool configured = false;
  session.spec = spec_of(name, configured);
  if (configured) {
    for (const auto& other : sessions_)
      if (other->peer != nullptr && !other->parted && other->spec.name == name)
        return invalid_argument("tenant \"" + name + "\" is attached already, as process " +
                                std::to_string(other->pid));
  }
  const std::uint32_t incarnation = next_incarnation_;
  Result<ipc::SharedMemory> memory = ipc::SharedMemory::make(wake_event_, incarnation);
  if (!memory.ok()) return memory.status();
  port_.expect(incarnation);
  const Result<TenantId> slot = engine_.join(session.spec, now);
  if (!slot.ok()) return slot.status();
  ++next_incarnation_;
  session.peer = std::make_unique<ipc::TenantPeer>(std::move(memory).value(), slot.value(), incarnation);
  last_sequence_[value_of(slot.value())] = 0;
  tenancy_[value_of(slot.value())] = incarnation;
  port_.add(*session.peer);
  return ipc::send_welcome(session.channel, session.peer->memory(), slot.value(), incarnation, config_.gpu,
                           terms_of(name));
}

// Every tenant reads every other's pressure word. A tenant that does not read its socket misses a page and takes the
// owner for pressed.
void EngineRoom::share_pages(Session& fresh) {
  for (const auto& other : sessions_) {
    if (other.get() == &fresh || other->peer == nullptr || other->parted || !other->sealed) continue;
    send_page(fresh, *other);
    send_page(*other, fresh);
  }
}

void EngineRoom::send_page(Session& to, const Session& of) {
  const Status sent =
      ipc::send_board(to.channel, of.peer->memory().pressure.get(), of.peer->slot(), of.peer->incarnation());
  if (!sent.ok()) ++to.pages_missed;
}

void EngineRoom::part(Session& session, Nanoseconds now) {
  if (session.parted) return;
  session.parted = someone_parted_ = true;
  if (session.peer == nullptr) return;
  for (std::size_t turn = 0; turn < kTurnsAtParting && drain(session, now); ++turn) {}
  const TenantId slot = session.peer->slot();
  device_.forget(*session.peer);
  port_.remove(slot);
  engine_.leave(slot, now);
  if (session.peer->counters().submissions > 0) end_if_over(slot, now);
}

void EngineRoom::forget_parted() {
  if (!someone_parted_) return;
  someone_parted_ = false;
  std::erase_if(sessions_, [](const auto& session) { return session->parted; });
}

}  // namespace lithos
