/* SPDX-License-Identifier: Apache-2.0
 * Every struct of the service ABI and every field, as rows, and the members of an event's union. Whoever adds a field
 * adds it here. */
#ifndef LITHOS_TESTS_ABI_SERVICE_FIELDS_H
#define LITHOS_TESTS_ABI_SERVICE_FIELDS_H

#include "lithos/service_abi.h"

/* STRUCT(type) begins one, FIELD(type, member) in order, MEMBER(type, path) lies within the field before it */
#define LITHOS_SERVICE_FIELDS(STRUCT, FIELD, MEMBER)   \
  STRUCT(lithos_service_gpu)                           \
  FIELD(lithos_service_gpu, struct_size)               \
  FIELD(lithos_service_gpu, index)                     \
  FIELD(lithos_service_gpu, uuid)                      \
  FIELD(lithos_service_gpu, info)                      \
  STRUCT(lithos_power_reading)                         \
  FIELD(lithos_power_reading, struct_size)             \
  FIELD(lithos_power_reading, clock_mhz)               \
  FIELD(lithos_power_reading, power_w)                 \
  FIELD(lithos_power_reading, power_limit_w)           \
  STRUCT(lithos_power_ops)                             \
  FIELD(lithos_power_ops, struct_size)                 \
  FIELD(lithos_power_ops, reserved)                    \
  FIELD(lithos_power_ops, apply_clock)                 \
  FIELD(lithos_power_ops, read)                        \
  STRUCT(lithos_event)                                 \
  FIELD(lithos_event, time_ns)                         \
  FIELD(lithos_event, type)                            \
  FIELD(lithos_event, gpu)                             \
  FIELD(lithos_event, tenant_id)                       \
  FIELD(lithos_event, as)                              \
  MEMBER(lithos_event, as.tenant.name)                 \
  MEMBER(lithos_event, as.tenant.tenant_class)         \
  MEMBER(lithos_event, as.tenant.quota_tpcs)           \
  MEMBER(lithos_event, as.tenant.slo_ns)               \
  MEMBER(lithos_event, as.tenant.own)                  \
  MEMBER(lithos_event, as.atom.launch_id)              \
  MEMBER(lithos_event, as.atom.op_id)                  \
  MEMBER(lithos_event, as.atom.predicted_ns)           \
  MEMBER(lithos_event, as.atom.duration_ns)            \
  MEMBER(lithos_event, as.atom.queue)                  \
  MEMBER(lithos_event, as.atom.first_block)            \
  MEMBER(lithos_event, as.atom.block_count)            \
  MEMBER(lithos_event, as.atom.blocks)                 \
  MEMBER(lithos_event, as.atom.tpcs)                   \
  MEMBER(lithos_event, as.atom.queued_ns)              \
  MEMBER(lithos_event, as.atom.submitted_ns)           \
  MEMBER(lithos_event, as.atom.started_ns)             \
  MEMBER(lithos_event, as.atom.ended_ns)               \
  MEMBER(lithos_event, as.atom.graph_id)               \
  MEMBER(lithos_event, as.atom.outcome)                \
  MEMBER(lithos_event, as.atom.node)                   \
  MEMBER(lithos_event, as.atom.last)                   \
  MEMBER(lithos_event, as.atom.reserved)               \
  MEMBER(lithos_event, as.decision.why)                \
  MEMBER(lithos_event, as.decision.tenants)            \
  MEMBER(lithos_event, as.decision.fallback)           \
  MEMBER(lithos_event, as.decision.reserved)           \
  MEMBER(lithos_event, as.decision.took_ns)            \
  MEMBER(lithos_event, as.lease.generation)            \
  MEMBER(lithos_event, as.lease.own)                   \
  MEMBER(lithos_event, as.lease.usable_idle)           \
  MEMBER(lithos_event, as.lease.usable_active)         \
  MEMBER(lithos_event, as.lease.atom_ns)               \
  MEMBER(lithos_event, as.lease.outstanding_limit_ns)  \
  MEMBER(lithos_event, as.lease.hold)                  \
  MEMBER(lithos_event, as.lease.lenders)               \
  MEMBER(lithos_event, as.clock.requested_mhz)         \
  MEMBER(lithos_event, as.clock.applied_mhz)           \
  MEMBER(lithos_event, as.clock.power_w)               \
  MEMBER(lithos_event, as.fault.kind)                  \
  MEMBER(lithos_event, as.fault.reason)                \
  MEMBER(lithos_event, as.fault.text)                  \
  MEMBER(lithos_event, as.fault.count)                 \
  MEMBER(lithos_event, as.counter.name)                \
  MEMBER(lithos_event, as.counter.value)               \
  MEMBER(lithos_event, as.op.op_id)                    \
  MEMBER(lithos_event, as.op.name)                     \
  MEMBER(lithos_event, as.op.blocks)                   \
  MEMBER(lithos_event, as.op.min_tpcs)                 \
  MEMBER(lithos_event, as.op.flags)                    \
  MEMBER(lithos_event, as.op.nodes)                    \
  MEMBER(lithos_event, as.op.threads_per_block)        \
  MEMBER(lithos_event, as.op.registers_per_thread)     \
  MEMBER(lithos_event, as.op.shared_bytes)             \
  MEMBER(lithos_event, as.op.cluster_blocks)           \
  MEMBER(lithos_event, as.policy.generation)           \
  MEMBER(lithos_event, as.policy.kind)                 \
  MEMBER(lithos_event, as.policy.id)                   \
  MEMBER(lithos_event, as.policy.version)              \
  MEMBER(lithos_event, as.policy.hash)                 \
  MEMBER(lithos_event, as.request.latency_ns)          \
  MEMBER(lithos_event, as.request.slo_ns)              \
  MEMBER(lithos_event, as.waiting.launch_id)           \
  MEMBER(lithos_event, as.waiting.op_id)               \
  MEMBER(lithos_event, as.waiting.since_ns)            \
  MEMBER(lithos_event, as.waiting.queue)               \
  MEMBER(lithos_event, as.waiting.min_tpcs)            \
  MEMBER(lithos_event, as.dropped.count)               \
  STRUCT(lithos_series)                                \
  FIELD(lithos_series, struct_size)                    \
  FIELD(lithos_series, reserved)                       \
  FIELD(lithos_series, labels)                         \
  FIELD(lithos_series, value)                          \
  FIELD(lithos_series, count)                          \
  FIELD(lithos_series, buckets)                        \
  STRUCT(lithos_metric_family)                         \
  FIELD(lithos_metric_family, struct_size)             \
  FIELD(lithos_metric_family, type)                    \
  FIELD(lithos_metric_family, name)                    \
  FIELD(lithos_metric_family, help)                    \
  FIELD(lithos_metric_family, label_names)             \
  FIELD(lithos_metric_family, bounds)                  \
  FIELD(lithos_metric_family, series)                  \
  FIELD(lithos_metric_family, n_labels)                \
  FIELD(lithos_metric_family, n_bounds)                \
  FIELD(lithos_metric_family, n_series)                \
  FIELD(lithos_metric_family, series_size)             \
  STRUCT(lithos_metrics)                               \
  FIELD(lithos_metrics, struct_size)                   \
  FIELD(lithos_metrics, gpu)                           \
  FIELD(lithos_metrics, time_ns)                       \
  FIELD(lithos_metrics, families)                      \
  FIELD(lithos_metrics, n_families)                    \
  FIELD(lithos_metrics, family_size)                   \
  STRUCT(lithos_exporter_ops)                          \
  FIELD(lithos_exporter_ops, struct_size)              \
  FIELD(lithos_exporter_ops, reserved)                 \
  FIELD(lithos_exporter_ops, events)                   \
  FIELD(lithos_exporter_ops, flush)                    \
  FIELD(lithos_exporter_ops, wants)                    \
  FIELD(lithos_exporter_ops, sample)                   \
  STRUCT(lithos_service)                               \
  FIELD(lithos_service, struct_size)                   \
  FIELD(lithos_service, kind)                          \
  FIELD(lithos_service, id)                            \
  FIELD(lithos_service, version)                       \
  FIELD(lithos_service, summary)                       \
  FIELD(lithos_service, license)                       \
  FIELD(lithos_service, params)                        \
  FIELD(lithos_service, metrics)                       \
  FIELD(lithos_service, n_params)                      \
  FIELD(lithos_service, n_metrics)                     \
  FIELD(lithos_service, create)                        \
  FIELD(lithos_service, destroy)                       \
  FIELD(lithos_service, ops)                           \
  STRUCT(lithos_service_library)                       \
  FIELD(lithos_service_library, struct_size)           \
  FIELD(lithos_service_library, abi_major)             \
  FIELD(lithos_service_library, abi_minor)             \
  FIELD(lithos_service_library, n_services)            \
  FIELD(lithos_service_library, services)              \
  FIELD(lithos_service_library, sdk_version)

#endif
