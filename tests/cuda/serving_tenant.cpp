// SPDX-License-Identifier: Apache-2.0
// A tenant for `lithos bench colocate` as small as can be: serving_tenant hp|be [silent|dies|together]. A request is one launch on the driver
// that it is linked with, the stand-in or the shim before it. `silent` never becomes ready; `dies` ends at its first task; the blocks of
// `together` may wait for each other and need 59 TPCs.
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "cuda/stand_in.h"
#include "daemon/json.hpp"

namespace {

using lithos::Json;

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void wait_until(clockid_t clock, std::int64_t ns) {
  const timespec at{ns / 1'000'000'000, ns % 1'000'000'000};
  while (::clock_nanosleep(clock, TIMER_ABSTIME, &at, nullptr) != 0) {}
}

class Tenant {
 public:
  explicit Tenant(bool together) : together_(together) {
    cuInit(0);
    CUcontext context = nullptr;
    cuDevicePrimaryCtxRetain(&context, 0);
    cuCtxSetCurrent(context);
    cuModuleLoadData(&module_, "");
    cuModuleGetFunction(&function_, module_, "serving");
  }

  Json run(const Json& task) {
    wait_until(CLOCK_REALTIME, static_cast<std::int64_t>(task.number_of("start_at") * 1e9));
    return task.text_of("do") == "serve" ? serve(task) : loop(task);
  }

 private:
  void request() {
    ++launches_;
    if (together_) {
      cuLaunchKernel(function_, 117, 1, 1, 256, 1, 1, 200'000, nullptr, nullptr, nullptr);  // one block on an SM
      return;
    }
    // More blocks than can be resident at once: they cannot wait for each other, so they run on any number of TPCs.
    cuLaunchKernel(function_, 5000, 1, 1, 256, 1, 1, 0, nullptr, nullptr, nullptr);
  }

  Json serve(const Json& task) {
    std::ifstream arrivals(task.text_of("arrivals"));
    std::ofstream times(task.text_of("times"));
    const std::int64_t zero = now_ns(CLOCK_MONOTONIC);
    std::int64_t count = 0;
    for (double us = 0; arrivals >> us; ++count) {
      const std::int64_t due = zero + static_cast<std::int64_t>(us * 1e3);
      wait_until(CLOCK_MONOTONIC, due);
      const std::int64_t begin = now_ns(CLOCK_MONOTONIC);
      request();
      const std::int64_t end = now_ns(CLOCK_MONOTONIC);
      times << end - due << ' ' << end - begin << '\n';
    }
    Json answer = Json::object();
    return answer.set("arrivals", count).set("done", count).set("checksum", std::to_string(count));
  }

  Json loop(const Json& task) {
    std::ofstream times(task.text_of("times"));
    const std::int64_t zero = now_ns(CLOCK_MONOTONIC), end = zero + static_cast<std::int64_t>(task.number_of("seconds") * 1e9);
    std::int64_t count = 0;
    for (std::int64_t at = zero; at < end; ++count) {
      request();
      wait_until(CLOCK_MONOTONIC, now_ns(CLOCK_MONOTONIC) + 2'000'000);
      at = now_ns(CLOCK_MONOTONIC);
      times << at - zero << '\n';
    }
    Json answer = Json::object();
    return answer.set("iterations", count);
  }

  const bool together_;
  CUmodule module_ = nullptr;
  CUfunction function_ = nullptr;
  std::int64_t launches_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc > 2 ? argv[2] : "";
  Tenant tenant(how == "together");
  if (how != "silent") std::cout << "{\"ready\": true}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const lithos::Result<Json> task = Json::parse(line);
    if (!task.ok() || task.value().text_of("do") == "quit") break;
    if (how == "dies") std::exit(3);
    std::cout << tenant.run(task.value()).dump() << std::endl;
  }
  return 0;
}
