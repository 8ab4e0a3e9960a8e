// SPDX-License-Identifier: Apache-2.0
// How many TPCs work, integrated over time: for all tenants together and for each. Two marks of the integrals say in O(1) on how many
// TPCs others worked in between, on average. Not for more than one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"
#include "engine/queue_book.hpp"

namespace lithos {

class Activity {
 public:
  struct Share {  // one tenant's
    std::uint32_t tpcs = 0;
    std::uint64_t area = 0;
    Nanoseconds at{0};
  };

  void advance(Nanoseconds now) {
    if (now <= at_) return;
    const std::uint64_t dt = to_u64(now - at_);
    area_ += dt * tpcs_;
    if (tpcs_ > 0) busy_ += dt;
    at_ = now;
  }
  // The tenant works on `added` more and `removed` fewer TPCs from now on.
  void change(Share& share, std::uint32_t added, std::uint32_t removed, Nanoseconds now) {
    advance(now);
    catch_up(share);
    share.tpcs = share.tpcs + added - std::min(removed, share.tpcs + added);
    tpcs_ = tpcs_ + added - std::min(removed, tpcs_ + added);
  }
  WorkMark mark(Share& share, Nanoseconds now) {
    advance(now);
    catch_up(share);
    return {area_, share.area, at_};
  }
  // Mean number of TPCs on which others worked since the mark.
  std::uint32_t neighbours_since(const WorkMark& mark, Share& share, Nanoseconds now, std::uint32_t device_tpcs) {
    advance(now);
    catch_up(share);
    const std::uint64_t dt = to_u64(at_ - mark.at);
    const std::uint64_t all = area_ - mark.everybody, self = share.area - mark.self;
    if (dt == 0 || all <= self) return 0;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>((all - self + dt / 2) / dt, device_tpcs));
  }
  std::uint64_t busy_ns(Nanoseconds now) { advance(now); return busy_; }

 private:
  void catch_up(Share& share) const {
    if (share.at < at_) share.area += to_u64(at_ - share.at) * share.tpcs;
    share.at = at_;
  }
  std::uint32_t tpcs_ = 0;
  std::uint64_t area_ = 0, busy_ = 0;
  Nanoseconds at_{0};
};

}  // namespace lithos
