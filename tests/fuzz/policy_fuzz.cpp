// SPDX-License-Identifier: Apache-2.0
// libFuzzer over every shipped policy: bytes become questions (unit/policies/random_questions.hpp), asked until they are used up. A crash,
// or an answer that breaks a rule whatever the question was, ends the program.
// LITHOS_FUZZ_KIND=1 … 4 keeps to one kind of policy (policy_abi.h, LITHOS_KIND_*). replay.cpp gives it kept inputs without libFuzzer.
#include <cstdio>
#include <cstdlib>

#include "test_paths.hpp"
#include "unit/policies/shipped.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lithos;
  static PolicyCatalog catalog{{LITHOS_BINARY_DIR "/lib/lithos/policies"}};
  static const std::vector<FoundPolicy> policies = test::shipped_policies(catalog);
  static const char* const kind = std::getenv("LITHOS_FUZZ_KIND");
  constexpr int kStepsMax = 64;
  for (const FoundPolicy& found : policies) {
    if (kind != nullptr && found.policy->kind != static_cast<std::uint32_t>(std::atoi(kind))) continue;
    test::Conversation conversation(*found.policy, test::Bytes(std::span(data, size)));
    for (int i = 0; i < kStepsMax && !conversation.done(); ++i) conversation.step();
    if (const std::string broken = test::broken_rules(conversation.set()); !broken.empty()) {
      std::fprintf(stderr, "%s: %s\n", found.policy->id, broken.c_str());
      std::abort();
    }
  }
  return 0;
}
