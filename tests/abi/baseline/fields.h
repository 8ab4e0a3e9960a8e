/* SPDX-License-Identifier: Apache-2.0
 * Every struct of the policy ABI and every field, as rows. Whoever adds a field adds it here: a test notices what is missing. */
#ifndef LITHOS_TESTS_ABI_FIELDS_H
#define LITHOS_TESTS_ABI_FIELDS_H

#include "lithos/policy_abi.h"

/* STRUCT(type) begins one, FIELD(type, member) in order */
#define LITHOS_ABI_FIELDS(STRUCT, FIELD) \
  STRUCT(lithos_tpc_set)                        \
  FIELD(lithos_tpc_set, words)                  \
  STRUCT(lithos_value)                          \
  FIELD(lithos_value, type)                     \
  FIELD(lithos_value, reserved)                 \
  FIELD(lithos_value, as)                       \
  STRUCT(lithos_param)                          \
  FIELD(lithos_param, struct_size)              \
  FIELD(lithos_param, id)                       \
  FIELD(lithos_param, key)                      \
  FIELD(lithos_param, unit)                     \
  FIELD(lithos_param, doc)                      \
  FIELD(lithos_param, type)                     \
  FIELD(lithos_param, flags)                    \
  FIELD(lithos_param, def)                      \
  FIELD(lithos_param, min)                      \
  FIELD(lithos_param, max)                      \
  FIELD(lithos_param, choices)                  \
  STRUCT(lithos_metric)                         \
  FIELD(lithos_metric, struct_size)             \
  FIELD(lithos_metric, type)                    \
  FIELD(lithos_metric, name)                    \
  FIELD(lithos_metric, unit)                    \
  FIELD(lithos_metric, doc)                     \
  STRUCT(lithos_host)                           \
  FIELD(lithos_host, struct_size)               \
  FIELD(lithos_host, abi_minor)                 \
  FIELD(lithos_host, ctx)                       \
  FIELD(lithos_host, log)                       \
  FIELD(lithos_host, fail)                      \
  FIELD(lithos_host, metric)                    \
  FIELD(lithos_host, extension)                 \
  STRUCT(lithos_gpu_info)                       \
  FIELD(lithos_gpu_info, struct_size)           \
  FIELD(lithos_gpu_info, tpcs)                  \
  FIELD(lithos_gpu_info, sms_per_tpc)           \
  FIELD(lithos_gpu_info, gpcs)                  \
  FIELD(lithos_gpu_info, gpc_of_tpc)            \
  FIELD(lithos_gpu_info, seed)                  \
  FIELD(lithos_gpu_info, clocks_mhz)            \
  FIELD(lithos_gpu_info, clocks)                \
  FIELD(lithos_gpu_info, reserved)              \
  STRUCT(lithos_op)                             \
  FIELD(lithos_op, op_id)                       \
  FIELD(lithos_op, flags)                       \
  FIELD(lithos_op, bound)                       \
  FIELD(lithos_op, blocks)                      \
  FIELD(lithos_op, threads_per_block)           \
  FIELD(lithos_op, blocks_per_tpc)              \
  FIELD(lithos_op, cluster_blocks)              \
  FIELD(lithos_op, min_tpcs)                    \
  FIELD(lithos_op, ordinal)                     \
  FIELD(lithos_op, reserved)                    \
  STRUCT(lithos_launch)                         \
  FIELD(lithos_launch, op)                      \
  FIELD(lithos_launch, predicted_ns)            \
  FIELD(lithos_launch, since_ns)                \
  FIELD(lithos_launch, wanted_tpcs)             \
  FIELD(lithos_launch, reserved)                \
  FIELD(lithos_launch, tpcs)                    \
  STRUCT(lithos_tenant_view)                    \
  FIELD(lithos_tenant_view, tenant_id)          \
  FIELD(lithos_tenant_view, name)               \
  FIELD(lithos_tenant_view, tenant_class)       \
  FIELD(lithos_tenant_view, quota_tpcs)         \
  FIELD(lithos_tenant_view, own)                \
  FIELD(lithos_tenant_view, slo_ns)             \
  FIELD(lithos_tenant_view, tolerates_ns)       \
  FIELD(lithos_tenant_view, slo_attainment)     \
  FIELD(lithos_tenant_view, pressure)           \
  FIELD(lithos_tenant_view, queues)             \
  FIELD(lithos_tenant_view, pressure_since_ns)  \
  FIELD(lithos_tenant_view, active_since_ns)    \
  FIELD(lithos_tenant_view, idle_since_ns)      \
  FIELD(lithos_tenant_view, queued_launches)    \
  FIELD(lithos_tenant_view, inflight_launches)  \
  FIELD(lithos_tenant_view, queued_ns)          \
  FIELD(lithos_tenant_view, inflight_ns)        \
  FIELD(lithos_tenant_view, head)               \
  FIELD(lithos_tenant_view, running)            \
  FIELD(lithos_tenant_view, leased)             \
  FIELD(lithos_tenant_view, completed_launches) \
  FIELD(lithos_tenant_view, service_tpc_ns)     \
  FIELD(lithos_tenant_view, requests_completed) \
  FIELD(lithos_tenant_view, deadline_ns)        \
  FIELD(lithos_tenant_view, starved_since_ns)   \
  FIELD(lithos_tenant_view, work_slowdown)      \
  STRUCT(lithos_tpc_view)                       \
  FIELD(lithos_tpc_view, owner)                 \
  FIELD(lithos_tpc_view, borrower)              \
  FIELD(lithos_tpc_view, busy_until_ns)         \
  STRUCT(lithos_sched_view)                     \
  FIELD(lithos_sched_view, struct_size)         \
  FIELD(lithos_sched_view, why)                 \
  FIELD(lithos_sched_view, now_ns)              \
  FIELD(lithos_sched_view, budget_ns)           \
  FIELD(lithos_sched_view, tpcs)                \
  FIELD(lithos_sched_view, tenants)             \
  FIELD(lithos_sched_view, tenant_size)         \
  FIELD(lithos_sched_view, tpc_size)            \
  FIELD(lithos_sched_view, tenant)              \
  FIELD(lithos_sched_view, tpc)                 \
  FIELD(lithos_sched_view, unowned)             \
  STRUCT(lithos_lease)                          \
  FIELD(lithos_lease, usable)                   \
  FIELD(lithos_lease, idle_grace_ns)            \
  FIELD(lithos_lease, outstanding_limit_ns)     \
  FIELD(lithos_lease, uncuttable_limit_ns)      \
  FIELD(lithos_lease, atom_ns)                  \
  FIELD(lithos_lease, expires_after_ns)         \
  FIELD(lithos_lease, launches_per_s)           \
  FIELD(lithos_lease, max_tpcs)                 \
  FIELD(lithos_lease, flags)                    \
  STRUCT(lithos_sched_answer)                   \
  FIELD(lithos_sched_answer, struct_size)       \
  FIELD(lithos_sched_answer, tenants)           \
  FIELD(lithos_sched_answer, lease_size)        \
  FIELD(lithos_sched_answer, lease)             \
  FIELD(lithos_sched_answer, next_decision_ns)  \
  STRUCT(lithos_scheduler_ops)                  \
  FIELD(lithos_scheduler_ops, struct_size)      \
  FIELD(lithos_scheduler_ops, reserved)         \
  FIELD(lithos_scheduler_ops, decide)           \
  FIELD(lithos_scheduler_ops, tenant_left)      \
  STRUCT(lithos_predict_query)                  \
  FIELD(lithos_predict_query, op)               \
  FIELD(lithos_predict_query, tenant_id)        \
  FIELD(lithos_predict_query, tpcs)             \
  FIELD(lithos_predict_query, clock_mhz)        \
  FIELD(lithos_predict_query, neighbour_tpcs)   \
  FIELD(lithos_predict_query, reserved)         \
  STRUCT(lithos_prediction)                     \
  FIELD(lithos_prediction, p50_ns)              \
  FIELD(lithos_prediction, p99_ns)              \
  FIELD(lithos_prediction, confidence)          \
  STRUCT(lithos_observation)                    \
  FIELD(lithos_observation, op)                 \
  FIELD(lithos_observation, tenant_id)          \
  FIELD(lithos_observation, tpcs)               \
  FIELD(lithos_observation, clock_mhz)          \
  FIELD(lithos_observation, neighbour_tpcs)     \
  FIELD(lithos_observation, first_block)        \
  FIELD(lithos_observation, block_count)        \
  FIELD(lithos_observation, reserved)           \
  FIELD(lithos_observation, duration_ns)        \
  STRUCT(lithos_predictor_ops)                  \
  FIELD(lithos_predictor_ops, struct_size)      \
  FIELD(lithos_predictor_ops, reserved)         \
  FIELD(lithos_predictor_ops, predict)          \
  FIELD(lithos_predictor_ops, observe)          \
  STRUCT(lithos_size_query)                     \
  FIELD(lithos_size_query, op)                  \
  FIELD(lithos_size_query, tenant_id)           \
  FIELD(lithos_size_query, tenant_class)        \
  FIELD(lithos_size_query, tpcs)                \
  FIELD(lithos_size_query, slip)                \
  STRUCT(lithos_size)                           \
  FIELD(lithos_size, tpcs)                      \
  FIELD(lithos_size, reserved)                  \
  FIELD(lithos_size, expected_slowdown)         \
  STRUCT(lithos_right_sizer_ops)                \
  FIELD(lithos_right_sizer_ops, struct_size)    \
  FIELD(lithos_right_sizer_ops, reserved)       \
  FIELD(lithos_right_sizer_ops, choose)         \
  FIELD(lithos_right_sizer_ops, observe)        \
  STRUCT(lithos_op_weight)                      \
  FIELD(lithos_op_weight, op_id)                \
  FIELD(lithos_op_weight, tenant_id)            \
  FIELD(lithos_op_weight, tenant_class)         \
  FIELD(lithos_op_weight, bound)                \
  FIELD(lithos_op_weight, share)                \
  FIELD(lithos_op_weight, mean_ns)              \
  FIELD(lithos_op_weight, tpcs)                 \
  FIELD(lithos_op_weight, launches)             \
  STRUCT(lithos_power_sample)                   \
  FIELD(lithos_power_sample, struct_size)       \
  FIELD(lithos_power_sample, clock_mhz)         \
  FIELD(lithos_power_sample, now_ns)            \
  FIELD(lithos_power_sample, window_ns)         \
  FIELD(lithos_power_sample, busy_share)        \
  FIELD(lithos_power_sample, power_w)           \
  FIELD(lithos_power_sample, power_limit_w)     \
  FIELD(lithos_power_sample, slip)              \
  FIELD(lithos_power_sample, op)                \
  FIELD(lithos_power_sample, op_size)           \
  FIELD(lithos_power_sample, ops)               \
  FIELD(lithos_power_sample, reserved)          \
  STRUCT(lithos_clock_request)                  \
  FIELD(lithos_clock_request, struct_size)      \
  FIELD(lithos_clock_request, clock_mhz)        \
  FIELD(lithos_clock_request, next_sample_ns)   \
  STRUCT(lithos_dvfs_ops)                       \
  FIELD(lithos_dvfs_ops, struct_size)           \
  FIELD(lithos_dvfs_ops, reserved)              \
  FIELD(lithos_dvfs_ops, plan)                  \
  STRUCT(lithos_policy)                         \
  FIELD(lithos_policy, struct_size)             \
  FIELD(lithos_policy, kind)                    \
  FIELD(lithos_policy, id)                      \
  FIELD(lithos_policy, version)                 \
  FIELD(lithos_policy, summary)                 \
  FIELD(lithos_policy, license)                 \
  FIELD(lithos_policy, params)                  \
  FIELD(lithos_policy, metrics)                 \
  FIELD(lithos_policy, n_params)                \
  FIELD(lithos_policy, n_metrics)               \
  FIELD(lithos_policy, create)                  \
  FIELD(lithos_policy, destroy)                 \
  FIELD(lithos_policy, set_param)               \
  FIELD(lithos_policy, ops)                     \
  STRUCT(lithos_policy_library)                 \
  FIELD(lithos_policy_library, struct_size)     \
  FIELD(lithos_policy_library, abi_major)       \
  FIELD(lithos_policy_library, abi_minor)       \
  FIELD(lithos_policy_library, n_policies)      \
  FIELD(lithos_policy_library, policies)        \
  FIELD(lithos_policy_library, sdk_version)

#endif
