// SPDX-License-Identifier: Apache-2.0
#include "ipc/operator_table.hpp"

#include <bit>

#include "ipc/wire.hpp"
#include "ipc/words.hpp"

namespace lithos::ipc {
namespace {

constexpr std::uint32_t kMask = kOperators - 1;
static_assert(std::has_single_bit(kOperators));
// Leaves a free entry, so that every probe ends.
constexpr std::uint32_t kOperatorsUsedMax = kOperators * 7 / 8;

std::uint32_t start_of(OperatorId op) {
  return static_cast<std::uint32_t>((value_of(op) * 0x9e3779b97f4a7c15u) >> 40) & kMask;
}

}  // namespace

bool OperatorTableWriter::publish(OperatorId op, const OperatorDecision& decision) {
  if (value_of(op) == 0) return false;
  if (version_.empty()) version_.assign(kOperators, 0);
  std::uint32_t at = index_.find(value_of(op));
  if (at == FlatMap::kAbsent) {
    if (used_ >= kOperatorsUsedMax) return false;
    at = start_of(op);
    while (version_[at] != 0) at = (at + 1) & kMask;
    ++used_;
    index_.set(value_of(op), at);
  }
  OperatorEntry& entry = area_->operators[at];
  std::uint64_t& version = version_[at];
  store(&entry.version, ++version);  // odd
  store_words(&entry.decision, to_wire(decision));
  store(&entry.version, ++version);
  if (version == 2) store(&entry.op, value_of(op));  // last: whoever finds the name finds a decision
  return true;
}

OperatorTableReader::Known* OperatorTableReader::locate(OperatorId op) {
  if (const std::uint32_t at = index_.find(value_of(op)); at != FlatMap::kAbsent) return &known_[at];
  std::uint32_t at = start_of(op);
  for (std::uint32_t probes = 0; probes < kOperators; ++probes, at = (at + 1) & kMask) {
    const std::uint64_t name = load(&area_->operators[at].op);
    if (name == 0) return nullptr;
    if (name != value_of(op)) continue;
    index_.set(name, static_cast<std::uint32_t>(known_.size()));
    known_.push_back({at, 0, {}});
    return &known_.back();
  }
  return nullptr;
}

std::uint64_t OperatorTableReader::load_version(const Known& known) const { return load(&area_->operators[known.entry].version); }

void OperatorTableReader::refresh(Known& known) const {
  const OperatorEntry& entry = area_->operators[known.entry];
  for (unsigned i = 0; i < kTries; ++i) {
    const std::uint64_t version = load(&entry.version);
    if (version == known.version) return;
    if (version % 2 != 0) continue;
    WireDecision wire;
    load_words(wire, &entry.decision);
    if (load(&entry.version) != version) continue;
    known.version = version;
    known.decision = from_wire(wire);
    return;
  }
}

const OperatorDecision* OperatorTableReader::find(OperatorId op) {
  if (value_of(op) == 0) return nullptr;
  Known* known = locate(op);
  if (known == nullptr) return nullptr;
  refresh(*known);
  return known->version != 0 ? &known->decision : nullptr;
}

}  // namespace lithos::ipc
