// SPDX-License-Identifier: Apache-2.0
#include "engine/queue_book.hpp"

#include <algorithm>

namespace lithos {
namespace {

constexpr std::size_t kReorderLimit = 64;

}  // namespace

void QueueBook::add_queued(const QueuedLaunch& launch) {
  const bool late = value_of(launch.launch) <= last_submitted.launch;
  const bool known = !queued.empty() && launch.launch <= queued.back().launch;
  if (late || known || queued.full()) return;
  queued.push_back(launch);
  queued_predicted += launch.predicted;
}

void QueueBook::launched(LaunchId launch) {
  while (!queued.empty() && queued.front().launch <= launch) {
    queued_predicted -= queued.front().predicted;
    queued.pop_front();
  }
  if (stuck.launch != LaunchId{} && stuck.launch <= launch) stuck = {};
}

bool QueueBook::add_flying(const FlyingAtom& atom) {
  if (atom.key <= last_completed) return false;
  if (flying.full()) drop_oldest(atom.seen_at);
  std::size_t position = flying.size();  // records that were overtaken go where they belong, if that is not far
  while (position > 0 && atom.key < flying[position - 1].key) {
    if (flying.size() - position >= kReorderLimit) return false;
    --position;
  }
  if (position > 0 && flying[position - 1].key == atom.key) return false;
  const bool same_as_before = position > 0 && flying[position - 1].key.launch == atom.key.launch;
  const bool same_as_after = position < flying.size() && flying[position].key.launch == atom.key.launch;
  if (!same_as_before && !same_as_after) ++flying_launches;
  flying.insert(position, atom);
  flying_predicted += atom.predicted;
  last_submitted = std::max(last_submitted, atom.key);
  return true;
}

void QueueBook::popped(Nanoseconds now) {
  const FlyingAtom& oldest = flying.front();
  flying_predicted -= oldest.predicted;
  if (flying.size() == 1 || flying[1].key.launch != oldest.key.launch) --flying_launches;
  last_completed = std::max(last_completed, oldest.key);
  last_end = now;
  flying.pop_front();
}

bool QueueBook::complete(AtomKey key, Nanoseconds now, FlyingAtom* out) {
  bool found = false;
  while (!flying.empty() && flying.front().key <= key) {
    if (flying.front().key == key) {
      *out = flying.front();
      found = true;
    }
    popped(now);
  }
  last_completed = std::max(last_completed, key);
  last_submitted = std::max(last_submitted, key);
  last_end = now;
  return found;
}

void QueueBook::start_over() {
  queued.clear();
  flying.clear();
  queued_predicted = flying_predicted = Nanoseconds{0};
  flying_launches = 0;
  last_submitted = last_completed = {};
  stuck = {};
}

void QueueBook::drop_oldest(Nanoseconds now) { popped(now); }

Nanoseconds QueueBook::running_since() const { return std::max(flying.front().seen_at, last_end); }

Nanoseconds QueueBook::left(Nanoseconds now) const {
  if (flying.empty()) return Nanoseconds{0};
  const Nanoseconds had = std::clamp(now - running_since(), Nanoseconds{0}, flying.front().predicted);
  return flying_predicted - had;
}

}  // namespace lithos
