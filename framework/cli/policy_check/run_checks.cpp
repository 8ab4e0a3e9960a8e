// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <stdlib.h>  // mkdtemp, setenv

#include <algorithm>
#include <array>
#include <filesystem>
#include <regex>
#include <sstream>

#include "cli/policy_check/check.hpp"
#include "cli/policy_check/isolated.hpp"
#include "policy_host/policy_library.hpp"

namespace lithos {
namespace {

constexpr std::array<const char*, 6> kStatusNames{"PASS", "FAIL", "CRASH", "TIMEOUT", "SKIP", "WARN"};

struct PolicyName {
  std::uint32_t kind = 0;
  std::string id;
};

// Where children put their private copies, so that a crashed one leaves nothing behind.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lithos-check-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) ::setenv("XDG_RUNTIME_DIR", (path_ = name).c_str(), 1);
  }
  ~ScratchFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

 private:
  std::string path_;
};

// A verdict as the one text that leaves the child: the status as a digit, then the sentence.
std::string to_text(const Verdict& verdict) {
  return static_cast<char>('0' + static_cast<int>(verdict.status)) + verdict.found;
}
Verdict from_text(const std::string& text) {
  if (text.empty() || text[0] < '0' || text[0] >= '0' + static_cast<int>(kStatusNames.size()))
    return {CheckStatus::fail, text.empty() ? "the check said nothing" : text.substr(1)};
  return {static_cast<CheckStatus>(text[0] - '0'), text.substr(1)};
}

Finding run_one(const Check& check, int level, const CheckInput& input, const CheckOptions& options) {
  Finding finding{&check, level, input.policy_id, {}, {}};
  if (options.in_process) {
    finding.verdict = check.run(input);
    return finding;
  }
  const Isolated child = run_isolated([&] { return to_text(check.run(input)); }, options.timeout);
  finding.took = child.took;
  switch (child.end) {
    case Isolated::End::said: finding.verdict = from_text(child.text); break;
    case Isolated::End::crashed: finding.verdict = {CheckStatus::crash, child.text}; break;
    case Isolated::End::timed_out:
      finding.verdict = {CheckStatus::timeout, fmt::format("no answer within {} s", to_seconds(options.timeout))};
      break;
  }
  return finding;
}

// The policies of the library, asked in a child: this process never runs its code.
std::vector<PolicyName> names_of_policies(const std::string& path, const CheckOptions& options) {
  const auto list = [&] {
    std::string text;
    const auto library = PolicyLibrary::load(path);
    if (library.ok())
      for (const lithos_policy* policy : library.value()->policies())
        text += fmt::format("{} {}\n", policy->kind, policy->id);
    return text;
  };
  std::istringstream lines(options.in_process ? list() : run_isolated(list, options.timeout).text);
  std::vector<PolicyName> names;
  for (PolicyName name; lines >> name.kind >> name.id;) names.push_back(name);
  return names;
}

bool selected(const Check& check, const CheckOptions& options) {
  if (!options.include.empty() && !std::regex_search(check.name, std::regex(options.include))) return false;
  return options.exclude.empty() || !std::regex_search(check.name, std::regex(options.exclude));
}

}  // namespace

const char* name_of(CheckStatus status) { return kStatusNames[static_cast<std::size_t>(status)]; }

std::vector<Finding> check_policy_library_file(const std::string& path, const CheckOptions& options) {
  const ScratchFolder scratch;
  std::vector<Finding> findings;
  const std::array levels{library_checks(), parameter_checks(), lifecycle_checks(), decision_checks(), kind_checks()};
  // Whether it loads decides what else can be asked, so that is always found out.
  const Check& loads = library_checks().front();
  const Finding loading = run_one(loads, 1, {path, "", options.seed}, options);
  const bool usable = loading.verdict.status == CheckStatus::pass;
  if (!usable || selected(loads, options)) findings.push_back(loading);
  const std::vector<PolicyName> policies = usable ? names_of_policies(path, options) : std::vector<PolicyName>{};

  for (int level = 1; level <= std::min<int>(options.level, levels.size()); ++level) {
    const auto run_all = [&](const PolicyName* policy) {
      for (const Check& check : levels[static_cast<std::size_t>(level - 1)]) {
        if (&check == &loads || !selected(check, options) || check.per_policy != (policy != nullptr)) continue;
        if (policy != nullptr && check.kind != kAnyKind && check.kind != policy->kind) continue;
        const CheckInput input{path, policy != nullptr ? policy->id : "", options.seed};
        findings.push_back(run_one(check, level, input, options));
      }
    };
    run_all(nullptr);
    for (const PolicyName& policy : policies) run_all(&policy);
  }
  return findings;
}

bool acceptable(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) {
    const CheckStatus status = finding.verdict.status;
    return status == CheckStatus::fail || status == CheckStatus::crash || status == CheckStatus::timeout;
  });
}

}  // namespace lithos
