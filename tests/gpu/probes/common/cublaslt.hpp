// cuBLASLt opened at run time, and the products that the probes ask it for.
//
// Purpose: the probes build where the toolkit's cublasLt.h is and run with whatever library the machine has: LITHOS_CUBLASLT
// names one (run_all.sh finds PyTorch's), else the loader's.
// Failure: LtLibrary::load() returns a reason in words.
#pragma once

#include <cublasLt.h>
#include <dlfcn.h>

#include "report.hpp"

namespace lithos::probe {

struct LtLibrary {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtGetVersion) version;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmulAlgoGetIds) ids;
  decltype(&cublasLtMatmulAlgoInit) init;
  decltype(&cublasLtMatmulAlgoCheck) check;
  decltype(&cublasLtMatmulAlgoCapGetAttribute) cap;
  decltype(&cublasLtMatmulAlgoConfigSetAttribute) config_set;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) config_get;
  std::string path;
  cublasLtHandle_t handle = nullptr;

  std::string load() {
    const char* named = std::getenv("LITHOS_CUBLASLT");
    void* lib = named && *named ? dlopen(named, RTLD_NOW) : nullptr;
    for (const char* name : {"libcublasLt.so.13", "/usr/local/cuda/lib64/libcublasLt.so.13", "libcublasLt.so"})
      if (lib == nullptr) lib = dlopen(name, RTLD_NOW);
    if (lib == nullptr) return "no libcublasLt (LITHOS_CUBLASLT names one)";
    bool all = true;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(lib, name));
      all = all && function != nullptr;
    };
    find(create, "cublasLtCreate"), find(version, "cublasLtGetVersion"), find(matmul, "cublasLtMatmul");
    find(desc_create, "cublasLtMatmulDescCreate"), find(desc_set, "cublasLtMatmulDescSetAttribute");
    find(layout_create, "cublasLtMatrixLayoutCreate"), find(preference_create, "cublasLtMatmulPreferenceCreate");
    find(preference_set, "cublasLtMatmulPreferenceSetAttribute"), find(heuristic, "cublasLtMatmulAlgoGetHeuristic");
    find(ids, "cublasLtMatmulAlgoGetIds"), find(init, "cublasLtMatmulAlgoInit"), find(check, "cublasLtMatmulAlgoCheck");
    find(cap, "cublasLtMatmulAlgoCapGetAttribute"), find(config_set, "cublasLtMatmulAlgoConfigSetAttribute");
    find(config_get, "cublasLtMatmulAlgoConfigGetAttribute");
    if (!all) return "libcublasLt lacks a function";
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(create), &info) && info.dli_fname) path = info.dli_fname;
    return create(&handle) == CUBLAS_STATUS_SUCCESS ? "" : "cublasLtCreate failed";
  }
};

// D[m, n] = op(A) op(B), column-major. K is deep and the output small where a split pays.
struct Product {
  const char* name;
  std::uint64_t m, n, k;
  cudaDataType_t in, out;
  cublasComputeType_t compute;
  bool a_transposed, b_transposed;
};
inline constexpr Product kProducts[] = {
    {"bf16 TN 4096x1x14336", 4096, 1, 14336, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, true, false},
    {"bf16 TN 1024x64x16384", 1024, 64, 16384, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, true, false},
    {"bf16 TN 4096x512x14336", 4096, 512, 14336, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, true, false},
    {"bf16 NT 1024x1024x8192", 1024, 1024, 8192, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, false, true},
    {"bf16 TN 8192x4096x4096", 8192, 4096, 4096, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, true, false},
    {"fp16 NN 128x128x32768", 128, 128, 32768, CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_32F, false, false},
    {"fp32 NN 256x256x16384", 256, 256, 16384, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, false, false},
    {"tf32 TN 256x256x16384", 256, 256, 16384, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, true, false},
    {"int8 TN 256x256x16384", 256, 256, 16384, CUDA_R_8I, CUDA_R_32I, CUBLAS_COMPUTE_32I, true, false},
    {"fp8 TN 1024x512x16384", 1024, 512, 16384, CUDA_R_8F_E4M3, CUDA_R_16BF, CUBLAS_COMPUTE_32F, true, false}};

inline std::size_t element_bytes(cudaDataType_t t) {
  if (t == CUDA_R_32F || t == CUDA_R_32I) return 4;
  return t == CUDA_R_8I || t == CUDA_R_8F_E4M3 ? 1 : 2;
}

// Named, because cudafe++ 13.0 fails on vectors of the library's own unnamed structs.
struct Algorithm {
  cublasLtMatmulAlgo_t it;
};

// One product with its operands on the device; `algorithm` is chosen by the caller.
class Gemm {
 public:
  static constexpr std::size_t kWorkspace = 64 << 20;

  Gemm(const LtLibrary& lt, const Product& p) : product(p), lt_(lt) {
    const auto scale = p.compute == CUBLAS_COMPUTE_32I ? CUDA_R_32I : CUDA_R_32F;
    const cublasOperation_t a_op = p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N, b_op = p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    usable = lt.desc_create(&desc_, p.compute, scale) == 0 && lt.desc_set(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &a_op, sizeof a_op) == 0 &&
             lt.desc_set(desc_, CUBLASLT_MATMUL_DESC_TRANSB, &b_op, sizeof b_op) == 0 &&
             lt.layout_create(&a_layout_, p.in, p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k, p.a_transposed ? p.k : p.m) == 0 &&
             lt.layout_create(&b_layout_, p.in, p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n, p.b_transposed ? p.n : p.k) == 0 &&
             lt.layout_create(&d_layout_, p.out, p.m, p.n, p.m) == 0;
    out_bytes = p.m * p.n * element_bytes(p.out);
    fill(&a_, p.m * p.k * element_bytes(p.in), p.in), fill(&b_, p.k * p.n * element_bytes(p.in), p.in);
    PROBE_CUDA(cudaMalloc(&out, out_bytes));
    PROBE_CUDA(cudaMalloc(&workspace_, kWorkspace));
    PROBE_CUDA(cudaMemset(workspace_, 0, kWorkspace));
  }
  ~Gemm() { cudaFree(a_), cudaFree(b_), cudaFree(out), cudaFree(workspace_); }
  Gemm(const Gemm&) = delete;

  std::vector<Algorithm> heuristics() const {
    constexpr int kMost = 128;
    static cublasLtMatmulHeuristicResult_t results[kMost];
    cublasLtMatmulPreference_t preference;
    int found = 0;
    if (lt_.preference_create(&preference) != 0) return {};
    lt_.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspace, sizeof kWorkspace);
    if (lt_.heuristic(lt_.handle, desc_, a_layout_, b_layout_, d_layout_, d_layout_, preference, kMost, results, &found) != 0) return {};
    std::vector<Algorithm> out;
    for (int i = 0; i < found; ++i)
      if (results[i].state == CUBLAS_STATUS_SUCCESS) out.push_back({results[i].algo});
    return out;
  }
  std::vector<int> ids() const {
    std::vector<int> out(256);
    int found = 0;
    const auto scale = product.compute == CUBLAS_COMPUTE_32I ? CUDA_R_32I : CUDA_R_32F;
    if (lt_.ids(lt_.handle, product.compute, scale, product.in, product.in, product.out, product.out, 256, out.data(), &found) != 0) return {};
    out.resize(found);
    return out;
  }
  bool init(int id, cublasLtMatmulAlgo_t& algorithm) const {
    const auto scale = product.compute == CUBLAS_COMPUTE_32I ? CUDA_R_32I : CUDA_R_32F;
    return lt_.init(lt_.handle, product.compute, scale, product.in, product.in, product.out, product.out, id, &algorithm) == 0;
  }
  bool possible(const cublasLtMatmulAlgo_t& algorithm) const {
    cublasLtMatmulHeuristicResult_t result;
    return lt_.check(lt_.handle, desc_, a_layout_, b_layout_, d_layout_, d_layout_, &algorithm, &result) == 0 && result.workspaceSize <= kWorkspace;
  }
  int submit(const cublasLtMatmulAlgo_t& algorithm, cudaStream_t stream) const {
    const float one_f = 1, zero_f = 0;
    const int one_i = 1, zero_i = 0;
    const bool integers = product.compute == CUBLAS_COMPUTE_32I;
    return lt_.matmul(lt_.handle, desc_, integers ? static_cast<const void*>(&one_i) : &one_f, a_, a_layout_, b_, b_layout_,
                      integers ? static_cast<const void*>(&zero_i) : &zero_f, out, d_layout_, out, d_layout_, &algorithm, workspace_, kWorkspace, stream);
  }

  const Product& product;
  bool usable = false;
  void* out = nullptr;
  std::size_t out_bytes = 0;

 private:
  // Small finite numbers of any type: random mantissas under an exponent near one.
  static void fill(void** memory, std::size_t bytes, cudaDataType_t type) {
    std::vector<std::uint8_t> host(bytes);
    std::uint32_t x = 12345;
    const auto next = [&x] { return x = x * 1664525u + 1013904223u; };
    const std::size_t size = element_bytes(type);
    for (std::size_t i = 0; i + size <= bytes; i += size) {
      const std::uint32_t r = next() >> 8;
      const std::uint32_t sign = r & 1;
      std::uint32_t v = r;
      if (type == CUDA_R_32F) v = sign << 31 | 0x3f000000u | (r >> 1 & 0x7fffff);
      if (type == CUDA_R_16BF) v = sign << 15 | 0x3f00u | (r >> 1 & 0x7f);
      if (type == CUDA_R_16F) v = sign << 15 | 0x3800u | (r >> 1 & 0x3ff);
      if (type == CUDA_R_8F_E4M3) v = sign << 7 | 0x30u | (r >> 1 & 7);
      std::memcpy(host.data() + i, &v, size);
    }
    PROBE_CUDA(cudaMalloc(memory, bytes));
    PROBE_CUDA(cudaMemcpy(*memory, host.data(), bytes, cudaMemcpyHostToDevice));
  }

  const LtLibrary& lt_;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t a_layout_ = nullptr, b_layout_ = nullptr, d_layout_ = nullptr;
  void *a_ = nullptr, *b_ = nullptr, *workspace_ = nullptr;
};

// What an algorithm is set to, as cuBLASLt's own numbers.
inline Json algorithm_json(const LtLibrary& lt, const cublasLtMatmulAlgo_t& algorithm) {
  Json j;
  const auto get = [&](const char* name, cublasLtMatmulAlgoConfigAttributes_t attribute, auto value) {
    std::size_t written = 0;
    if (lt.config_get(&algorithm, attribute, &value, sizeof value, &written) == 0) j.number(name, static_cast<double>(value));
  };
  get("id", CUBLASLT_ALGO_CONFIG_ID, int{}), get("tile", CUBLASLT_ALGO_CONFIG_TILE_ID, std::uint32_t{});
  get("stages", CUBLASLT_ALGO_CONFIG_STAGES_ID, std::uint32_t{}), get("split_k", CUBLASLT_ALGO_CONFIG_SPLITK_NUM, std::int32_t{});
  get("reduction", CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, std::uint32_t{}), get("swizzle", CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, std::uint32_t{});
  get("custom", CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, std::uint32_t{}), get("cluster", CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, std::uint16_t{});
  return j;
}

}  // namespace lithos::probe
