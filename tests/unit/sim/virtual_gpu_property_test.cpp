// SPDX-License-Identifier: Apache-2.0
// Random launches on the virtual GPU, under both ways of sharing: every launch completes exactly once, streams keep
// their order, the state is sound after every event (the harness checks), and work is conserved. A failing case is its
// seed.
#include <map>

#include "sim/arrivals.hpp"
#include "unit/sim/gpu_harness.hpp"

namespace lithos::testing {
namespace {

constexpr unsigned kCases = 2000;
constexpr unsigned kLaunches = 60;

unsigned pick(Random& random, unsigned below) { return static_cast<unsigned>(random.bits() % below); }

KernelSpec random_kernel(Random& random) {
  KernelSpec spec;
  const unsigned kind = pick(random, 5);
  if (kind == 0) spec = persistent_gemm();
  if (kind == 1) spec = full_sm(1 + pick(random, 5000));
  if (kind == 2) spec.blocks = 1 + pick(random, 8);
  if (kind == 3) {
    spec.blocks = 1 + pick(random, 100'000);
    spec.threads = 32 << pick(random, 6);
  }
  if (kind == 4) {
    spec = full_sm(16 * (1 + pick(random, 20)));
    spec.cluster = 2u << pick(random, 4);
    spec.shared_bytes = pick(random, 2) * 200'000;
  }
  const double ns = 500 + 50'000 * random.uniform() * random.uniform();
  const double scaling = random.uniform();
  for (const unsigned n : {66u, 32u, 8u, 4u}) spec.points.push_back({n, ns * (1 - scaling + scaling * 66 / n)});
  return spec;
}

TpcSet random_mask(Random& random, const GpuShape& shape) {
  const unsigned kind = pick(random, 3);
  if (kind == 0) return shape.all();
  const unsigned from = pick(random, 40);
  TpcSet mask = TpcSet::range(from, from + 1 + pick(random, 26));
  if (kind == 2)
    for (unsigned i = 0; i < 10; ++i) mask.add(pick(random, shape.tpcs));
  return mask;
}

void random_case(std::uint64_t seed, Sharing sharing) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  GpuHarness h(pick(random, 2) ? h200_model() : bare_model(), sharing);
  std::vector<const KernelInfo*> kernels;
  for (unsigned i = 0; i < 6; ++i) kernels.push_back(&h.kernel(random_kernel(random)));
  std::map<std::pair<unsigned, unsigned>, unsigned> accepted;
  Nanoseconds at{0};
  for (unsigned i = 0; i < kLaunches; ++i) {
    at += Nanoseconds{pick(random, 30'000)};
    h.run(at);
    if (::testing::Test::HasFatalFailure()) return;
    const unsigned tenant = pick(random, 3), queue = 1 + pick(random, 2);
    AtomSubmission atom;
    atom.kernel = kernels[pick(random, static_cast<unsigned>(kernels.size()))];
    atom.block_count = atom.kernel->blocks;
    if (pick(random, 3) == 0 && atom.kernel->cluster_blocks == 1) {
      atom.first_block = pick(random, atom.kernel->blocks);
      atom.block_count = 1 + pick(random, atom.kernel->blocks - atom.first_block);
      atom.cut = true;
    }
    atom.masked = pick(random, 2) == 0;
    atom.low_priority = pick(random, 4) == 0;
    atom.tpcs = random_mask(random, h.shape);
    if (h.submit(tenant, queue, atom).ok()) ++accepted[{tenant, queue}];
  }
  h.run();
  ASSERT_TRUE(h.gpu.idle());
  std::map<std::pair<unsigned, unsigned>, unsigned> completed;
  std::map<std::pair<unsigned, unsigned>, std::pair<std::uint64_t, std::int64_t>> last;  // launch, end
  std::int64_t time = 0;
  for (const Completion& completion : h.done) {
    const std::pair<unsigned, unsigned> stream{value_of(completion.tenant), value_of(completion.queue)};
    ++completed[stream];
    EXPECT_GT(value_of(completion.launch), last[stream].first);
    EXPECT_GE(completion.started.count(), last[stream].second);
    EXPECT_GT(completion.completed, completion.started);
    EXPECT_GE(completion.completed.count(), time);
    time = completion.completed.count();
    last[stream] = {value_of(completion.launch), time};
  }
  EXPECT_EQ(completed, accepted);
}

TEST(VirtualGpuProperty, UnderMps) {
  for (std::uint64_t seed = 1; seed <= kCases && !HasFailure(); ++seed) random_case(seed, Sharing::mps);
}

TEST(VirtualGpuProperty, UnderTimeSlicing) {
  for (std::uint64_t seed = 1; seed <= kCases && !HasFailure(); ++seed) random_case(seed, Sharing::time_slicing);
}

}  // namespace
}  // namespace lithos::testing
