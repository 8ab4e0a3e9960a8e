// SPDX-License-Identifier: Apache-2.0
#include "executor/reporter.hpp"

namespace lithos {
namespace {

// What a record says of an atom in flight, whichever way it goes.
Record about(RecordKind kind, QueueId queue, const InFlight& atom) {
  Record record;
  record.kind = kind;
  record.coverage = atom.coverage;
  record.queue = queue;
  record.op = atom.op();
  record.launch = atom.id;
  record.first_block = atom.first_block;
  record.block_count = atom.block_count;
  record.ordinal = atom.ordinal;
  record.context = atom.context;
  record.tpcs = atom.tpcs;
  return record;
}

}  // namespace

void Reporter::push(Record& record, Nanoseconds now) {
  record.pressure = level_;
  record.tenant = config_.tenant;
  record.sequence = ++sequence_;
  record.lease_generation = last_generation_ = port_.lease().generation;
  record.spinning = spinning_;
  last_push_ = now;
  port_.push(record);
}

void Reporter::queued(QueueId queue, const WaitingLaunch& launch, Nanoseconds now) {
  Record record;
  record.kind = RecordKind::queued;
  record.queue = queue;
  record.op = launch.op();
  record.launch = launch.id;
  record.ordinal = launch.ordinal;
  record.context = launch.context;
  record.at = now;
  push(record, now);
}

void Reporter::submitted(QueueId queue, const InFlight& atom, Nanoseconds now) {
  Record record = about(RecordKind::submitted, queue, atom);
  record.at = now;
  record.predicted = atom.predicted;
  record.last = atom.last;
  push(record, now);
}

void Reporter::completed(QueueId queue, const InFlight& atom, const Completion& completion, bool last) {
  Record record = about(RecordKind::completed, queue, atom);
  record.node = completion.node;
  if (completion.node > 0 && atom.node_tpcs != nullptr) record.tpcs = atom.node_tpcs[completion.node - 1];
  record.at = completion.completed;
  record.started = completion.started;
  record.last = last;
  push(record, last_completed_at_);
}

void Reporter::waiting(QueueId queue, const WaitingLaunch& head, Nanoseconds now) {
  Record record;
  record.kind = RecordKind::waiting;
  const bool may_spin = head.kernel != nullptr ? head.kernel->may_spin : head.graph->may_spin;
  record.coverage = may_spin ? Coverage::whole_co_resident : Coverage::masked;
  record.queue = queue;
  record.op = head.op();
  record.launch = head.id;
  record.first_block = head.next_block;
  record.block_count = head.kernel != nullptr ? head.kernel->min_tpcs : head.graph->min_tpcs;
  record.ordinal = head.ordinal;
  record.context = head.context;
  record.at = now;
  push(record, now);
}

void Reporter::synchronised(QueueId queue, Nanoseconds now) {
  Record record;
  record.kind = RecordKind::synchronised;
  record.queue = queue;
  record.at = now;
  push(record, now);
}

void Reporter::alive(Nanoseconds now) {
  Record record;
  record.kind = RecordKind::pressure;
  record.at = now;
  push(record, now);
}

bool Reporter::launching(LaunchPath path, bool others_unfinished, Nanoseconds now) {
  const bool right_after = last_completed_at_ != kNever && now - last_completed_at_ <= config_.back_to_back;
  const bool behind = others_unfinished || right_after;
  if (behind && path == LaunchPath::inline_path) set_pressure(Pressure::pressed, now);
  else if (level_ == Pressure::idle) set_pressure(Pressure::active, now);
  return behind;
}

void Reporter::idle(Nanoseconds now) { set_pressure(Pressure::idle, now); }

void Reporter::set_pressure(Pressure level, Nanoseconds now) {
  if (level == level_) return;
  level_ = level;
  port_.publish_pressure({level, now});
  alive(now);
}

}  // namespace lithos
