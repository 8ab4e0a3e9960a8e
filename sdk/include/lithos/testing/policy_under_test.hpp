// SPDX-License-Identifier: Apache-2.0
// The policy as it will be used: the built library, loaded, created and called through the C ABI.
//
//   lithos::testing::PolicyUnderTest policy;                 // what lithos_add_policy_test(… POLICY …) names
//   lithos::testing::PolicyUnderTest strict({{"atom", 1ms}}); // with a parameter
//   policy.decide(machine, answer);
//
// Errors     What cannot be set up (no library, no such parameter, create() refused) throws std::runtime_error. A
//            call that the policy answers with a status below 0 throws PolicyFailure with what it said.
// Ownership  Holds the library, a FakeHost and a FakeGpu; the policy goes before them.
#pragma once

#include <dlfcn.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "lithos/policy_abi.h"
#include "lithos/testing/fake_host.hpp"
#include "lithos/testing/view_builder.hpp"

namespace lithos::testing {

class PolicyFailure : public std::runtime_error {
 public:
  PolicyFailure(lithos_status status, const std::string& text) : std::runtime_error(text), status_(status) {}
  lithos_status status() const { return status_; }

 private:
  lithos_status status_;
};

// A parameter by key. Durations are std::chrono ones; enums take the text of a choice.
struct With {
  using Value = std::variant<bool, int, std::int64_t, double, std::chrono::nanoseconds, const char*>;
  const char* key;
  Value value;
};

// `value` as the type that `param` declares.
inline lithos_value to_param_value(const lithos_param& param, const With::Value& value) {
  const auto wrong = [&]() -> lithos_value {
    throw std::runtime_error(std::string("parameter ") + param.key + " has another type than the test's value");
  };
  lithos_value out{param.type, 0, {}};
  const bool real =
      param.type == LITHOS_TYPE_F64 || param.type == LITHOS_TYPE_RATE_HZ || param.type == LITHOS_TYPE_FREQUENCY_HZ;
  if (const auto* text = std::get_if<const char*>(&value)) {
    if (param.type == LITHOS_TYPE_STRING) return out.as.text = *text, out;
    for (std::int64_t i = 0; param.type == LITHOS_TYPE_ENUM && param.choices[i] != nullptr; ++i)
      if (std::string(param.choices[i]) == *text) return out.as.i64 = i, out;
    return wrong();
  }
  if (const auto* duration = std::get_if<std::chrono::nanoseconds>(&value))
    return param.type == LITHOS_TYPE_DURATION_NS ? (out.as.i64 = duration->count(), out) : wrong();
  if (const auto* number = std::get_if<double>(&value)) return real ? (out.as.f64 = *number, out) : wrong();
  const std::int64_t whole = std::holds_alternative<bool>(value)  ? std::int64_t{std::get<bool>(value)}
                             : std::holds_alternative<int>(value) ? std::int64_t{std::get<int>(value)}
                                                                  : std::get<std::int64_t>(value);
  if (real) out.as.f64 = static_cast<double>(whole);
  else if (param.type == LITHOS_TYPE_STRING || param.type == LITHOS_TYPE_ENUM) return wrong();
  else out.as.i64 = whole;
  return out;
}

class PolicyUnderTest {
 public:
#ifdef LITHOS_POLICY_UNDER_TEST
  explicit PolicyUnderTest(std::initializer_list<With> params = {}, unsigned tpcs = 66)
      : PolicyUnderTest(LITHOS_POLICY_UNDER_TEST, params, tpcs) {}
#endif
  // The library's first policy.
  PolicyUnderTest(const char* path, std::initializer_list<With> params, unsigned tpcs) : gpu_(tpcs) {
    library_ = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) throw std::runtime_error(::dlerror());
    const auto entry = reinterpret_cast<lithos_policy_library_fn>(::dlsym(library_, LITHOS_POLICY_ENTRY_NAME));
    if (entry == nullptr) throw std::runtime_error(std::string(path) + ": no " LITHOS_POLICY_ENTRY_NAME);
    policy_ = entry()->policies[0];
    for (std::uint32_t i = 0; i < policy_->n_params; ++i) values_.push_back(policy_->params[i]->def);
    for (const With& with : params)
      values_[index_of(with.key)] = to_param_value(*policy_->params[index_of(with.key)], with.value);
    check(policy_->create(host_.c(), gpu_.c(), values_.data(), policy_->n_params, &self_));
  }
  ~PolicyUnderTest() {
    if (self_ != nullptr) policy_->destroy(self_);
    if (library_ != nullptr) ::dlclose(library_);
  }
  PolicyUnderTest(const PolicyUnderTest&) = delete;
  PolicyUnderTest& operator=(const PolicyUnderTest&) = delete;

  const lithos_policy& table() const { return *policy_; }
  FakeHost& host() { return host_; }
  FakeGpu& gpu() { return gpu_; }

  // Changes a live parameter, as the host does between two decisions.
  void set_param(const With& with) {
    const lithos_param& param = *policy_->params[index_of(with.key)];
    if (policy_->set_param == nullptr) throw std::runtime_error("the policy has no live parameter");
    const lithos_value value = to_param_value(param, with.value);
    check(policy_->set_param(self_, param.id, &value));
  }

  void decide(ViewBuilder& machine, Answer& answer) {
    answer.preset();
    check(ops<lithos_scheduler_ops>().decide(self_, machine.c(), answer.c()));
  }
  void tenant_left(std::uint64_t tenant_id) {
    if (ops<lithos_scheduler_ops>().tenant_left != nullptr) ops<lithos_scheduler_ops>().tenant_left(self_, tenant_id);
  }
  lithos_prediction predict(const lithos_predict_query& query) {
    lithos_prediction out{};
    check(ops<lithos_predictor_ops>().predict(self_, &query, &out));
    return out;
  }
  lithos_size choose(const lithos_size_query& query) {
    lithos_size out{};
    check(ops<lithos_right_sizer_ops>().choose(self_, &query, &out));
    return out;
  }
  lithos_clock_request plan(const lithos_power_sample& sample) {
    lithos_clock_request out{};
    out.struct_size = sizeof out;
    check(ops<lithos_dvfs_ops>().plan(self_, &sample, &out));
    return out;
  }
  // To a predictor or right-sizer; nothing happens if it does not observe.
  void observe(const lithos_observation& seen) {
    const auto operation = policy_->kind == LITHOS_KIND_PREDICTOR ? ops<lithos_predictor_ops>().observe
                                                                  : ops<lithos_right_sizer_ops>().observe;
    if (operation != nullptr) operation(self_, &seen);
  }

 private:
  template <class Ops>
  const Ops& ops() const {
    return *static_cast<const Ops*>(policy_->ops);
  }
  std::uint32_t index_of(const char* key) const {
    for (std::uint32_t i = 0; i < policy_->n_params; ++i)
      if (std::string(policy_->params[i]->key) == key) return i;
    throw std::runtime_error(std::string("the policy has no parameter ") + key);
  }
  void check(lithos_status status) const {
    if (status < 0) throw PolicyFailure(status, host_.failure());
  }

  FakeHost host_;
  FakeGpu gpu_;
  void* library_ = nullptr;
  const lithos_policy* policy_ = nullptr;
  std::vector<lithos_value> values_;
  void* self_ = nullptr;
};

}  // namespace lithos::testing
