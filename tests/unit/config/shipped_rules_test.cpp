// SPDX-License-Identifier: Apache-2.0
// configs/kernels.toml against the names in configs/traces: every kernel that was recorded is known, and to the right
// rule.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "config/config.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

const std::filesystem::path kConfigs = std::filesystem::path(LITHOS_SOURCE_DIR) / "configs";

const KernelRules& shipped() {
  static const KernelRules rules =
      parse_kernel_rules_file((kConfigs / "kernels.toml").string()).rules.value_or(KernelRules{});
  return rules;
}

const KernelRule* first_match(const std::string& name) {
  for (const KernelRule& rule : shipped().rules)
    if (std::regex_search(name, std::regex(rule.pattern))) return &rule;
  return nullptr;
}

// The second field of each row, with or without quotes.
std::set<std::string> recorded_names() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kConfigs / "traces")) {
    if (entry.path().extension() != ".csv") continue;
    std::ifstream file(entry.path());
    std::string line;
    for (std::getline(file, line); std::getline(file, line);) {
      const std::size_t start = line.find(',') + 1;
      const bool quoted = line[start] == '"';
      const std::string name = quoted ? line.substr(start + 1, line.find("\",", start + 1) - start - 1)
                                      : line.substr(start, line.find(',', start) - start);
      if (!name.empty()) names.insert(name);
    }
  }
  return names;
}

TEST(ShippedRules, AreRightAndGiveReasons) {
  ASSERT_GT(shipped().rules.size(), 15u);
  for (const KernelRule& rule : shipped().rules) EXPECT_GE(rule.reason.size(), 20u) << rule.pattern;
}

TEST(ShippedRules, KnowTheRecordedKernels) {
  // Look-back kernels have no rule on purpose.
  const std::regex without_rule("radix_sort|UniqueByKeySweep|DeviceScanKernel|tensor_kernel_scan");
  const std::set<std::string> names = recorded_names();
  EXPECT_GT(names.size(), 200u);
  for (const std::string& name : names) EXPECT_TRUE(first_match(name) || std::regex_search(name, without_rule)) << name;
}

TEST(ShippedRules, TheFirstMatchIsTheRightOne) {
  const auto expect = [](const char* name, KernelNature nature, bool persistent) {
    const KernelRule* rule = first_match(name);
    ASSERT_NE(rule, nullptr) << name;
    EXPECT_EQ(rule->nature, nature) << name << " matched " << rule->pattern;
    EXPECT_EQ(rule->persistent, persistent) << name << " matched " << rule->pattern;
  };
  expect("nvjet_sm90_tst_192x192_64x4_1x2_h_bz_coopB_TNN", KernelNature::independent, true);
  expect("nvjet_sm90_tst_64x8_64x16_2x1_v_bz_splitK_TNT", KernelNature::independent, true);
  expect("cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1_cga1x1x1_kernel0_0",
         KernelNature::independent, true);
  expect(
      "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8_stage3_warpsize1x2x1_ffma_aligna4_alignc4_execute_kernel__"
      "5x_cublas",
      KernelNature::independent, false);
  expect("vectorized_elementwise_kernel<4, FillFunctor<int>, std::array<char*, 1ul> >", KernelNature::independent,
         false);
  expect("batch_norm_collect_statistics_channels_last_kernel<Var, c10::BFloat16, float, 4>", KernelNature::independent,
         false);
  expect("void cudnn::batchnorm_fwtr_nhwc_semiPersist<__half, 2>", KernelNature::co_resident, true);
  expect("void cudnn::bn_fw_tr_1C11_kernel_NCHW_persist<float>", KernelNature::co_resident, true);
  expect(
      "sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_warpgroupsize1x1x1_g1_"
      "execute_"
      "segment_k_on_kernel__5x_cudnn",
      KernelNature::independent, true);
  expect(
      "sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_warpgroupsize1x1x1_g1_"
      "execute_split_k_kernel__5x_cudnn",
      KernelNature::co_resident, true);
  expect("ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)", KernelNature::never_touch, false);
  expect("nvshmemi_signal_wait", KernelNature::never_touch, false);
}

}  // namespace
}  // namespace lithos
