// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "sim/h200.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

using ::testing::HasSubstr;

const std::string kHeader =
    "seq,kernel,grid_x,grid_y,grid_z,block_x,block_y,block_z,regs_per_thread,smem_bytes,cluster_x,cluster_y,cluster_z,"
    "full_gpu_us,tpc66_us,tpc32_us,tpc4_us\n";

std::string messages(const ParsedTrace& parsed) {
  std::string text;
  for (const Diagnostic& diagnostic : parsed.diagnostics) text += to_string(diagnostic) + "\n";
  return text;
}

TEST(Trace, ReadsShapeTimesAndQuotedNames) {
  const ParsedTrace parsed = parse_trace_text(
      kHeader +
          "0,\"gemm<int, 4>\",2,66,1,384,1,1,168,214272,2,1,1,10.5,11.5,21.0,150.25\n1,,8,1,1,64,1,1,16,0,,,,0.7,,,\n",
      "t.csv");
  ASSERT_TRUE(parsed.trace) << messages(parsed);
  ASSERT_EQ(parsed.trace->kernels.size(), 2u);
  const TraceKernel& gemm = parsed.trace->kernels[0];
  EXPECT_EQ(gemm.shape.name, "gemm<int, 4>");
  EXPECT_EQ(gemm.shape.grid, (Dim3{2, 66, 1}));
  EXPECT_EQ(gemm.shape.cluster, (Dim3{2, 1, 1}));
  EXPECT_EQ(gemm.shape.shared_bytes, 214272u);
  EXPECT_DOUBLE_EQ(gemm.full_us, 10.5);
  ASSERT_EQ(gemm.measured.size(), 3u);
  EXPECT_EQ(gemm.measured[2].tpcs, 4u);
  EXPECT_DOUBLE_EQ(gemm.measured[2].ns, 150250);
  EXPECT_EQ(parsed.trace->kernels[1].shape.cluster, (Dim3{1, 1, 1}));
  EXPECT_TRUE(parsed.trace->kernels[1].measured.empty());
}

TEST(Trace, ReportsEveryBrokenRowWithItsPlace) {
  const ParsedTrace parsed = parse_trace_text(
      kHeader +
          "0,a,zero,1,1,64,1,1,16,0,1,1,1,0.7,,,\n1,b,8,1,1,64,1,1,16,0,1,1,1\n2,c,8,1,1,64,1,1,16,0,1,1,1,-3,,,\n"
          "3,d,8,1,1,1024,2,1,16,0,1,1,1,1.0,,,\n4,e,8,1,1,64,1,1,16,0,1,1,1,,,,\n5,\"f,8,1\n",
      "t.csv");
  EXPECT_FALSE(parsed.trace);
  const std::string text = messages(parsed);
  EXPECT_THAT(text, HasSubstr("t.csv:2:3: grid = \"zero\": expected a whole number from 1"));
  EXPECT_THAT(text, HasSubstr("t.csv:3:1: the row has 13 fields; the header has 17"));
  EXPECT_THAT(text, HasSubstr("t.csv:4:14: full_gpu_us = \"-3\": expected a time in microseconds"));
  EXPECT_THAT(text, HasSubstr("t.csv:5:1: a block of 2048 threads: expected at most 1024"));
  EXPECT_THAT(text, HasSubstr("t.csv:6:1: no time: expected full_gpu_us or at least one tpcN_us"));
  EXPECT_THAT(text, HasSubstr("t.csv:7:1: the quoted field"));
  EXPECT_EQ(parsed.diagnostics.size(), 6u);
}

TEST(Trace, MissingFileHeaderColumnAndRows) {
  EXPECT_THAT(messages(parse_trace_file("/no/such/trace.csv")),
              HasSubstr("/no/such/trace.csv:1:1: cannot read the trace: No such file"));
  EXPECT_THAT(messages(parse_trace_text("", "t.csv")), HasSubstr("the file is empty"));
  EXPECT_THAT(messages(parse_trace_text("seq,kernel\n", "t.csv")),
              HasSubstr("the header has no column \"full_gpu_us\""));
  EXPECT_THAT(messages(parse_trace_text(kHeader, "t.csv")), HasSubstr("no kernels"));
}

TEST(Trace, TakesTheLaunchGapOutOfMeasuredPoints) {
  const ParsedTrace parsed =
      parse_trace_text(kHeader + "0,a,10000,1,1,256,1,1,32,0,1,1,1,10.0,11.2,21.2,161.2\n", "t.csv");
  ASSERT_TRUE(parsed.trace);
  const GpuShape gpu = h200_shape();
  const KernelInfo info = make_kernel_info(parsed.trace->kernels[0].shape, gpu, gpu.tpcs, {});
  EXPECT_NEAR(typical_gap_us(*parsed.trace), 1.2, 1e-9);
  const TimeCurve curve = make_time_curve(parsed.trace->kernels[0], info, gpu, 1.2);
  EXPECT_NEAR(curve.ns(66), 10e3, 1e-6);
  EXPECT_NEAR(curve.ns(32), 20e3, 1e-6);
  EXPECT_NEAR(curve.ns(4), 160e3, 1e-6);
}

// GPT-2's GEMM of 128 blocks that fill an SM each, as recorded: 164 us where all of them start at once, 305 on 52, 40 and 32 TPCs, and so on 63 too.
TEST(Trace, APersistentGridOneTpcShortOfItsBlocksTakesTwoRounds) {
  const std::string header = kHeader.substr(0, kHeader.find(",tpc32_us")) + ",tpc52_us,tpc40_us\n";
  const std::string rest = ",1,384,1,1,168,232448,2,1,1,164.0,164.0,";
  const ParsedTrace parsed = parse_trace_text(header + "0,nvjet_two_rounds,2,64" + rest + "305.0,305.0\n1,nvjet_pulls_tiles,2,66" + rest + "220.0,270.0\n", "t.csv");
  ASSERT_TRUE(parsed.trace) << messages(parsed);
  const GpuShape gpu = h200_shape();
  KernelRules rules;
  rules.rules.push_back({"nvjet", KernelNature::independent, true, ""});
  const auto curve_of = [&](unsigned row) {
    const TraceKernel& kernel = parsed.trace->kernels[row];
    return make_time_curve(kernel, make_kernel_info(kernel.shape, gpu, gpu.tpcs, rules), gpu, 0);
  };
  EXPECT_NEAR(curve_of(0).ns(64), 164e3, 1);
  EXPECT_NEAR(curve_of(0).ns(63), 305e3, 1);
  EXPECT_NEAR(curve_of(0).ns(58), 305e3, 1);
  EXPECT_NEAR(curve_of(1).ns(66), 164e3, 1);
  EXPECT_NEAR(curve_of(1).ns(65), 220e3 - 50e3 * (1.0 / 52 - 1.0 / 65) / (1.0 / 40 - 1.0 / 52), 1);  // on the line of 52 and 40
}

TEST(Trace, DistrustsRowsInWhichTheCpuWasSlow) {
  const ParsedTrace parsed =
      parse_trace_text(kHeader + "0,a,10000,1,1,256,1,1,32,0,1,1,1,10.0,40.0,41.0,200.0\n", "t.csv");
  ASSERT_TRUE(parsed.trace);
  const GpuShape gpu = h200_shape();
  const KernelInfo info = make_kernel_info(parsed.trace->kernels[0].shape, gpu, gpu.tpcs, {});
  const TimeCurve curve = make_time_curve(parsed.trace->kernels[0], info, gpu, 1.2);
  EXPECT_NEAR(curve.ns(66), 10e3, 1e-6);
  EXPECT_GT(curve.ns(32), 12e3);
  EXPECT_LT(curve.ns(32), 30e3);
}

TEST(Trace, EveryShippedTraceIsReadAndMakesSense) {
  const GpuShape gpu = h200_shape();
  int traces = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LITHOS_SOURCE_DIR "/configs/traces")) {
    if (entry.path().extension() != ".csv") continue;
    ++traces;
    const ParsedTrace parsed = parse_trace_file(entry.path().string());
    ASSERT_TRUE(parsed.trace) << messages(parsed);
    const double gap_us = typical_gap_us(*parsed.trace);
    EXPECT_LT(gap_us, 2.1);
    for (const TraceKernel& kernel : parsed.trace->kernels) {
      const KernelInfo info = make_kernel_info(kernel.shape, gpu, gpu.tpcs, {});
      const TimeCurve curve = make_time_curve(kernel, info, gpu, gap_us);
      for (unsigned n = 2; n <= gpu.tpcs; ++n)
        ASSERT_LE(curve.ns(n), curve.ns(n - 1) * (1 + 1e-9)) << entry.path() << ':' << kernel.line;
      for (unsigned n = 1; n <= gpu.tpcs; ++n) {
        ASSERT_GE(curve.shared_part(n), 0);
        ASSERT_LE(curve.shared_part(n), 1);
      }
    }
  }
  EXPECT_GE(traces, 13);
}

}  // namespace
}  // namespace lithos
