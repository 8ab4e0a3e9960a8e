/* SPDX-License-Identifier: Apache-2.0
 * Sizes and offsets of policy ABI 1.2 and service ABI 1.1 on 64-bit machines, as rows for both languages. A change here
 * is a break of the ABI, except that a struct may grow at its end with a new minor version. */
#ifndef LITHOS_TESTS_ABI_LAYOUT_H
#define LITHOS_TESTS_ABI_LAYOUT_H

#include "lithos/policy_abi.h"
#include "lithos/service_abi.h"

/* SIZE(type, bytes) and OFFSET(type, member, bytes) */
#define LITHOS_LAYOUT(SIZE, OFFSET)                     \
  SIZE(lithos_tpc_set, 32)                              \
  SIZE(lithos_value, 16)                                \
  OFFSET(lithos_value, as, 8)                           \
  SIZE(lithos_param, 96)                                \
  OFFSET(lithos_param, def, 40)                         \
  OFFSET(lithos_param, choices, 88)                     \
  SIZE(lithos_metric, 32)                               \
  SIZE(lithos_host, 48)                                 \
  OFFSET(lithos_host, extension, 40)                    \
  SIZE(lithos_gpu_info, 48)                             \
  SIZE(lithos_op, 56)                                   \
  SIZE(lithos_launch, 112)                              \
  OFFSET(lithos_launch, tpcs, 80)                       \
  SIZE(lithos_tpc_view, 16)                             \
  SIZE(lithos_tenant_view, 464)                         \
  OFFSET(lithos_tenant_view, work_slowdown, 432)        \
  SIZE(lithos_sched_view, 96)                           \
  OFFSET(lithos_sched_view, tenant, 48)                 \
  SIZE(lithos_lease, 152)                               \
  OFFSET(lithos_lease, idle_grace_ns, 96)               \
  OFFSET(lithos_lease, launches_per_s, 136)             \
  OFFSET(lithos_lease, flags, 148)                      \
  SIZE(lithos_sched_answer, 32)                         \
  SIZE(lithos_scheduler_ops, 24)                        \
  SIZE(lithos_predict_query, 80)                        \
  SIZE(lithos_prediction, 24)                           \
  SIZE(lithos_observation, 96)                          \
  SIZE(lithos_predictor_ops, 24)                        \
  SIZE(lithos_size_query, 80)                           \
  SIZE(lithos_size, 16)                                 \
  OFFSET(lithos_size, rush_after, 4)                    \
  SIZE(lithos_right_sizer_ops, 24)                      \
  SIZE(lithos_op_weight, 48)                            \
  SIZE(lithos_power_sample, 80)                         \
  SIZE(lithos_clock_request, 16)                        \
  SIZE(lithos_dvfs_ops, 16)                             \
  SIZE(lithos_policy, 96)                               \
  OFFSET(lithos_policy, ops, 88)                        \
  SIZE(lithos_policy_library, 32)                       \
  SIZE(lithos_service_gpu, 24)                          \
  SIZE(lithos_power_reading, 24)                        \
  SIZE(lithos_event, 160)                               \
  OFFSET(lithos_event, as, 24)                          \
  OFFSET(lithos_event, as.atom.tpcs, 72)                \
  SIZE(lithos_series, 40)                               \
  SIZE(lithos_metric_family, 64)                        \
  SIZE(lithos_metrics, 32)                              \
  SIZE(lithos_exporter_ops, 40)                         \
  SIZE(lithos_service, 88)                              \
  SIZE(lithos_service_library, 32)

#endif
