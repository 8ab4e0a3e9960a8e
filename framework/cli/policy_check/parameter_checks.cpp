// SPDX-License-Identifier: Apache-2.0
// Level 2: do the declared parameters mean what they say?
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "cli/policy_check/check.hpp"
#include "cli/policy_check/script.hpp"
#include "cli/policy_check/subject.hpp"
#include "policy_host/params.hpp"

namespace lithos {
namespace {

constexpr unsigned kCombinations = 60;  // random corners of the parameter space

std::string refusal(SubjectInstance& instance) {
  return instance.host().failure().empty() ? fmt::format("status {}, no reason given", instance.status())
                                           : fmt::format("status {}: {}", instance.status(), instance.host().failure());
}

// The values worth trying for one parameter: its ends, its default, its choices.
std::vector<lithos_value> worth_trying(const lithos_param& param) {
  std::vector<lithos_value> values{param.def};
  lithos_value value{param.type, 0, {}};
  const auto add = [&](std::int64_t whole) {
    value.as.i64 = whole;
    values.push_back(value);
  };
  if (param.type == LITHOS_TYPE_BOOL) add(0), add(1);
  else if (param.type == LITHOS_TYPE_ENUM)
    for (std::int64_t i = 0; param.choices[i] != nullptr; ++i) add(i);
  else if (param.type == LITHOS_TYPE_STRING)
    for (const char* text : {"", "x", "/no/such/file"}) value.as.text = text, values.push_back(value);
  else values.push_back(param.min), values.push_back(param.max);
  return values;
}

std::string setting(const lithos_param& param, const lithos_value& value) {
  return fmt::format("{} = {}", param.key, format_value(param, value));
}

Verdict documented(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const lithos_policy& policy = subject.policy();
    if (policy.summary[0] == '\0') return failed("the policy has no summary");
    for (std::uint32_t i = 0; i < policy.n_params; ++i)
      if (policy.params[i]->doc[0] == '\0')
        return failed(fmt::format("parameter {} has no doc", policy.params[i]->key));
    for (std::uint32_t i = 0; i < policy.n_metrics; ++i)
      if (policy.metrics[i]->doc[0] == '\0')
        return failed(fmt::format("metric {} has no doc", policy.metrics[i]->name));
    return passed(fmt::format("{} parameters, {} metrics", policy.n_params, policy.n_metrics));
  });
}

Verdict bounded(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    for (std::uint32_t i = 0; i < subject.policy().n_params; ++i) {
      const lithos_param& param = *subject.policy().params[i];
      const bool text = param.type == LITHOS_TYPE_STRING || param.type == LITHOS_TYPE_BOOL;
      if (!text && format_range(param).empty()) return warned(fmt::format("parameter {} has no range", param.key));
      if (param.type == LITHOS_TYPE_I64 && param.unit[0] == '\0')
        return warned(fmt::format("parameter {} is a number of what? It has no unit", param.key));
    }
    return passed();
  });
}

// Creates with `values`, plays a script; empty when all is well.
std::string trouble_with(const Subject& subject, const testing::FakeGpu& gpu, const std::vector<lithos_value>& values,
                         const Script& script) {
  SubjectInstance instance(subject.policy(), gpu, values);
  if (!instance.created()) return "create refuses it: " + refusal(instance);
  const Played played = script.play(instance);
  if (played.refused > 0)
    return fmt::format("{} of {} questions are refused: {}", played.refused, played.asked, played.first_refusal);
  return played.first_fault;
}

Verdict bounds_work(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const lithos_policy& policy = subject.policy();
    const testing::FakeGpu gpu;
    const Script script(policy.kind, *gpu.c(), {.seed = input.seed, .steps = 40});
    for (std::uint32_t i = 0; i < policy.n_params; ++i) {
      for (const lithos_value& value : worth_trying(*policy.params[i])) {
        std::vector<lithos_value> values = subject.defaults();
        values[i] = value;
        const std::string trouble = trouble_with(subject, gpu, values, script);
        if (!trouble.empty()) return failed(fmt::format("{}: {}", setting(*policy.params[i], value), trouble));
      }
    }
    OddNumbers random(input.seed);
    for (unsigned round = 0; policy.n_params > 1 && round < kCombinations; ++round) {
      std::vector<lithos_value> values;
      std::string settings;
      for (std::uint32_t i = 0; i < policy.n_params; ++i) {
        const std::vector<lithos_value> candidates = worth_trying(*policy.params[i]);
        values.push_back(candidates[random.below(candidates.size())]);
        settings += (i == 0 ? "" : ", ") + setting(*policy.params[i], values.back());
      }
      const std::string trouble = trouble_with(subject, gpu, values, script);
      if (!trouble.empty()) return failed(fmt::format("{}: {} (seed {})", settings, trouble, input.seed));
    }
    return passed();
  });
}

Verdict live_equals_create(const CheckInput& input) {
  return with_subject(input, [&](const Subject& subject) {
    const lithos_policy& policy = subject.policy();
    const testing::FakeGpu gpu;
    const Script script(policy.kind, *gpu.c(), {.seed = input.seed, .steps = 60});
    unsigned compared = 0;
    for (std::uint32_t i = 0; i < policy.n_params; ++i) {
      const lithos_param& param = *policy.params[i];
      if ((param.flags & LITHOS_PARAM_LIVE) == 0) continue;
      if (policy.set_param == nullptr) return failed(fmt::format("{} is live and set_param is NULL", param.key));
      for (const lithos_value& value : worth_trying(param)) {
        std::vector<lithos_value> values = subject.defaults();
        SubjectInstance changed(policy, gpu, values);
        values[i] = value;
        SubjectInstance created(policy, gpu, values);
        if (!changed.created() || !created.created()) continue;
        if (const lithos_status status = policy.set_param(changed.self(), param.id, &value); status < 0)
          return failed(fmt::format("{}: refused live (status {}), accepted by create", setting(param, value), status));
        if (script.play(changed).digest != script.play(created).digest)
          return failed(fmt::format("{}: set live it gives other answers than set at create", setting(param, value)));
        ++compared;
      }
    }
    return compared == 0 ? skipped("no live parameter") : passed(fmt::format("{} settings compared", compared));
  });
}

Verdict unknown_ids_refused(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    const lithos_policy& policy = bench.subject.policy();
    if (policy.set_param == nullptr) return skipped("no set_param");
    lithos_value value{LITHOS_TYPE_I64, 0, {}};
    if (policy.set_param(bench.instance.self(), 0xfffffff0u, &value) >= 0)
      return failed("set_param accepted an id that is not in the table");
    for (std::uint32_t i = 0; i < policy.n_params; ++i) {
      const lithos_param& param = *policy.params[i];
      if ((param.flags & LITHOS_PARAM_LIVE) == 0 && policy.set_param(bench.instance.self(), param.id, &param.def) >= 0)
        return failed(fmt::format("set_param accepted {}, which is not live", param.key));
    }
    return passed();
  });
}

constexpr std::array kParameterChecks{
    Check{"parameters.documented", "The policy has a summary; every parameter and metric has a doc.",
          "Add .doc(\"…\") to the parameter; one sentence that says what more of it does.", &documented},
    Check{"parameters.bounded", "Numbers have a range, and whole numbers a unit.",
          "Add .range(lowest, highest) and .unit(\"…\") to the parameter.", &bounded},
    Check{"parameters.bounds_work", "Every value within the declared ranges works, alone and with others.",
          "Narrow the range to what works, or make the ends work.", &bounds_work},
    Check{"parameters.live_equals_create", "A live parameter set while running means what it means at create.",
          "Derive everything that depends on it again in set_params().", &live_equals_create},
    Check{"parameters.unknown_ids_refused", "set_param refuses ids that are unknown or not live.",
          "Return LITHOS_E_INVALID for them; the C++ face does.", &unknown_ids_refused},
};

}  // namespace

std::span<const Check> parameter_checks() { return kParameterChecks; }

}  // namespace lithos
