// SPDX-License-Identifier: Apache-2.0
// What the finished library asks of the machine it is loaded on, and what it shows: read with binutils, which the
// compiler needs anyway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <regex>
#include <set>
#include <string>

#include "cuda/queue/driver_calls.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::string text;
  char buffer[4096];
  while (pipe != nullptr && std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr) text += buffer;
  return text;
}

std::string shim(const std::string& name) { return std::string(LITHOS_BINARY_DIR) + "/lib/lithos/cuda/" + name; }

// Both libraries: that of the queued path is made of the same sources.
struct ShimSymbols : ::testing::TestWithParam<const char*> {
  const std::string kShim = shim(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Both, ShimSymbols, ::testing::Values("libcuda.so.1", "libcuda_queued.so.1"),
                         [](const auto& one) { return std::string(one.param).substr(0, std::string(one.param).find('.')); });

std::set<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) found.insert((*at)[1]);
  return found;
}

#ifndef LITHOS_SANITIZED
TEST_P(ShimSymbols, NothingIsNewerThanGlibc228) {
  const std::string symbols = output_of("readelf --dyn-syms --wide " + kShim);
  ASSERT_FALSE(symbols.empty());
  for (const std::string& symbol : all_matches(symbols, R"(UND +([^ \n]+@GLIBC_[0-9.]+))")) {
    unsigned major = 0, minor = 0;
    std::sscanf(symbol.c_str() + symbol.find("GLIBC_") + 6, "%u.%u", &major, &minor);
    EXPECT_TRUE(major == 2 && minor <= 28) << symbol;
  }
  EXPECT_THAT(all_matches(symbols, R"((GLIBCXX_[0-9.]+|CXXABI_[0-9.]+))"), ::testing::IsEmpty());
}

TEST_P(ShimSymbols, NeedsTheDriverByThePrivateNameAndTheCLibrary) {
  const std::string dynamic = output_of("readelf -d " + kShim);
  EXPECT_EQ(all_matches(dynamic, R"(SONAME\).*\[([^\]]+)\])"), std::set<std::string>{"libcuda.so.1"});
  const std::set<std::string> needed = all_matches(dynamic, R"(NEEDED\).*\[([^\]]+)\])");
  EXPECT_THAT(needed, ::testing::Contains("liblithos_real_cuda.so.1"));
  for (const std::string& name : needed)
    EXPECT_TRUE(std::regex_match(
        name, std::regex(R"(liblithos_real_cuda\.so\.1|lib(c|dl|pthread|m|rt)\.so\.[0-9]|ld-linux.*)")))
        << name;
  EXPECT_EQ(dynamic.find("RUNPATH"), std::string::npos);
  EXPECT_EQ(dynamic.find("TEXTREL"), std::string::npos);
}
#endif

TEST_P(ShimSymbols, ShowsTheDriversFunctionsAndNothingElse) {
  const std::string symbols = output_of("nm -D --defined-only " + kShim);
  const std::set<std::string> names = all_matches(symbols, R"( [A-Za-z] ([^\s@]+))");
  EXPECT_THAT(names, ::testing::Contains("cuLaunchKernel"));
  EXPECT_THAT(names, ::testing::Contains("cuGetProcAddress_v2"));
  for (const std::string& name : names)
    EXPECT_TRUE(std::regex_match(name, std::regex("cu[A-Z].*|lithos_shim_report"))) << name;
}

// What is intercepted must exist in some driver under that very name: the toolkit's stub has them all.
TEST_P(ShimSymbols, EveryInterceptedFunctionIsADrivers) {
  const std::string stub = output_of("nm -D --defined-only " LITHOS_CUDA_STUB);
  if (stub.empty()) GTEST_SKIP() << "no stub library in this toolkit";
  const std::set<std::string> known = all_matches(stub, R"( [A-Za-z] ([^\s@]+))");
  for (const std::string& name : all_matches(output_of("nm -D --defined-only " + kShim), R"( [A-Za-z] (cu[A-Z][^\s@]+))")) {
    if (std::regex_search(name, std::regex("GL|VDPAU"))) continue;  // the stub has none of those for graphics
    EXPECT_EQ(known.count(name), 1u) << name;
  }
}

// A trampoline before every function that may mean something to what waits: neither harmless nor a launch nor cuGetProcAddress.
TEST(QueuedSymbols, EveryFunctionThatMayMatterHasATrampoline) {
  const std::string stub = output_of("nm -D --defined-only " LITHOS_CUDA_STUB);
  if (stub.empty()) GTEST_SKIP() << "no stub library in this toolkit";
  const std::set<std::string> ours = all_matches(output_of("nm -D --defined-only " + shim("libcuda_queued.so.1")), R"( [A-Za-z] (cu[A-Z][^\s@]+))");
  for (const std::string& name : all_matches(stub, R"( [A-Za-z] (cu[A-Z][^\s@]+))")) {
    const cuda::CallClass call_class = cuda::class_of_driver_call(name);
    if (call_class == cuda::CallClass::harmless || call_class == cuda::CallClass::launch || call_class == cuda::CallClass::resolve) continue;
    EXPECT_EQ(ours.count(name), 1u) << name << ": add it to framework/cuda/shim/queued/exported_calls.inc";
  }
}

}  // namespace
}  // namespace lithos
