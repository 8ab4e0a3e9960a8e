// SPDX-License-Identifier: Apache-2.0
// One random case: engine, executors, a device that ends things whenever it likes, a transport that delays, loses, doubles and reorders,
// programs that launch, flush, wait, leave and join, and policies of any manner. Virtual time; a case is a function of its seed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "executor/executor.hpp"
#include "property/checker.hpp"
#include "property/dice.hpp"
#include "property/hostile_policies.hpp"

namespace lithos::test {

class World;

// The tenant's end of the transport.
class Port final : public TenantPort {
 public:
  Port(World& world, std::uint32_t slot) : world_(world), slot_(slot) {}
  const Lease& lease() override { return seen.lease; }
  const OperatorDecision* decision(OperatorId op) override;
  PressureWord pressure_of(TenantId lender) override;
  void publish_pressure(const PressureWord& word) override;
  void push(const Record& record) override;

  Visible seen;
  std::map<OperatorId, OperatorDecision> decisions;

 private:
  World& world_;
  std::uint32_t slot_;
};

class World final : public Device, public EnginePort {
 public:
  explicit World(std::uint64_t seed);
  ~World() override;

  // The rule that was broken; empty: none.
  std::string run();

  // Device
  Status submit(const AtomSubmission& atom) override;
  Status submit_graph(const GraphSubmission& graph) override;
  // EnginePort
  void publish_lease(TenantId tenant, const Lease& lease) override;
  void publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) override;
  void request_clock(std::uint32_t) override {}

 private:
  friend class Port;
  enum class What : std::uint8_t { program, device, completion, record, lease, decision, pressure, poke, engine };
  struct Event {
    Nanoseconds at;
    std::uint64_t order;
    What what;
    std::uint32_t slot;
    std::uint64_t life;   // of the tenant, so that what belongs to a former one is dropped
    std::uint32_t index;  // into the payloads of its kind
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };
  struct Work {  // on the device
    Completion completion;
    std::uint32_t nodes = 0;  // graphs: how many; else 0
    std::uint32_t node = 0;
    Nanoseconds length{0};
  };
  struct Member {
    std::unique_ptr<Port> port;
    std::unique_ptr<Executor> executor;
    std::uint64_t life = 0;
    std::uint32_t queues = 1;
    std::uint32_t launches_left = 0;
    bool finished = false;
    std::uint32_t lost_in_a_row = 0;
    std::map<std::uint32_t, LaunchPath> paths;
    std::map<std::uint32_t, std::deque<Work>> device;  // by queue
    std::uint32_t last_record = 0;
    Nanoseconds poke_at = kNever;
    Nanoseconds channel_time{0}, word_time{0};  // leases and words arrive in order
    std::uint64_t last_launch = 0;
    std::vector<std::uint32_t> kernels, graphs;  // that it may launch
  };
  struct LeaseMessage { Lease lease; };
  struct Words { std::uint32_t lender; PressureWord word; };

  void make_gpu();
  void make_kernels();
  void join();
  void post(Nanoseconds at, What what, std::uint32_t slot, std::uint32_t index = 0);
  void handle(const Event& event);
  void program_step(std::uint32_t slot);
  void launch(std::uint32_t slot, std::uint32_t queue);
  void start(std::uint32_t slot, std::uint32_t queue);
  void device_event(std::uint32_t slot, std::uint32_t queue);
  void rest(std::uint32_t slot);
  void wake_engine();
  void garbage_record();
  std::string check_healed();
  Nanoseconds duration(const KernelInfo& kernel);

  Dice dice_;
  GpuShape gpu_;
  Checker checker_;
  std::deque<KernelInfo> kernels_;
  std::deque<GraphInfo> graphs_;
  std::vector<HostileSet> sets_;
  std::unique_ptr<Engine> engine_;
  EngineConfig config_;
  std::map<std::uint32_t, Member> members_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t order_ = 0, lives_ = 0;
  Nanoseconds now_{0};
  Nanoseconds engine_at_ = kNever;
  std::uint32_t joins_left_ = 0, joins_coming_ = 0;
  std::uint32_t delay_ns_ = 0, loss_percent_ = 0, double_percent_ = 0, reorder_percent_ = 0, leave_percent_ = 0;
  bool swaps_ = false, garbage_ = false;

  bool joining_ = false;
  std::vector<std::pair<std::uint32_t, Lease>> joining_leases_;
  std::vector<Record> records_;
  std::vector<Lease> leases_;
  std::vector<std::pair<OperatorId, OperatorDecision>> decisions_;
  std::vector<Words> words_;
  std::vector<Completion> completions_;
};

}  // namespace lithos::test
