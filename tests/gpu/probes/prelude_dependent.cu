// Question 5, rest: the prelude under programmatic dependent launch.
//
// A primary that triggers its dependents at once and writes its results at its end; a secondary with the programmatic
// attribute, with griddepcontrol.wait in it and without; an ordinary third kernel. The secondary runs whole, whole behind the
// prelude, and in seven parts behind it (each part with the attribute); the primary whole or in three parts. Asked: every
// block of the secondary exactly once, what its blocks see of the primary, what the third kernel sees of both, and how much
// of the overlap is left.
#include "common/prelude_atoms.hpp"

using namespace lithos::probe;

namespace {

constexpr int kPrimaryBlocks = 66, kSecondaryBlocks = 660, kRounds = 20;
constexpr std::uint64_t kPrimarySpin = 200'000, kSecondarySpin = 5'000;
constexpr std::int64_t kPatience = 2'000'000'000;

struct Data {
  unsigned results[kPrimaryBlocks];     // by the primary, at its end
  unsigned ran[kSecondaryBlocks];       // times that a block of the secondary ran
  unsigned stale[kSecondaryBlocks];     // results of the primary that it saw unfinished
  std::uint64_t primary_end[kPrimaryBlocks], secondary_begin[kSecondaryBlocks];
  unsigned third_saw_stale_primary, third_saw_missing_secondary, grid_wrong;
};

__global__ void primary(Data* d, unsigned round) {
  const auto begin = global_ns();
  cudaTriggerProgrammaticLaunchCompletion();
  while (global_ns() - begin < kPrimarySpin) {
  }
  if (threadIdx.x != 0) return;
  *const_cast<volatile unsigned*>(&d->results[blockIdx.x]) = round;
  d->primary_end[blockIdx.x] = global_ns();
}

__device__ unsigned unfinished(const Data* d, unsigned round) {
  unsigned n = 0;
  for (int i = 0; i < kPrimaryBlocks; ++i) n += *const_cast<const volatile unsigned*>(&d->results[i]) != round;
  return n;
}

template <bool kWait>
__global__ void secondary(Data* d, unsigned round) {
  const auto begin = global_ns();
  if (kWait) cudaGridDependencySynchronize();
  if (threadIdx.x != 0) return;
  d->stale[blockIdx.x] = unfinished(d, round);
  d->secondary_begin[blockIdx.x] = begin;
  if (gridDim.x != kSecondaryBlocks) atomicAdd(&d->grid_wrong, 1);
  const auto now = global_ns();
  while (global_ns() - now < kSecondarySpin) {
  }
  atomicAdd(&d->ran[blockIdx.x], 1);
}

// Launched in the ordinary way: everything before it must be done.
__global__ void third(Data* d, unsigned round) {
  d->third_saw_stale_primary = unfinished(d, round);
  unsigned missing = 0;
  for (int i = 0; i < kSecondaryBlocks; ++i) missing += *const_cast<volatile unsigned*>(&d->ran[i]) != 1;
  d->third_saw_missing_secondary = missing;
}

struct Case {
  const char* name;
  bool wait;
  int secondary_atoms;  // 0: without prelude
  int primary_atoms;
  bool graph;
};
constexpr Case kCases[] = {
    {"wait, whole", true, 0, 0, false},          {"wait, whole behind the prelude", true, 1, 0, false},
    {"wait, 7 parts", true, 7, 0, false},        {"wait, 7 parts, primary in 3 parts", true, 7, 3, false},
    {"no wait, whole", false, 0, 0, false},      {"no wait, whole behind the prelude", false, 1, 0, false},
    {"no wait, 7 parts", false, 7, 0, false},    {"no wait, 7 parts, primary in 3 parts", false, 7, 3, false},
    {"graph: wait, whole", true, 0, 0, true},    {"graph: wait, 7 parts", true, 7, 0, true},
    {"graph: no wait, 7 parts", false, 7, 0, true}};

// Descriptors are matched by their program, because those of a graph arrive in no particular order; parts of one kernel
// may then be swapped among its nodes, which changes their order and not their union.
struct Plan {
  std::uint64_t program = 0;
  std::vector<AtomPatch> atoms;
  std::size_t next = 0;
};
Plan g_plans[2];
int g_bank_taken = 0, g_patched = 0;
void visit(Descriptor& d, void*) {
  if (d.grid()[0] == 0) return;
  for (Plan& plan : g_plans)
    if (plan.program == d.program() && plan.next < plan.atoms.size()) {
      apply_atom(d, plan.atoms[plan.next++], g_bank_taken);
      ++g_patched;
      return;
    }
}

struct Setup {
  Data* data;     // on the device
  Data* mirror;   // and here
  cudaStream_t stream;
  std::uint64_t prelude;
  AtomSlots primary_slots{16}, secondary_slots{16};
  std::uint64_t primary_entry, entry[2];
};

void launch_secondary(const Setup& s, bool wait, unsigned round) {
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute[0].val.programmaticStreamSerializationAllowed = 1;
  config.gridDim = kSecondaryBlocks, config.blockDim = 128, config.stream = s.stream;
  config.attrs = attribute, config.numAttrs = 1;
  PROBE_CUDA(wait ? cudaLaunchKernelEx(&config, secondary<true>, s.data, round) : cudaLaunchKernelEx(&config, secondary<false>, s.data, round));
}

void launch_all(const Setup& s, const Case& c, unsigned round) {
  for (int i = 0; i < std::max(c.primary_atoms, 1); ++i) primary<<<kPrimaryBlocks, 128, 0, s.stream>>>(s.data, round);
  for (int i = 0; i < std::max(c.secondary_atoms, 1); ++i) launch_secondary(s, c.wait, round);
  third<<<1, 1, 0, s.stream>>>(s.data, round);
}

void prepare(const Setup& s, const Case& c) {
  g_plans[0] = g_plans[1] = {};
  g_bank_taken = g_patched = 0;
  if (c.primary_atoms)
    g_plans[0] = {s.primary_entry, atoms_of(s.primary_slots, s.prelude, s.primary_entry, even_cuts_of(kPrimaryBlocks, c.primary_atoms)), 0};
  if (c.secondary_atoms)
    g_plans[1] = {s.entry[c.wait], atoms_of(s.secondary_slots, s.prelude, s.entry[c.wait], even_cuts_of(kSecondaryBlocks, c.secondary_atoms)), 0};
}

bool finishes(cudaStream_t stream) {
  const auto limit = now_ns() + kPatience;
  while (cudaStreamQuery(stream) == cudaErrorNotReady)
    if (now_ns() > limit) return false;
  return true;
}

struct Sums {
  int not_once = 0, stale_blocks = 0, third_stale = 0, third_missing = 0, grid_wrong = 0;
  std::vector<double> early;
};

void add_up(const Data& d, Sums& sums) {
  std::uint64_t end = 0, begin = ~0ull;
  for (int i = 0; i < kPrimaryBlocks; ++i) end = std::max(end, d.primary_end[i]);
  for (int i = 0; i < kSecondaryBlocks; ++i) {
    sums.not_once += d.ran[i] != 1, sums.stale_blocks += d.stale[i] != 0;
    if (d.secondary_begin[i]) begin = std::min(begin, d.secondary_begin[i]);
  }
  sums.third_stale += d.third_saw_stale_primary != 0, sums.third_missing += d.third_saw_missing_secondary != 0;
  sums.grid_wrong += static_cast<int>(d.grid_wrong);
  sums.early.push_back(static_cast<double>(static_cast<std::int64_t>(end - begin)) / 1000.0);
}

void clear(const Setup& s, unsigned round) {
  std::memset(static_cast<void*>(s.mirror), 0, sizeof *s.mirror);
  std::fill(s.mirror->results, s.mirror->results + kPrimaryBlocks, round - 1);
  PROBE_CUDA(cudaMemcpy(s.data, s.mirror, sizeof *s.mirror, cudaMemcpyHostToDevice));
}

// False when it hung: nothing after it can be trusted.
bool run_case(const Setup& s, const Case& c, std::vector<Json>& rows) {
  Sums sums;
  cudaGraphExec_t exec = nullptr;
  prepare(s, c);
  set_visitor(&visit, nullptr);
  bool done = true;
  for (int r = 0; r < kRounds && done; ++r) {
    // A graph's arguments are fixed, so its round number is always 1.
    const unsigned round = c.graph ? 1 : r + 1;
    clear(s, round);
    if (c.graph && exec == nullptr) {
      cudaGraph_t graph;
      PROBE_CUDA(cudaStreamBeginCapture(s.stream, cudaStreamCaptureModeThreadLocal));
      launch_all(s, c, round);
      PROBE_CUDA(cudaStreamEndCapture(s.stream, &graph));
      PROBE_CUDA(cudaGraphInstantiate(&exec, graph, 0));
    }
    if (!c.graph) {
      for (Plan& plan : g_plans) plan.next = 0;
      launch_all(s, c, round);
    } else {
      PROBE_CUDA(cudaGraphLaunch(exec, s.stream));
    }
    done = finishes(s.stream);
    if (!done) break;
    PROBE_CUDA(cudaMemcpy(s.mirror, s.data, sizeof *s.mirror, cudaMemcpyDeviceToHost));
    add_up(*s.mirror, sums);
  }
  set_visitor(nullptr, nullptr);
  rows.push_back(Json().text("case", c.name).number("rounds", static_cast<double>(sums.early.size())).number("descriptors_patched", g_patched)
                     .number("secondary_blocks_not_once", sums.not_once).number("secondary_blocks_that_saw_an_unfinished_primary", sums.stale_blocks)
                     .number("rounds_third_saw_unfinished_primary", sums.third_stale).number("rounds_third_saw_secondary_incomplete", sums.third_missing)
                     .number("blocks_with_wrong_gridDim", sums.grid_wrong).number("secondary_begins_before_primary_ends_us", median(sums.early))
                     .number("bank_taken", g_bank_taken).flag("hung", !done).number("error", cudaPeekAtLastError()));
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  int changed = 0;
  PreludeValues values;
  values.bank = kAtomBank;
  Setup s;
  s.prelude = load_prelude(patch_prelude(need_prelude_cubin(argv[0]), "prelude_constant", values, changed), "prelude_constant");
  PROBE_CUDA(cudaMalloc(&s.data, sizeof(Data)));
  PROBE_CUDA(cudaMallocHost(&s.mirror, sizeof(Data)));
  PROBE_CUDA(cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking));
  clear(s, 1);
  s.primary_entry = program_of([&] { primary<<<1, 128, 0, s.stream>>>(s.data, 1); });
  for (int wait : {0, 1}) s.entry[wait] = program_of([&] { launch_secondary(s, wait != 0, 1); });
  program_of([&] { third<<<1, 1, 0, s.stream>>>(s.data, 1); });
  std::vector<Json> rows;
  for (const Case& c : kCases)
    if (!run_case(s, c, rows)) break;
  std::printf("%s\n", report("prelude_dependent", "5", argc, argv).list("rows", rows).str().c_str());
  std::fflush(stdout);
  std::_Exit(0);  // a hung kernel would hold an ordinary exit
}
