// SPDX-License-Identifier: Apache-2.0
// Slices of one Perfetto track may nest but not cross. Here is what keeps them apart: lanes for things that may overlap,
// and spells for "somebody is there", in which neighbours run together. Plain state over a TraceWriter; one thread.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "trace_writer.hpp"

namespace lithos_perfetto {

// Tracks of one name: the viewer shows them as one with several rows. A slice goes to the row that was free last, so
// that rows fill from the top; with all rows taken it is cut to where the first becomes free.
class Lanes {
 public:
  static constexpr std::size_t kMost = 16;

  Lanes() = default;
  Lanes(TrackId parent, std::string name, int rank) : parent_(parent), name_(std::move(name)), rank_(rank) {}

  // The track for a slice that ends no earlier than those before it; `from_ns` may be moved. 0: no room at all.
  TrackId place(TraceWriter& out, std::uint64_t& from_ns, std::uint64_t to_ns) {
    Lane* best = nullptr;
    for (Lane& lane : lanes_)
      if (lane.end_ns <= from_ns && (best == nullptr || lane.end_ns > best->end_ns)) best = &lane;
    if (best == nullptr && lanes_.size() < kMost) {
      lanes_.push_back({out.track(parent_, name_, rank_), 0});
      best = &lanes_.back();
    }
    if (best == nullptr) {
      best = &*std::min_element(lanes_.begin(), lanes_.end(),
                                [](const Lane& a, const Lane& b) { return a.end_ns < b.end_ns; });
      from_ns = best->end_ns;
    }
    if (from_ns >= to_ns && best->end_ns > from_ns) return 0;
    best->end_ns = std::max(best->end_ns, to_ns);
    return best->track;
  }

 private:
  struct Lane {
    TrackId track = 0;
    std::uint64_t end_ns = 0;
  };
  TrackId parent_ = 0;
  std::string name_;
  int rank_ = 0;
  std::vector<Lane> lanes_;
};

// Times at which one tenant had work in one place, from intervals in order of their ends; those with a gap of at most
// `gap_ns` between them become one slice.
class Spells {
 public:
  Spells() = default;
  Spells(TrackId track, std::string name) : track_(track), name_(std::move(name)) {}

  void add(TraceWriter& out, std::uint64_t from_ns, std::uint64_t to_ns, std::uint32_t tpcs, std::uint64_t gap_ns) {
    from_ns = std::max(from_ns, written_to_ns_);
    if (from_ns >= to_ns) return;
    if (atoms_ > 0 && from_ns > to_ns_ + gap_ns) flush(out);
    from_ns_ = atoms_ == 0 ? from_ns : std::min(from_ns_, from_ns);
    to_ns_ = to_ns;
    tpcs_ = std::max(tpcs_, tpcs);
    ++atoms_;
  }
  void flush(TraceWriter& out) {
    if (atoms_ == 0) return;
    arguments_.assign({{"atoms", atoms_, {}}, {"tpcs_at_most", tpcs_, {}}});
    out.slice(track_, from_ns_, to_ns_, name_, arguments_);
    written_to_ns_ = to_ns_;
    atoms_ = 0;
    tpcs_ = 0;
  }
  bool open() const { return atoms_ > 0; }

 private:
  TrackId track_ = 0;
  std::string name_;
  std::uint64_t from_ns_ = 0, to_ns_ = 0, written_to_ns_ = 0, atoms_ = 0;
  std::uint32_t tpcs_ = 0;
  std::vector<Argument> arguments_;
};

// A counter that is written when it changes, and no more often than every `every_ns`.
class Level {
 public:
  Level() = default;
  explicit Level(TrackId track) : track_(track) {}
  void set(TraceWriter& out, std::uint64_t at_ns, double value, std::uint64_t every_ns) {
    if (value == value_ || (known_ && at_ns < at_ns_ + every_ns)) return;
    out.value(track_, at_ns, value);
    known_ = true;
    at_ns_ = at_ns;
    value_ = value;
  }

 private:
  TrackId track_ = 0;
  bool known_ = false;
  std::uint64_t at_ns_ = 0;
  double value_ = -1;
};

}  // namespace lithos_perfetto
