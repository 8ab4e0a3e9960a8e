// Question 1, rest: split-K and stream-K products of cuBLASLt: which there are, whether they may be cut, whether they wait.
//
// The parent asks cuBLASLt for everything: the heuristics' list, and every algorithm id with its tiles, splits, reduction
// schemes and custom options, captures each without running it, and keeps the kernels' names. It also counts the names with
// "stream_k" in the library's file by architecture. Then a child takes the products that are split (by configuration, by name,
// or because a second kernel follows) and launches them kernel by kernel: whole twice, each kernel in two halves in order,
// confined to 8, 4, 2 and 1 TPCs, and the halves in the wrong order, which shows who waits for lower block numbers. A child that
// hangs is killed, the stage noted, and the next one goes on with the next product. "split_gemms child" is the child.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cctype>
#include <map>
#include <set>

#include "common/step_launch.hpp"
#include "common/child.hpp"
#include "common/cublaslt.hpp"

using namespace lithos::probe;

namespace {

constexpr int kChosenMax = 10, kPerProduct = 3, kTextBytes = 8192;
constexpr std::int64_t kProductNs = 1'200'000'000, kStepPatience = 2'500'000'000;
constexpr double kChildSeconds = 30, kChildrenSeconds = 35;

struct Chosen {
  int product;
  cublasLtMatmulAlgo_t algorithm;
  char kernel[200];
};
struct Page {
  int count;
  Chosen chosen[kChosenMax];
  std::atomic<int> at;
  char stage[kChosenMax][48];
  char text[kChosenMax][kTextBytes];
};

std::string lower(std::string s) {
  for (char& c : s) c = static_cast<char>(std::tolower(c));
  return s;
}
bool named_stream_k(const std::string& name) {
  const auto s = lower(name);
  return s.find("stream_k") != std::string::npos || s.find("streamk") != std::string::npos;
}
bool named_split(const std::string& name) {
  const auto s = lower(name);
  return s.find("splitk") != std::string::npos || s.find("split_k") != std::string::npos || s.find("reduce") != std::string::npos;
}
// Numbers replaced, so that a list of names stays readable.
std::string family(const std::string& name) {
  std::string out;
  for (char c : name)
    if (!std::isdigit(static_cast<unsigned char>(c))) out += c;
    else if (out.empty() || out.back() != '#') out += '#';
  return out.substr(0, 120);
}

// Names with "stream_k" in the library's file, by architecture: what exists at all, whoever may choose it.
Json stream_k_names(const std::string& path) {
  std::map<std::string, int> by_sm;
  const int fd = open(path.c_str(), O_RDONLY);
  struct stat info{};
  if (fd < 0 || fstat(fd, &info) != 0) return Json().text("error", "cannot read the library");
  const auto* bytes = static_cast<const char*>(mmap(nullptr, info.st_size, PROT_READ, MAP_PRIVATE, fd, 0));
  close(fd);
  if (bytes == MAP_FAILED) return Json().text("error", "cannot map the library");
  const char* end = bytes + info.st_size;
  const auto next = [end](const char* from) { return static_cast<const char*>(memmem(from, end - from, "stream_k", 8)); };
  for (const char* p = next(bytes); p != nullptr; p = next(p + 8)) {
    const char* begin = p;
    while (begin > bytes && std::isprint(static_cast<unsigned char>(begin[-1])) && p - begin < 400) --begin;
    const std::string name(begin, p);
    const auto sm = name.find("sm");
    std::string arch = "none named";
    if (sm != std::string::npos) arch = name.substr(sm, name.find_first_not_of("0123456789", sm + 2) - sm);
    ++by_sm[arch];
  }
  munmap(const_cast<char*>(bytes), info.st_size);
  Json out;
  for (const auto& [arch, n] : by_sm) out.number(arch, n);
  return out;
}

// Everything cuBLASLt offers for one product.
class Offers {
 public:
  Offers(const LtLibrary& lt, int product, const Gemm& gemm, cudaStream_t stream) : lt_(lt), gemm_(gemm), stream_(stream), product_(product) {
    until_ = now_ns() + kProductNs;
    for (const Algorithm& algorithm : gemm.heuristics())
      if (in_time()) take(algorithm.it, true);
    for (const int id : gemm.ids())
      if (in_time()) vary(id);
  }

  std::vector<Chosen> chosen;
  std::set<std::string> stream_k, families;
  int from_heuristics = 0, from_ids = 0, not_captured = 0, algorithm_ids = 0;
  bool complete() const { return now_ns() < until_; }

  Json json() const {
    Json j;
    j.text("product", kProducts[product_].name).number("heuristics_captured", from_heuristics).number("variants_by_id_captured", from_ids)
        .number("ids", algorithm_ids).number("not_captured", not_captured).flag("complete", complete());
    return j.raw("stream_k", list(stream_k)).raw("kernel_families", list(families));
  }

 private:
  static std::string list(const std::set<std::string>& names) {
    std::string out;
    for (const auto& n : names) out += (out.empty() ? "" : ", ") + Json::quote(n);
    return "[" + out + "]";
  }
  bool in_time() const { return now_ns() < until_; }

  void take(const cublasLtMatmulAlgo_t& algorithm, bool heuristic) {
    const auto submit = [&] { return gemm_.submit(algorithm, stream_); };
    auto steps = captured_steps(stream_, submit, true);
    if (steps.empty() && heuristic && submit() == 0 && idle_within(stream_, kStepPatience))  // its first load may not fall into a capture
      steps = captured_steps(stream_, submit, true);
    if (steps.empty()) {
      ++not_captured;
      return;
    }
    ++(heuristic ? from_heuristics : from_ids);
    std::int32_t split = 1;
    std::size_t written = 0;
    lt_.config_get(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &split, sizeof split, &written);
    bool splits = split > 1 || steps.size() > 1, streams = false;
    std::string name;
    for (const auto& s : steps) {
      if (s.function == nullptr) continue;
      if (name.empty()) name = s.name;
      families.insert(family(s.name));
      if (named_stream_k(s.name)) stream_k.insert(s.name), streams = true;
      splits = splits || named_split(s.name);
    }
    // One of each family and number of kernels; stream-K before all others.
    if (!splits && !streams) return;
    const auto key = family(name) + std::to_string(steps.size()) + (split > 1 ? "s" : "");
    if (!seen_.insert(key).second) return;
    Chosen c{product_, algorithm, ""};
    std::snprintf(c.kernel, sizeof c.kernel, "%s", name.c_str());
    chosen.insert(streams ? chosen.begin() : chosen.end(), c);
  }

  std::vector<std::uint32_t> capability_list(const cublasLtMatmulAlgo_t& a, cublasLtMatmulAlgoCapAttributes_t what) const {
    std::size_t bytes = 0;
    if (lt_.cap(&a, what, nullptr, 0, &bytes) != 0 || bytes == 0) return {0};
    std::vector<std::uint32_t> all(bytes / 4);
    if (lt_.cap(&a, what, all.data(), bytes, &bytes) != 0) return {0};
    if (all.size() <= 3) return all;
    return {all.front(), all[all.size() / 2], all.back()};
  }
  template <class T>
  T capability(const cublasLtMatmulAlgo_t& a, cublasLtMatmulAlgoCapAttributes_t what) const {
    T value{};
    std::size_t written = 0;
    return lt_.cap(&a, what, &value, sizeof value, &written) == 0 ? value : T{};
  }
  template <class T>
  void set(cublasLtMatmulAlgo_t& a, cublasLtMatmulAlgoConfigAttributes_t what, T value) const {
    lt_.config_set(&a, what, &value, sizeof value);
  }

  // First, middle and last tile and stages; no split and four; each reduction scheme; up to 24 custom options.
  void vary(int id) {
    cublasLtMatmulAlgo_t base;
    if (!gemm_.init(id, base)) return;
    ++algorithm_ids;
    const bool can_split = capability<std::int32_t>(base, CUBLASLT_ALGO_CAP_SPLITK_SUPPORT) != 0;
    const auto schemes = capability<std::uint32_t>(base, CUBLASLT_ALGO_CAP_REDUCTION_SCHEME_MASK);
    const auto custom = std::min<std::int32_t>(capability<std::int32_t>(base, CUBLASLT_ALGO_CAP_CUSTOM_OPTION_MAX), 23);
    const auto tiles = capability_list(base, CUBLASLT_ALGO_CAP_TILE_IDS), stages = capability_list(base, CUBLASLT_ALGO_CAP_STAGES_IDS);
    for (const auto tile : tiles)
      for (const auto stage : stages)
        for (std::int32_t option = 0; option <= std::max(custom, 0); ++option)
          for (std::uint32_t scheme : {0u, 1u, 2u, 4u}) {
            if (!in_time()) return;
            if (scheme != 0 && (!can_split || !(schemes & scheme))) continue;
            cublasLtMatmulAlgo_t a = base;
            set(a, CUBLASLT_ALGO_CONFIG_TILE_ID, tile), set(a, CUBLASLT_ALGO_CONFIG_STAGES_ID, stage);
            set(a, CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, static_cast<std::uint32_t>(option));
            set(a, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, scheme ? 4 : 1), set(a, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, scheme);
            if (gemm_.possible(a)) take(a, false);
          }
  }

  const LtLibrary& lt_;
  const Gemm& gemm_;
  cudaStream_t stream_;
  int product_;
  std::int64_t until_;
  std::set<std::string> seen_;
};

// The GPC with most TPCs, so that clusters have room as long as they can.
TpcSet fullest_gpc(const std::vector<Tpc>& map, int count) {
  std::map<int, std::vector<int>> gpcs;
  for (const Tpc& t : map)
    if (t.bit < kClusterBits) gpcs[t.bit / kBitsPerGpc].push_back(t.bit);
  const auto fullest = std::max_element(gpcs.begin(), gpcs.end(), [](auto& a, auto& b) { return a.second.size() < b.second.size(); });
  TpcSet set;
  for (int i = 0; i < count && i < static_cast<int>(fullest->second.size()); ++i) set.add(fullest->second[i]);
  return set;
}

struct Preludes {
  std::array<std::uint64_t, 3> address;  // by axis
  AtomSlots slots{1};
  explicit Preludes(const char* program) {
    auto image = need_prelude_cubin(program);
    const char* const names[] = {"prelude_constant", "prelude_constant_y", "prelude_constant_z"};
    PreludeValues values;
    values.bank = kAtomBank;
    int changed = 0;
    for (const char* name : names) image = patch_prelude(image, name, values, changed);
    for (int axis = 0; axis < 3; ++axis) address[axis] = load_prelude(image, names[axis]);
  }
};

// One split product, launched kernel by kernel.
class Trial {
 public:
  Trial(const LtLibrary& lt, const Chosen& c, const Preludes& preludes, cudaStream_t stream)
      : gemm_(lt, kProducts[c.product]), preludes_(preludes), stream_(stream) {
    gemm_.submit(c.algorithm, stream);  // loads what is loaded lazily
    ok_ = idle_within(stream, kStepPatience);
    if (ok_) steps_ = captured_steps(stream, [&] { return gemm_.submit(c.algorithm, stream); });
  }
  bool captured() const { return ok_ && !steps_.empty(); }

  // Each returns false when it did not come to an end.
  bool whole(const TpcSet* set, int& unconfined, double& us) {
    poison();
    const auto begin = now_ns();
    for (Step& s : steps_) {
      StepPatch patch;
      patch.learn = set ? nullptr : &s, patch.confine_to = set;
      if (!launch_step(s, patch, stream_, kStepPatience)) return false;
      unconfined += patch.unconfined;
    }
    us = static_cast<double>(now_ns() - begin) / 1000.0;
    return true;
  }
  bool halves(bool reversed, int& cut, int& bank_taken) {
    poison();
    for (const Step& s : steps_) {
      const int axis = static_cast<int>(std::max_element(s.grid.begin(), s.grid.end()) - s.grid.begin());
      const bool whole = s.function == nullptr || s.type >= 4 || s.grid[axis] < 2;
      cut += !whole;
      for (int part = 0; part < (whole ? 1 : 2); ++part) {
        StepPatch patch;
        if (!whole) patch.atom = half(s, axis, reversed ? 1 - part : part);
        if (!launch_step(s, patch, stream_, kStepPatience)) return false;
        bank_taken += patch.bank_taken;
        if (!whole && patch.applied != 1) ok_ = false;
      }
    }
    return ok_;
  }

  std::vector<char> output() const {
    std::vector<char> bytes(gemm_.out_bytes);
    PROBE_CUDA(cudaMemcpy(bytes.data(), gemm_.out, bytes.size(), cudaMemcpyDeviceToHost));
    return bytes;
  }
  std::string kernels() const {
    std::vector<Json> out;
    for (const Step& s : steps_) {
      char grid[80];
      std::snprintf(grid, sizeof grid, "%ux%ux%u of cluster %ux%ux%u", s.grid[0], s.grid[1], s.grid[2], s.cluster[0], s.cluster[1], s.cluster[2]);
      out.push_back(Json().text("name", s.function ? s.name.substr(0, 160) : "not a kernel").text("descriptor_grid", grid).number("type", s.type)
                        .number("must_be_resident", s.gpu_cluster[0] * s.gpu_cluster[1] * s.gpu_cluster[2]));
    }
    return Json().list("k", out).str();
  }

 private:
  void poison() { PROBE_CUDA(cudaMemset(gemm_.out, 0xff, gemm_.out_bytes)); PROBE_CUDA(cudaDeviceSynchronize()); }
  AtomPatch half(const Step& s, int axis, int part) const {
    const std::uint32_t middle = (s.grid[axis] + 1) / 2;
    if (part == 0) return {0, 0, middle, axis};
    return {preludes_.address[axis], preludes_.slots.set(0, std::uint64_t{middle} * s.cluster[axis], s.entry), s.grid[axis], axis};
  }

  Gemm gemm_;
  const Preludes& preludes_;
  cudaStream_t stream_;
  std::vector<Step> steps_;
  bool ok_ = false;
};

// Runs the stages in turn; the page always holds what is known so far and which stage is under way.
bool examine(Page* page, int i, Trial& trial, const std::vector<Tpc>& map) {
  Json j;
  const auto stage = [&](const char* name) { std::snprintf(page->stage[i], sizeof page->stage[i], "%s", name); };
  const auto save = [&] { std::snprintf(page->text[i], kTextBytes, "%s", j.str().c_str()); };
  int unconfined = 0, cut = 0, bank = 0;
  double us = 0;
  stage("whole");
  if (!trial.captured() || !trial.whole(nullptr, unconfined, us)) return false;
  const auto reference = trial.output();
  j.raw("kernels", trial.kernels());
  if (!trial.whole(nullptr, unconfined, us)) return false;
  j.flag("whole_again_same_bits", trial.output() == reference).number("whole_us", us), save();
  stage("two halves");
  int same = 0;
  for (int r = 0; r < 3; ++r) {
    cut = 0;
    if (!trial.halves(false, cut, bank)) return false;
    same += trial.output() == reference;
  }
  j.number("kernels_cut", cut).number("halves_same_bits_of_3", same).number("bank_taken", bank), save();
  for (int tpcs : {8, 4, 2, 1}) {
    const auto name = "on_" + std::to_string(tpcs) + "_tpcs";
    const auto set = fullest_gpc(map, tpcs);
    stage(name.c_str());
    unconfined = 0;
    if (!trial.whole(&set, unconfined, us)) return false;
    j.object(name, Json().flag("same_bits", trial.output() == reference).number("us", us).number("kernels_left_unconfined", unconfined)), save();
  }
  stage("second half first");
  if (!trial.halves(true, cut, bank)) return false;
  j.flag("second_half_first_same_bits", trial.output() == reference), save();
  stage("done");
  return true;
}

int child(const char* program) {
  auto* page = open_shared<Page>();
  need_gpu();
  const auto map = need_tpc_map();
  LtLibrary lt;
  if (!install_descriptor_hook().empty() || !lt.load().empty()) return 3;
  const Preludes preludes(program);
  cudaStream_t stream;
  PROBE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  for (int i; (i = page->at) < page->count; page->at = i + 1) {
    Trial trial(lt, page->chosen[i], preludes, stream);
    // After a hang or a fault this process is done for; the parent starts another behind it.
    if (!examine(page, i, trial, map)) std::_Exit(4);
  }
  std::_Exit(0);
}

std::vector<Json> examine_all(Page* page, const LtLibrary& lt) {
  const auto until = now_ns() + static_cast<std::int64_t>(kChildrenSeconds * 1e9);
  std::vector<int> exits(kChosenMax, 0);
  while (page->at < page->count && now_ns() < until) {
    const int rc = end_child(start_child({"child"}), std::min(kChildSeconds, static_cast<double>(until - now_ns()) * 1e-9));
    if (page->at >= page->count) break;
    exits[page->at] = rc;
    page->at = page->at + 1;
  }
  std::vector<Json> rows;
  for (int i = 0; i < page->count; ++i) {
    const Chosen& c = page->chosen[i];
    rows.push_back(Json().text("product", kProducts[c.product].name).text("kernel", c.kernel).flag("stream_k", named_stream_k(c.kernel))
                       .object("algorithm", algorithm_json(lt, c.algorithm)).text("last_stage", page->stage[i]).number("ended_with", exits[i])
                       .raw("found", page->text[i][0] ? page->text[i] : "null"));
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return child(argv[0]);
  need_gpu();
  need_tpc_map();
  need_prelude_cubin(argv[0]);
  LtLibrary lt;
  if (auto why = lt.load(); !why.empty()) skip(why);
  cudaStream_t stream;
  PROBE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  auto* page = create_shared<Page>();
  std::vector<Json> offers;
  for (int p = 0; p < static_cast<int>(std::size(kProducts)); ++p) {
    const Gemm gemm(lt, kProducts[p]);
    if (!gemm.usable) continue;
    const Offers offered(lt, p, gemm, stream);
    offers.push_back(offered.json());
    for (int i = 0; i < std::min<int>(kPerProduct, offered.chosen.size()) && page->count < kChosenMax; ++i) page->chosen[page->count++] = offered.chosen[i];
  }
  const auto rows = examine_all(page, lt);
  auto j = report("split_gemms", "1", argc, argv).text("library", lt.path).number("cublaslt_version", static_cast<double>(lt.version()));
  j.object("stream_k_names_in_the_library", stream_k_names(lt.path)).list("offers", offers).list("split", rows);
  std::printf("%s\n", j.str().c_str());
  return 0;
}
