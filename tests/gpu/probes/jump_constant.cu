// Question 2, rest: a prelude that jumps through the constant bank itself instead of loading the entry into registers.
//
// ptxas emits no such jump, so the instruction is put together from the pattern of its kin (an operand from a constant bank
// has opcode bits 0xa00) and, where nvdisasm is at hand, from a sweep over the neighbouring opcodes for what it calls a jump
// through c[0x6][0x8]. Every candidate runs in a child process of its own: first exactly once (10 007 blocks in 7 parts, plain
// and in clusters), and what passes is timed against today's prelude and against today's without its no-ops.
// "jump_constant run LOW HIGH" is the child.
#include <atomic>
#include <mutex>
#include <thread>

#include "common/child.hpp"
#include "common/prelude_atoms.hpp"

using namespace lithos::probe;

namespace {

constexpr std::uint64_t kEntryOperand = std::uint64_t{kAtomBank} << 54 | 8ull << 38;  // c[6][8]
constexpr std::uint64_t kAlways = 0x7000, kNoRegister = 0xffull << 24;
constexpr std::uint64_t kBranchControl = 0x000fea00ull << 32, kBranchAlways = 0x03800000, kCallNoIncrement = 0x03c00000;
constexpr std::uint64_t kNop = 0x7918, kNopControl = 0x000fc000ull << 32, kExit = 0x794d;
constexpr double kChildSeconds = 8;
constexpr std::int64_t kBudgetNs = 40'000'000'000;  // a list cut short, rather than no list
constexpr std::size_t kChildrenMax = 16;

struct Candidate {
  std::string name;
  Instruction code;
  std::string disassembled;
};

std::vector<Candidate> guesses() {
  const auto of = [](const char* name, std::uint64_t opcode, std::uint64_t low, std::uint64_t high) {
    return Candidate{name, {kEntryOperand | kAlways | low | opcode, kBranchControl | high}, ""};
  };
  return {of("JMP c, 0xb4a", 0xb4a, 0, kBranchAlways), of("JMP c, 0xb4a, no branch predicate", 0xb4a, 0, 0),
          of("JMX RZ c, 0xb4c", 0xb4c, kNoRegister, kBranchAlways), of("CALL.ABS c, 0xb43", 0xb43, 0, kCallNoIncrement),
          of("JMP c, 0x54a", 0x54a, 0, kBranchAlways), of("JMP c, 0x64a", 0x64a, 0, kBranchAlways)};
}

// What nvdisasm calls the instruction; empty where it knows none or is not there.
std::string disassemble(const Instruction& i) {
  char path[] = "/tmp/jump_constant_XXXXXX";
  const int fd = mkstemp(path);
  if (fd < 0) return "";
  std::vector<std::uint64_t> words = {i.low, i.high};
  while (words.size() < 16) words.push_back(kNop), words.push_back(kNopControl);
  const auto written = write(fd, words.data(), words.size() * 8);
  close(fd);
  std::string out;
  if (FILE* p = popen((std::string("timeout 5 nvdisasm -b SM90 ") + path + " 2>/dev/null").c_str(), "r"); p && written > 0) {
    char line[512];
    while (fgets(line, sizeof line, p)) out += line;
    pclose(p);
  }
  unlink(path);
  const auto at = out.find("/*0000*/");
  if (at == std::string::npos) return "";
  const auto begin = out.find_first_not_of(" \t", at + 8), end = out.find(';', begin);
  return begin == std::string::npos || end == std::string::npos ? "" : out.substr(begin, end - begin);
}

bool is_jump_through_entry(const std::string& text) {
  const bool jump = text.find("JMP") != std::string::npos || text.find("JMX") != std::string::npos || text.find("CALL") != std::string::npos ||
                    text.find("BRX") != std::string::npos || text.find("RET") != std::string::npos;
  return jump && text.find("c[0x6][0x8]") != std::string::npos;
}

// Opcodes 0x140–0x15f (branches, jumps, calls) in every operand form, by eight threads: nvdisasm takes some 20 ms a call.
std::vector<Candidate> sweep() {
  std::vector<Candidate> tries, found;
  for (std::uint64_t base = 0x140; base < 0x160; ++base)
    for (std::uint64_t form = 1; form < 8; ++form)
      for (std::uint64_t reg : {0ull, static_cast<unsigned long long>(kNoRegister)})
        tries.push_back({"swept", {kEntryOperand | kAlways | reg | form << 9 | base, kBranchControl | kBranchAlways}, ""});
  std::atomic<std::size_t> next{0};
  std::mutex lock;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (std::size_t i; (i = next++) < tries.size();) {
        tries[i].disassembled = disassemble(tries[i].code);
        if (!is_jump_through_entry(tries[i].disassembled)) continue;
        std::lock_guard hold(lock);
        found.push_back(tries[i]);
      }
    });
  for (auto& t : threads) t.join();
  return found;
}

// The code of prelude_constant as a list, and back into the image.
struct Code {
  std::vector<char> image;
  std::size_t at = 0, count = 0;
  Instruction get(std::size_t i) const {
    Instruction out;
    std::memcpy(&out, image.data() + at + 16 * i, 16);
    return out;
  }
  void put(std::size_t i, const Instruction& v) { std::memcpy(image.data() + at + 16 * i, &v, 16); }
};

Code code_of(std::vector<char> image) {
  const auto field = [&](std::size_t o, auto& out) { std::memcpy(&out, image.data() + o, sizeof out); };
  std::uint64_t sections = 0, names = 0;
  std::uint16_t count = 0, name_section = 0;
  field(0x28, sections), field(0x3c, count), field(0x3e, name_section);
  field(sections + 64 * name_section + 24, names);
  Code code;
  for (int s = 0; s < count; ++s) {
    std::uint32_t name = 0;
    std::uint64_t offset = 0, size = 0;
    field(sections + 64 * s, name), field(sections + 64 * s + 24, offset), field(sections + 64 * s + 32, size);
    if (std::string(image.data() + names + name) == ".text.prelude_constant") code.at = offset, code.count = size / 16;
  }
  code.image = std::move(image);
  return code;
}

// Today's prelude without the load of the stack pointer and without its no-ops. With `jump`, the load of the entry and the
// jump through registers become the one instruction. Whatever is behind ends the block: a candidate that falls through shows.
std::vector<char> trimmed(const std::vector<char>& today, const Instruction* jump) {
  Code code = code_of(today);
  std::vector<Instruction> kept;
  for (std::size_t i = 1; i < code.count; ++i) {
    Instruction in = code.get(i);
    if (in.opcode() == 0x918) continue;
    const bool loads_entry = in.opcode() == 0xb82 && (in.low >> 38 & 0xffff) == 8;
    if (loads_entry && jump) {
      kept.push_back(*jump);
      break;
    }
    if (loads_entry) in.high = (in.high & ~(15ull << 41)) | 2ull << 41;  // its barrier is waited for by the next one
    kept.push_back(in);
    if (in.opcode() == 0x94c) break;
  }
  kept.push_back({kExit, kBranchControl | kBranchAlways});
  for (std::size_t i = 0; i < code.count; ++i) code.put(i, i < kept.size() ? kept[i] : Instruction{kNop, kNopControl});
  return code.image;
}

__global__ void counted(unsigned* counts) {
  if (threadIdx.x == 0) atomicAdd(&counts[blockIdx.x], gridDim.x);
}
__global__ void __cluster_dims__(2, 1, 1) counted_cluster(unsigned* counts) {
  if (threadIdx.x == 0) atomicAdd(&counts[blockIdx.x], gridDim.x);
}

struct Outcome {
  int stage = 0, error = 0, wrong_plain = -1, wrong_cluster = -1, bank_taken = 0;
  char timing[4096] = "";
};

std::vector<AtomPatch> g_atoms;
std::size_t g_next = 0;
int g_bank_taken = 0;
void visit(Descriptor& d, void*) {
  if (d.grid()[0] != 0 && g_next < g_atoms.size()) apply_atom(d, g_atoms[g_next++], g_bank_taken);
}

// Blocks that did not run exactly once, or saw another gridDim; the negative error code where the launch failed.
int wrong_blocks(const AtomSlots& slots, std::uint64_t prelude, bool cluster, unsigned* counts) {
  constexpr int kAtoms = 7;
  const std::uint32_t grid = cluster ? 10006 : 10007, unit = cluster ? 2 : 1;
  const auto launch = [&] {
    if (cluster) counted_cluster<<<grid, 64>>>(counts);
    else counted<<<grid, 64>>>(counts);
  };
  const auto entry = program_of(launch);
  std::fill(counts, counts + grid, 0u);
  g_atoms = atoms_of(slots, prelude, entry, even_cuts_of(grid, kAtoms, unit), unit), g_next = 0;
  set_visitor(&visit, nullptr);
  for (int i = 0; i < kAtoms; ++i) launch();
  set_visitor(nullptr, nullptr);
  if (const auto rc = cudaDeviceSynchronize(); rc != cudaSuccess) return -static_cast<int>(rc);
  int wrong = 0;
  for (std::uint32_t i = 0; i < grid; ++i) wrong += counts[i] != grid;
  return wrong;
}

struct Work {
  const char* name;
  std::uint32_t grid;
  int rounds, threads;
};
constexpr Work kWorks[] = {{"long_blocks_of_1024", 16896, 660, 1024}, {"short_blocks_of_1024", 105600, 100, 1024},
                           {"short_blocks_of_256", 105600, 400, 256}};

double time_us(const std::vector<AtomPatch>& atoms, const Work& w, float* sink) {
  cudaEvent_t e0, e1;
  PROBE_CUDA(cudaEventCreate(&e0));
  PROBE_CUDA(cudaEventCreate(&e1));
  std::vector<double> times;
  for (int r = 0; r < 7; ++r) {
    spin_kernel<<<1, 1>>>(400'000);
    PROBE_CUDA(cudaEventRecord(e0));
    g_atoms = atoms, g_next = 0;
    set_visitor(&visit, nullptr);
    for (std::size_t i = 0; i < std::max<std::size_t>(atoms.size(), 1); ++i) fma_kernel<<<w.grid, w.threads>>>(sink, w.rounds);
    set_visitor(nullptr, nullptr);
    PROBE_CUDA(cudaEventRecord(e1));
    PROBE_CUDA(cudaEventSynchronize(e1));
    float ms;
    PROBE_CUDA(cudaEventElapsedTime(&ms, e0, e1));
    times.push_back(ms * 1000);
  }
  return median(times);
}

Json timing(const AtomSlots& slots, const std::vector<std::pair<const char*, std::uint64_t>>& preludes) {
  float* sink;
  PROBE_CUDA(cudaMalloc(&sink, 4));
  std::vector<Json> rows;
  for (const Work& w : kWorks) {
    const auto entry = program_of([&] { fma_kernel<<<w.grid, w.threads>>>(sink, w.rounds); });
    Json row;
    row.text("kernel", w.name).number("bare_us", time_us({}, w, sink));
    for (const auto& [name, address] : preludes) {
      Json cost;
      const double bare = time_us({}, w, sink);
      for (int n : {1, 4, 8})
        cost.number("atoms_" + std::to_string(n) + "_percent", 100 * (time_us(atoms_of(slots, address, entry, even_cuts_of(w.grid, n)), w, sink) / bare - 1));
      auto skip = atoms_of(slots, address, entry, {w.grid, w.grid});
      skip[0].end = 0;
      row.object(name, cost.number("skipped_block_ns", 1000 * time_us(skip, w, sink) / w.grid));
    }
    rows.push_back(row.number("bare_again_us", time_us({}, w, sink)));
  }
  return Json().list("works", rows);
}

int child(const char* program, const Instruction& jump) {
  auto* out = open_shared<Outcome>();
  need_gpu();
  if (!install_descriptor_hook().empty()) return 3;
  int changed = 0;
  PreludeValues values;
  values.bank = kAtomBank;
  const auto today = patch_prelude(need_prelude_cubin(program), "prelude_constant", values, changed);
  const AtomSlots slots(16);
  unsigned* counts;
  PROBE_CUDA(cudaMallocHost(&counts, 4 * 10007));
  const auto address = load_prelude(trimmed(today, &jump), "prelude_constant");
  out->stage = 1;  // loaded
  out->wrong_plain = wrong_blocks(slots, address, false, counts);
  if (out->wrong_plain != 0) return out->wrong_plain < 0 ? 4 : 0;
  out->stage = 2;
  out->wrong_cluster = wrong_blocks(slots, address, true, counts);
  out->bank_taken = g_bank_taken;
  if (out->wrong_cluster != 0) return out->wrong_cluster < 0 ? 4 : 0;
  out->stage = 3;
  const auto registers = load_prelude(trimmed(today, nullptr), "prelude_constant");
  const int wrong_trimmed = wrong_blocks(slots, registers, false, counts);
  const auto as_today = load_prelude(today, "prelude_constant");
  auto j = timing(slots, {{"today", as_today}, {"registers_trimmed", registers}, {"through_constant", address}});
  j.number("wrong_blocks_registers_trimmed", wrong_trimmed);
  std::snprintf(out->timing, sizeof out->timing, "%s", j.str().c_str());
  out->stage = 4;
  return 0;
}

std::string hex(std::uint64_t v) {
  char out[24];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(v));
  return out;
}

Json try_candidate(const Candidate& c) {
  auto* out = create_shared<Outcome>();
  const int exit = end_child(start_child({"run", hex(c.code.low), hex(c.code.high)}), kChildSeconds);
  const char* verdict = out->stage >= 3 ? "every block once" : exit == -1 ? "hung" : out->stage == 0 ? "not loaded" : out->wrong_plain < 0 ? "fault" : "wrong";
  Json row;
  row.text("candidate", c.name).text("low", hex(c.code.low)).text("high", hex(c.code.high)).text("nvdisasm", c.disassembled)
      .text("verdict", verdict).number("exit", exit).number("wrong_or_error_plain", out->wrong_plain).number("wrong_or_error_cluster", out->wrong_cluster)
      .number("bank_taken", out->bank_taken);
  if (out->timing[0]) row.raw("cost", out->timing);
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "run")
    return child(argv[0], {std::strtoull(argv[2], nullptr, 16), std::strtoull(argv[3], nullptr, 16)});
  need_gpu();
  need_prelude_cubin(argv[0]);
  auto candidates = guesses();
  for (auto& c : candidates) c.disassembled = disassemble(c.code);
  const auto swept = sweep();
  for (const auto& s : swept)
    if (std::none_of(candidates.begin(), candidates.end(), [&](const Candidate& c) { return c.code.low == s.code.low && c.code.high == s.code.high; }))
      candidates.push_back(s);
  // What nvdisasm knows as a jump goes first; the rest is dropped where there are too many.
  std::stable_partition(candidates.begin(), candidates.end(), [](const Candidate& c) { return is_jump_through_entry(c.disassembled); });
  if (candidates.size() > kChildrenMax) candidates.resize(kChildrenMax);
  std::vector<Json> rows;
  const auto until = now_ns() + kBudgetNs;
  for (const auto& c : candidates)
    rows.push_back(now_ns() < until ? try_candidate(c) : Json().text("candidate", c.name).text("verdict", "not tried: no time left"));
  auto j = report("jump_constant", "2", argc, argv).number("swept_jumps_through_the_bank", static_cast<double>(swept.size()));
  j.flag("nvdisasm", std::system("command -v nvdisasm >/dev/null 2>&1") == 0);
  std::printf("%s\n", j.list("candidates", rows).str().c_str());
  return 0;
}
