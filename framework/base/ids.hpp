// SPDX-License-Identifier: Apache-2.0
// Names of things that travel between modules. Strong types: a queue can't be passed where a tenant is meant.
#pragma once

#include <cstdint>
#include <functional>

namespace lithos {

enum class TenantId : std::uint32_t {};    // slot of the engine's tenant table; reused after the tenant has left and drained
enum class QueueId : std::uint32_t {};     // launch queue (CUDA stream) within one tenant
enum class OperatorId : std::uint64_t {};  // hash of function and launch shape; 0 is none
enum class LaunchId : std::uint64_t {};    // counts up per tenant; 0 is none

template <class Id>
constexpr auto value_of(Id id) { return static_cast<std::underlying_type_t<Id>>(id); }

enum class TenantClass : std::uint32_t { latency_critical = 1, throughput = 2, best_effort = 3 };  // as in the policy ABI
enum class Pressure : std::uint32_t { idle = 0, active = 1, pressed = 2 };                         // as in the policy ABI
inline constexpr unsigned kPressureLevels = 3;

}  // namespace lithos
