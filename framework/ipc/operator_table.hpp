// SPDX-License-Identifier: Apache-2.0
// Operator decisions in shared memory: a table with open addressing that only grows, one writer (the daemon), readers
// without locks.
//
// An entry's `op` is written once, after that only its decision changes, under a version that is odd meanwhile. A
// reader that meets an entry being written keeps what it knew: after kTries it gives up until the next look. A full
// table refuses new operators (counted by the caller); tenants then use their default prediction. The reader keeps
// decoded copies, since the executor holds pointers to them; the copies live as long as the reader. Each end belongs
// to one thread.
#pragma once

#include <cstdint>
#include <deque>

#include "engine/flat_map.hpp"
#include "engine/operator.hpp"
#include "ipc/layout.hpp"

namespace lithos::ipc {

class OperatorTableWriter {
 public:
  explicit OperatorTableWriter(Area& area) : area_(&area) {}
  bool publish(OperatorId op, const OperatorDecision& decision);  // false: full

 private:
  Area* area_;
  FlatMap index_;  // ours: entries in shared memory may have been overwritten
  std::uint32_t used_ = 0;
  std::vector<std::uint64_t> version_;
};

class OperatorTableReader {
 public:
  static constexpr unsigned kTries = 4;

  explicit OperatorTableReader(const Area& area) : area_(&area) {}

  // nullptr: not decided yet. The pointer stays valid; what it points to changes with later calls for the same
  // operator.
  const OperatorDecision* find(OperatorId op);
  // Another number whenever find() says something else; 0: not decided yet.
  std::uint64_t version(OperatorId op) {
    Known* const known = value_of(op) == 0 ? nullptr : locate(op);
    return known == nullptr ? 0 : load_version(*known);
  }

 private:
  struct Known {
    std::uint32_t entry = 0;
    std::uint64_t version = 0;
    OperatorDecision decision;
  };
  Known* locate(OperatorId op);
  void refresh(Known& known) const;
  std::uint64_t load_version(const Known& known) const;

  const Area* area_;
  FlatMap index_;  // operator → position in known_
  std::deque<Known> known_;
};

}  // namespace lithos::ipc
