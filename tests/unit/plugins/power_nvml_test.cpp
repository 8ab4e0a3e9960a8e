// SPDX-License-Identifier: Apache-2.0
// The plugin power_nvml through the host, against a stand-in for NVIDIA's library.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "policy_host/services.hpp"
#include "unit/plugins/stand_in_nvml.h"

namespace lithos {
namespace {

using testing::HasSubstr;

constexpr const char* kUuid = "GPU-5a17ab1e-0000-4000-8000-000000000001";

class PowerNvml : public ::testing::Test {
 protected:
  // Keeps the stand-in loaded, so that its state is there before and after the plugin.
  PowerNvml() : stand_in_(::dlopen(STAND_IN_NVML, RTLD_NOW)) {
    auto* state_of = reinterpret_cast<stand_in_nvml* (*)()>(::dlsym(stand_in_, "stand_in_nvml_state"));
    nvml_ = state_of();
    *nvml_ = {};
  }
  ~PowerNvml() override { ::dlclose(stand_in_); }

  static CreatedService<PowerService> create(const char* library = STAND_IN_NVML, const char* uuid = kUuid, bool observe = false) {
    static constexpr std::uint32_t kClocks[] = {1980, 1965, 1410, 345};
    PolicyChoice choice;
    choice.id = "org.lithos.power.nvml";
    choice.where = {"t.toml", 2, 1};
    choice.params["library"] = {std::string(library), {}};
    choice.params["observe"] = {observe, {}};
    return create_power_service(choice, {PLUGINS}, {0, uuid, {sizeof(lithos_gpu_info), 66, 2, 8, nullptr, 1, kClocks, 4, 0}});
  }
  static double metric(const PowerService& service, const std::string& name) {
    for (const MetricReading& reading : service.metrics())
      if (reading.name == name) return reading.value;
    ADD_FAILURE() << name;
    return -1;
  }

  void* stand_in_;
  stand_in_nvml* nvml_;
};

TEST_F(PowerNvml, LocksReadsAndGivesBackAtTheEnd) {
  auto made = create();
  ASSERT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  EXPECT_EQ(made.service->apply_clock(1410).value(), 1410u);
  EXPECT_EQ(nvml_->max_mhz, 1410u);
  EXPECT_EQ(nvml_->min_mhz, 345u) << "an idle GPU may clock down";
  const lithos_power_reading reading = made.service->read().value();
  EXPECT_EQ(reading.clock_mhz, 1410u);
  EXPECT_DOUBLE_EQ(reading.power_w, 412.345);
  EXPECT_DOUBLE_EQ(reading.power_limit_w, 700);
  made.service.reset();
  EXPECT_EQ(nvml_->max_mhz, 0u);
  EXPECT_EQ(nvml_->sessions, 0);
}

TEST_F(PowerNvml, ZeroGivesTheChoiceBackToTheDriver) {
  auto made = create();
  ASSERT_NE(made.service, nullptr);
  (void)made.service->apply_clock(1410);
  EXPECT_EQ(made.service->apply_clock(0).value(), 1980u);
  EXPECT_EQ(nvml_->max_mhz, 0u);
  const int resets = nvml_->reset_calls;
  made.service.reset();
  EXPECT_EQ(nvml_->reset_calls, resets) << "nothing was locked any more";
}

// A daemon that was killed leaves its lock behind; the next one takes it back.
TEST_F(PowerNvml, AClockLeftLockedIsGivenBackAtTheStart) {
  nvml_->min_mhz = 345, nvml_->max_mhz = 600;
  auto made = create();
  ASSERT_NE(made.service, nullptr);
  EXPECT_EQ(nvml_->max_mhz, 0u);
}

TEST_F(PowerNvml, WithoutRootItSaysSoOnceAndObserves) {
  nvml_->fail_locks = 4;
  auto made = create();
  ASSERT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  const int tried = nvml_->reset_calls + nvml_->lock_calls;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(made.service->apply_clock(1410).value(), 1980u);
  EXPECT_EQ(nvml_->reset_calls + nvml_->lock_calls, tried) << "it does not go on asking";
  EXPECT_EQ(metric(*made.service, "clock_requests_observed_total"), 3);
  EXPECT_EQ(made.service->failures(), 0u);
  EXPECT_DOUBLE_EQ(made.service->read().value().power_w, 412.345);
}

TEST_F(PowerNvml, ObservingTouchesNothing) {
  nvml_->max_mhz = 1410;
  auto made = create(STAND_IN_NVML, kUuid, true);
  ASSERT_NE(made.service, nullptr);
  EXPECT_EQ(made.service->apply_clock(345).value(), 1410u);
  made.service.reset();
  EXPECT_EQ(nvml_->max_mhz, 1410u);
  EXPECT_EQ(nvml_->lock_calls + nvml_->reset_calls, 0);
}

TEST_F(PowerNvml, AFaultIsAnErrorOfThatCallOnly) {
  auto made = create();
  ASSERT_NE(made.service, nullptr);
  nvml_->fail_locks = 15;
  const auto failed = made.service->apply_clock(1410);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.status().message(), HasSubstr("nvmlDeviceSetGpuLockedClocks: GPU is lost"));
  nvml_->fail_locks = 0;
  EXPECT_EQ(made.service->apply_clock(1410).value(), 1410u);
  nvml_->fail_reads = 15;
  const lithos_power_reading reading = made.service->read().value();
  EXPECT_EQ(reading.clock_mhz, 0u);
  EXPECT_TRUE(std::isnan(reading.power_w));
  EXPECT_EQ(metric(*made.service, "readings_failed_total"), 3);
}

TEST_F(PowerNvml, OlderDriversThatCannotLockAreObserved) {
  auto made = create(STAND_IN_NVML_WITHOUT_LOCKS);
  ASSERT_NE(made.service, nullptr) << to_string(made.diagnostics.at(0));
  EXPECT_EQ(made.service->apply_clock(1410).value(), 1980u);
  EXPECT_EQ(metric(*made.service, "clock_requests_observed_total"), 1);
}

TEST_F(PowerNvml, WhatCannotWorkSaysWhy) {
  EXPECT_THAT(create("libno-such-nvml.so.1").diagnostics.at(0).message, HasSubstr("no NVIDIA driver here?"));
  EXPECT_THAT(create(STAND_IN_NVML_WITHOUT_POWER).diagnostics.at(0).message, HasSubstr("has no nvmlDeviceGetPowerUsage"));
  EXPECT_THAT(create(STAND_IN_NVML, "GPU-of-somebody-else").diagnostics.at(0).message, HasSubstr("GPU-of-somebody-else: Not Found"));
  EXPECT_EQ(nvml_->sessions, 0) << "a plugin that could not start leaves no session";
  nvml_->fail_init = 9;
  EXPECT_THAT(create().diagnostics.at(0).message, HasSubstr("nvmlInit_v2: Driver Not Loaded"));
}

}  // namespace
}  // namespace lithos
