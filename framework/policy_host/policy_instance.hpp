// SPDX-License-Identifier: Apache-2.0
// One created policy: its table, its self, what the host offers it, and the library that must stay loaded meanwhile.
//
// Internal to the policy host. An instance never moves: the policy keeps a pointer to its lithos_host. [control] for
// create() and destruction; the host functions may be called from inside any operation of the policy.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "lithos/policy_abi.h"
#include "policy_host/kinds.hpp"
#include "policy_host/params.hpp"
#include "policy_host/policy_library.hpp"

namespace lithos {

using PolicyLog = std::function<void(PolicyKind kind, int level, const std::string& text)>;

class PolicyInstance {
 public:
  // `policy` has passed check_policy(). The message of a failure contains what the policy said about it.
  static Result<std::unique_ptr<PolicyInstance>> create(const lithos_policy& policy,
                                                        std::shared_ptr<const PolicyLibrary> library,
                                                        const lithos_gpu_info& gpu, ResolvedParams params,
                                                        const PolicyLog& log);
  ~PolicyInstance();
  PolicyInstance(const PolicyInstance&) = delete;
  PolicyInstance& operator=(const PolicyInstance&) = delete;

  const lithos_policy& policy() const { return *policy_; }
  const PolicyLibrary* library() const { return library_.get(); }  // nullptr: compiled in
  const std::shared_ptr<const PolicyLibrary>& library_held() const { return library_; }
  void* self() const { return self_; }
  template <class Ops>
  const Ops& ops() const {
    return *static_cast<const Ops*>(policy_->ops);
  }

  // Whether the policy called host->fail() since the last take; hot, so a plain flag.
  bool has_failure() const { return failed_; }
  std::string take_failure();

  const std::vector<double>& metric_values() const { return metrics_; }  // in the order of the policy's table

 private:
  PolicyInstance(const lithos_policy& policy, std::shared_ptr<const PolicyLibrary> library, const PolicyLog& log);

  static PolicyInstance& of(const lithos_host* host) { return *static_cast<PolicyInstance*>(host->ctx); }
  static void on_log(const lithos_host* host, std::int32_t level, const char* text);
  static void on_fail(const lithos_host* host, const char* text);
  static void on_metric(const lithos_host* host, std::uint32_t index, double value);
  static const void* on_extension(const lithos_host* host, const char* id);

  static constexpr std::size_t kFailureTextMax = 240;
  static constexpr unsigned kLogLinesMax = 1000;  // of one instance in its life; there is no clock here to limit a rate

  // Declared first, destroyed last: destroy() and the tables are code and data of this library.
  std::shared_ptr<const PolicyLibrary> library_;
  const lithos_policy* policy_;
  lithos_host host_;
  PolicyLog log_;
  unsigned log_lines_ = 0;
  bool failed_ = false;
  std::array<char, kFailureTextMax> failure_{};
  std::vector<double> metrics_;
  void* self_ = nullptr;
  bool created_ = false;
};

}  // namespace lithos
