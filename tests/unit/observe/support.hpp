// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "policy_host/services.hpp"

namespace lithos::testing {

using Params = std::map<std::string, RawValue>;

inline ServiceGpu gpu() {
  static constexpr std::uint32_t kClocks[] = {1980, 1000};
  return {0, "", {sizeof(lithos_gpu_info), 8, 2, 1, nullptr, 1, kClocks, 2, 0}, {}};
}
inline RawValue raw(const std::string& text) { return {text, {}}; }

inline std::unique_ptr<ExporterService> exporter(const Params& params = {}) {
  PolicyChoice choice;
  choice.id = "org.lithos.test.exporter";
  choice.params = params;
  auto made = create_exporter_service(choice, {MODULES}, gpu());
  for (const Diagnostic& wrong : made.diagnostics) ADD_FAILURE() << to_string(wrong);
  return std::move(made.service);
}
inline std::unique_ptr<PowerService> power() {
  PolicyChoice choice;
  choice.id = "org.lithos.test.power";
  auto made = create_power_service(choice, {MODULES}, gpu());
  for (const Diagnostic& wrong : made.diagnostics) ADD_FAILURE() << to_string(wrong);
  return std::move(made.service);
}

inline double metric(const std::vector<MetricReading>& all, const std::string& name) {
  for (const MetricReading& one : all)
    if (one.name == name) return one.value;
  return -1;
}

// Looks again and again, without a fixed pause.
inline bool eventually(const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline void write_launch(EventRing& ring, std::uint64_t launch) {
  EventTap tap;
  tap.add(ring);
  tap.emit(LITHOS_EVENT_ATOM_ENDED, Nanoseconds{static_cast<std::int64_t>(launch)}, 1, [&](EventSlot& slot) {
    slot.event.as.atom = {};
    slot.event.as.atom.launch_id = launch;
  });
}

}  // namespace lithos::testing
