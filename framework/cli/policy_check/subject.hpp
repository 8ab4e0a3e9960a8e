// SPDX-License-Identifier: Apache-2.0
// The policy a check looks at: its library, loaded for this check, and instances of it with hosts of their own.
// One thread, inside a check's process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/policy_check/check.hpp"
#include "lithos/testing/fake_host.hpp"
#include "policy_host/policy_library.hpp"

namespace lithos {

class Subject {
 public:
  // Empty: the library does not load or has no such policy; the check of level 1 has said so already.
  static std::optional<Subject> load(const std::string& path, const std::string& policy_id);

  const lithos_policy& policy() const { return *policy_; }
  std::vector<lithos_value> defaults() const;

 private:
  std::shared_ptr<const PolicyLibrary> library_;
  const lithos_policy* policy_ = nullptr;
};

// One created policy.
class SubjectInstance {
 public:
  using Offers = testing::FakeHost::Offers;
  SubjectInstance(const lithos_policy& policy, const testing::FakeGpu& gpu, std::vector<lithos_value> values,
                  Offers offers = Offers::everything)
      : SubjectInstance(policy, *gpu.c(), std::move(values), offers) {}
  SubjectInstance(const lithos_policy& policy, const lithos_gpu_info& gpu, std::vector<lithos_value> values,
                  Offers offers = Offers::everything)
      : policy_(&policy), host_(offers), values_(std::move(values)) {
    status_ = policy.create(host_.c(), &gpu, values_.data(), policy.n_params, &self_);
  }
  ~SubjectInstance() {
    if (created()) policy_->destroy(self_);
  }
  SubjectInstance(const SubjectInstance&) = delete;
  SubjectInstance& operator=(const SubjectInstance&) = delete;

  bool created() const { return status_ >= 0; }
  lithos_status status() const { return status_; }
  void* self() const { return self_; }
  const lithos_policy& policy() const { return *policy_; }
  testing::FakeHost& host() { return host_; }
  template <class Ops>
  const Ops& ops() const {
    return *static_cast<const Ops*>(policy_->ops);
  }

 private:
  const lithos_policy* policy_;
  testing::FakeHost host_;
  std::vector<lithos_value> values_;
  void* self_ = nullptr;
  lithos_status status_ = 0;
};

// How nearly every check begins: it loads the policy, and `judge(subject)` says what is to be said. Whether it loads at all
// is a check of level 1, and its finding.
template <class Judge>
Verdict with_subject(const CheckInput& input, Judge&& judge) {
  const std::optional<Subject> subject = Subject::load(input.path, input.policy_id);
  return subject ? std::forward<Judge>(judge)(*subject) : skipped("the library does not load");
}

// With an instance that has the declared defaults, on a device of 66 TPCs. Whether it can be created is a check of level 3.
struct Bench {
  const Subject& subject;
  const testing::FakeGpu& gpu;
  SubjectInstance& instance;

  std::uint32_t kind() const { return subject.policy().kind; }
};
template <class Judge>
Verdict with_instance(const CheckInput& input, SubjectInstance::Offers offers, Judge&& judge) {
  return with_subject(input, [&](const Subject& subject) {
    const testing::FakeGpu gpu(66, input.seed);
    SubjectInstance instance(subject.policy(), gpu, subject.defaults(), offers);
    if (!instance.created()) return skipped("create refuses the defaults");
    return std::forward<Judge>(judge)(Bench{subject, gpu, instance});
  });
}
template <class Judge>
Verdict with_instance(const CheckInput& input, Judge&& judge) {
  return with_instance(input, SubjectInstance::Offers::everything, std::forward<Judge>(judge));
}

}  // namespace lithos
