// SPDX-License-Identifier: Apache-2.0
// Predicts a launch by the median of what the same operator took recently, on so many TPCs; linear scaling for TPC counts not seen yet.
//
// The operator is function and launch shape, which the paper's author found steadier than the position in a batch (paper §5.7). Clean
// observations and those beside neighbours are kept apart: the same kernel takes 5–15 % longer with others on the chip (GPU.md §9), and
// a right-sizer or timer fed with a mixture would be wrong in both cases. Atoms count as their share of the grid.
#include <algorithm>
#include <array>

#include <lithos/operator_memory.hpp>
#include <lithos/policy.hpp>

namespace {

constexpr std::size_t kRecent = 9;  // odd, so that the median is one of them
constexpr std::size_t kPoints = 6;  // TPC counts remembered per operator; the least used makes room

// The last few durations at one TPC count.
struct Point {
  std::uint32_t tpcs = 0;
  std::uint32_t seen = 0;
  std::uint64_t median_ns = 0, highest_ns = 0;  // of the durations when they were last asked for, unless `stale`
  bool stale = false;
  std::array<std::uint64_t, kRecent> recent_ns{};

  void add(std::uint64_t duration_ns) {
    recent_ns[seen++ % kRecent] = duration_ns;
    stale = true;
  }
  std::size_t size() const { return std::min<std::size_t>(seen, kRecent); }
  // Questions are much rarer than observations, and several come at once: only the first one sorts.
  void summarise() {
    if (!stale) return;
    auto sorted = recent_ns;
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(size()));
    median_ns = sorted[(size() - 1) / 2];
    highest_ns = sorted[size() - 1];
    stale = false;
  }
};

using Points = std::array<Point, kPoints>;

Point& point_for(Points& points, std::uint32_t tpcs) {
  Point* least = &points[0];
  for (Point& point : points) {
    if (point.tpcs == tpcs) return point;
    if (point.seen < least->seen) least = &point;
  }
  *least = Point{};
  least->tpcs = tpcs;
  return *least;
}

// The known point from which to scale to `tpcs`: the nearest in ratio.
Point* nearest(Points& points, std::uint32_t tpcs) {
  Point* best = nullptr;
  for (Point& point : points) {
    if (point.seen == 0) continue;
    if (best == nullptr) best = &point;
    const std::uint64_t a = point.tpcs, b = best->tpcs;  // a is nearer than b if max(a, t) / min(a, t) is less
    if (std::max<std::uint64_t>(a, tpcs) * std::min<std::uint64_t>(b, tpcs) <
        std::max<std::uint64_t>(b, tpcs) * std::min<std::uint64_t>(a, tpcs))
      best = &point;
  }
  return best;
}

}  // namespace

class OperatorMedian {
 public:
  static constexpr const char* id = "org.lithos.predictor.operator_median";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Median of an operator's recent durations; linear in TPCs where unseen.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::chrono::nanoseconds unseen;
    std::int64_t operators;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::unseen>(1, "unseen", std::chrono::microseconds(100)).range(std::chrono::microseconds(1), std::chrono::seconds(1))
          .doc("What an operator is predicted to take on the whole GPU before it has been seen."),
      lithos::param<&Params::operators>(2, "operators", 4096).range(64, 1 << 16).unit("operators")
          .doc("Operators remembered, about 1.4 kB each; the longest unused makes room.")};

  OperatorMedian(const lithos::Gpu& gpu, const Params& values)
      : gpu_tpcs_(gpu.tpcs()), params_(values), known_(static_cast<std::size_t>(values.operators)) {}

  lithos::Prediction predict(const lithos::PredictQuery& query) {
    Operator* op = known_.find(lithos::spread_key(query.op.op_id));
    if (op == nullptr) return unseen(query);
    const bool alone = query.neighbour_tpcs == 0;
    Point* point = nearest(alone ? op->clean : op->contended, query.tpcs);
    if (point == nullptr) point = nearest(alone ? op->contended : op->clean, query.tpcs);
    if (point == nullptr) return unseen(query);
    point->summarise();
    const double scale = scaling(query.op, point->tpcs, query.tpcs);
    lithos::Prediction out{};
    out.p50_ns = scaled(point->median_ns, scale);
    out.p99_ns = std::max(out.p50_ns, scaled(point->highest_ns, scale));
    const double samples = static_cast<double>(point->size()) / kRecent;
    out.confidence = point->tpcs == query.tpcs ? samples : 0.5 * samples;
    return out;
  }

  void observe(const lithos::Observation& seen) {
    if (seen.block_count == 0 || seen.op.blocks == 0 || seen.tpcs == 0) return;
    Operator& op = known_.get(lithos::spread_key(seen.op.op_id));
    const double share = static_cast<double>(seen.block_count) / seen.op.blocks;
    point_for(seen.neighbour_tpcs == 0 ? op.clean : op.contended, seen.tpcs).add(scaled(seen.duration_ns, 1.0 / share));
  }

 private:
  struct Operator { Points clean, contended; };

  lithos::Prediction unseen(const lithos::PredictQuery& query) const {
    const std::uint64_t guess = scaled(lithos::ns(params_.unseen), scaling(query.op, gpu_tpcs_, query.tpcs));
    return {guess, 2 * guess, 0.0};
  }
  // Linear, but TPCs beyond those that hold a block of the launch change nothing.
  static double scaling(const lithos_op& op, std::uint32_t from_tpcs, std::uint32_t to_tpcs) {
    const std::uint32_t useful = op.blocks_per_tpc == 0 ? to_tpcs : std::max(1u, (op.blocks + op.blocks_per_tpc - 1) / op.blocks_per_tpc);
    return static_cast<double>(std::min(from_tpcs, useful)) / std::max(1u, std::min(to_tpcs, useful));
  }
  // At most eleven days: a number that no launch takes must not overflow.
  static std::uint64_t scaled(std::uint64_t ns, double factor) {
    constexpr double kLongestNs = 1e15;
    return static_cast<std::uint64_t>(std::min(kLongestNs, std::max(1.0, static_cast<double>(ns) * factor + 0.5)));
  }

  std::uint32_t gpu_tpcs_;
  Params params_;
  lithos::BoundedTable<Operator> known_;
};
LITHOS_EXPORT_PREDICTOR(OperatorMedian)
