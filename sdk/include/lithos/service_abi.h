/* SPDX-License-Identifier: Apache-2.0
 *
 * LithOS service ABI, version 1: what crosses between the host and a plugin that acts. Plain C, from C11 to C++20.
 * C++ authors include <lithos/service.hpp> instead.
 *
 * A plugin acts and cannot decide: it sets the clock that was decided, or passes on what happened. Power control turns a
 * clock request into the machine's clock; exporters carry events to files, sockets or other programs.
 * Plugins are loaded at start and stay until the end: they are never replaced while running, so unlike policies they
 * may own threads, files and sockets. Status codes, typed parameters, metrics and lithos_host are the policy ABI's.
 *
 * Rules, valid for every function below
 *   versions   as in policy_abi.h: the major version in the entry symbol's name, struct_size first, growth at the end.
 *   threads    [control]  one call at a time for one instance; may allocate, block, make system calls. The host calls
 *                         from a thread that waits for nothing urgent. Host functions may be called from any thread
 *                         of the plugin from create() until destroy() has returned, by which the plugin's threads have ended.
 *   memory     The caller owns every buffer. Pointers are valid until the call returns unless said otherwise.
 *   time       Event times are nanoseconds of the host's clock, which is virtual in the simulator.
 *   errors     A negative status, with its text given to host->fail() beforehand. The host counts it and goes on without:
 *              a plugin cannot stop the system. No exception, longjmp or signal may cross.
 */
#ifndef LITHOS_SERVICE_ABI_H
#define LITHOS_SERVICE_ABI_H

#include "lithos/policy_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LITHOS_SERVICE_ABI_MAJOR 1u
#define LITHOS_SERVICE_ABI_MINOR 1u
/* The one symbol that a plugin library exports; see lithos_service_library_fn. */
#define LITHOS_SERVICE_ENTRY lithos_service_library_v1
#define LITHOS_SERVICE_ENTRY_NAME "lithos_service_library_v1"

#define LITHOS_SERVICE_POWER 1u
#define LITHOS_SERVICE_EXPORTER 2u

/* Which device an instance serves. */
typedef struct lithos_service_gpu {
  uint32_t struct_size;
  uint32_t index;     /* as in lithos_event.gpu */
  const char* uuid;   /* as the driver names it; "" for a virtual GPU */
  const lithos_gpu_info* info;
} lithos_service_gpu;

/* ---- power control ---------------------------------------------------------------------------------- */
typedef struct lithos_power_reading {
  uint32_t struct_size;
  uint32_t clock_mhz;   /* SM clock in force; 0: not known */
  double power_w;       /* NaN: not known */
  double power_limit_w; /* NaN: not known */
} lithos_power_reading;

typedef struct lithos_power_ops {
  uint32_t struct_size;
  uint32_t reserved;
  /* [control] mandatory. Makes `clock_mhz` (one of info->clocks_mhz) the SM clock; 0 gives the choice back to the driver.
   * *applied_mhz: what is in force afterwards, 0 if not known. destroy() gives the choice back too. */
  lithos_status (*apply_clock)(void* self, uint32_t clock_mhz, uint32_t* applied_mhz);
  /* [control] optional. *out is preset to "not known". */
  lithos_status (*read)(void* self, lithos_power_reading* out);
} lithos_power_ops;

/* ---- events ------------------------------------------------------------------------------------------- */
#define LITHOS_EVENT_TENANT_JOINED 1u
#define LITHOS_EVENT_TENANT_LEFT 2u
#define LITHOS_EVENT_ATOM_STARTED 3u
#define LITHOS_EVENT_ATOM_ENDED 4u
#define LITHOS_EVENT_DECISION 5u /* the scheduler was asked */
#define LITHOS_EVENT_LEASE 6u    /* a tenant's lease changed */
#define LITHOS_EVENT_CLOCK 7u    /* a clock was requested or came into force */
#define LITHOS_EVENT_FAULT 8u    /* an answer of a policy was repaired or replaced */
#define LITHOS_EVENT_COUNTER 9u  /* a counter's or gauge's value */
/* since 1.1 */
#define LITHOS_EVENT_ATOM_SUBMITTED 10u /* an atom, whole launch or graph was given to the device */
#define LITHOS_EVENT_OPERATOR 11u       /* a tenant announced an operator: what op_id means from here on */
#define LITHOS_EVENT_POLICY 12u         /* a policy is in force from here on */
#define LITHOS_EVENT_REQUEST 13u        /* a request of a tenant is through */
#define LITHOS_EVENT_WAITING 14u        /* the head of a launch queue cannot run under its lease */
#define LITHOS_EVENT_DROPPED 15u        /* events are missing here: this exporter was too slow for them */

/* How a launch went (lithos_event.as.atom.outcome): confined and cut as policy wished, or why not. */
#define LITHOS_OUTCOME_MASKED 0u            /* confined to chosen TPCs, whole, as policy wished */
#define LITHOS_OUTCOME_CUT 1u               /* run as several atoms */
#define LITHOS_OUTCOME_WHOLE_SMALL 2u       /* all its blocks are resident at once */
#define LITHOS_OUTCOME_WHOLE_PERSISTENT 3u  /* pulls tiles, cutting buys nothing */
#define LITHOS_OUTCOME_WHOLE_CO_RESIDENT 4u /* its blocks may wait for each other */
#define LITHOS_OUTCOME_WHOLE_SPECIAL 5u     /* an attribute of the launch forbids cutting */
#define LITHOS_OUTCOME_GRAPH 6u             /* inside a graph: masks fixed at its first launch */
#define LITHOS_OUTCOME_UNMASKED 7u          /* masks are turned off */
#define LITHOS_OUTCOME_STARVED 8u           /* ran at its minimum after the starvation limit */
#define LITHOS_OUTCOME_BYPASSED 9u          /* stood aside */
#define LITHOS_OUTCOME_DRIVER_INTERNAL 10u  /* not the tenant's own launch */
#define LITHOS_OUTCOME_WHOLE_DEAR 11u       /* cutting would cost more than it spares */
#define LITHOS_OUTCOMES 12u                 /* how many this header knows */

/* An outcome's name, as metrics, results and exporters spell it; "unknown": of a newer host. */
static inline const char* lithos_outcome_name(uint32_t outcome) {
  static const char* const names[] = {"masked",         "cut",           "whole_small",     "whole_persistent",
                                      "whole_co_resident", "whole_special", "graph",         "unmasked",
                                      "starved",        "bypassed",      "driver_internal", "whole_dear"};
  return outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}

#define LITHOS_OPERATOR_GRAPH 1u
#define LITHOS_OPERATOR_CUTTABLE 2u
#define LITHOS_OPERATOR_MAY_SPIN 4u
#define LITHOS_OPERATOR_PERSISTENT 8u

/* One thing that happened. Exporters must skip types they do not know. Events are in order of time_ns, the moment at
 * which the host knew; times inside an event are when it happened, on the same clock. This host announces atoms with
 * ATOM_SUBMITTED and ATOM_ENDED and leaves out ATOM_STARTED: when an atom began is known at its end. A graph is one
 * ATOM_SUBMITTED and one ATOM_ENDED per kernel in it. */
typedef struct lithos_event {
  uint64_t time_ns;
  uint32_t type; /* LITHOS_EVENT_* */
  uint32_t gpu;
  uint64_t tenant_id; /* 0: concerns none */
  union {
    struct { /* TENANT_JOINED, TENANT_LEFT */
      const char* name;
      uint32_t tenant_class;
      uint32_t quota_tpcs;
      uint64_t slo_ns;    /* since 1.1; 0: none */
      lithos_tpc_set own; /* since 1.1 */
    } tenant;
    struct { /* ATOM_STARTED, ATOM_ENDED, ATOM_SUBMITTED */
      uint64_t launch_id;
      uint64_t op_id;
      uint64_t predicted_ns;
      uint64_t duration_ns; /* 0 when started */
      uint32_t queue;
      uint32_t first_block, block_count, blocks;
      lithos_tpc_set tpcs;
      /* since 1.1; times are 0 where not known */
      uint64_t queued_ns;    /* the program launched it */
      uint64_t submitted_ns; /* it was given to the device */
      uint64_t started_ns, ended_ns; /* ATOM_ENDED: by the device */
      uint64_t graph_id;     /* the graph's op_id; 0: not in a graph */
      uint32_t outcome;      /* LITHOS_OUTCOME_* */
      uint32_t node;         /* ATOM_ENDED in a graph: 1 + its place; 0: none */
      uint32_t last;         /* 1: nothing of the launch comes after it */
      uint32_t reserved;
    } atom;
    struct { /* DECISION */
      uint32_t why;     /* LITHOS_WHY_* */
      uint32_t tenants;
      uint32_t fallback; /* 1: the built-in fallback decided */
      uint32_t reserved;
      uint64_t took_ns;  /* 0: not measured */
    } decision;
    struct { /* LEASE */
      uint64_t generation;
      lithos_tpc_set own;
      lithos_tpc_set usable_idle; /* what may be used while its owners are idle */
      /* since 1.1 */
      lithos_tpc_set usable_active; /* … while they work and nothing of theirs waits */
      uint64_t atom_ns;              /* 0: launches are not cut */
      uint64_t outstanding_limit_ns; /* on borrowed TPCs */
      uint32_t hold;                 /* 1: nothing may be submitted */
      uint32_t lenders;
    } lease;
    struct { /* CLOCK */
      uint32_t requested_mhz, applied_mhz; /* 0: not known */
      double power_w;                      /* NaN: not known */
    } clock;
    struct { /* FAULT */
      const char* kind;   /* "scheduler" */
      const char* reason; /* "too_late" */
      const char* text;   /* never NULL */
      uint64_t count;     /* since 1.1: of this kind and reason since the last such event, at least 1 */
    } fault;
    struct { /* COUNTER */
      const char* name; /* "lithos_atoms_completed_total" */
      double value;
    } counter;
    /* since 1.1 */
    struct { /* OPERATOR */
      uint64_t op_id;
      const char* name; /* cut short if long; never NULL */
      uint32_t blocks, min_tpcs;
      uint32_t flags; /* LITHOS_OPERATOR_* */
      uint32_t nodes; /* of a graph */
      uint32_t threads_per_block, registers_per_thread, shared_bytes, cluster_blocks; /* 0: of a graph */
    } op;
    struct { /* POLICY */
      uint64_t generation; /* counts the sets that were in force */
      const char* kind;    /* "scheduler" */
      const char* id;
      const char* version;
      const char* hash; /* of the library's content; "": compiled in */
    } policy;
    struct { /* REQUEST: what a program waits for at once: a graph, or launches up to a synchronisation */
      uint64_t latency_ns;
      uint64_t slo_ns; /* 0: none */
    } request;
    struct { /* WAITING */
      uint64_t launch_id;
      uint64_t op_id;
      uint64_t since_ns;
      uint32_t queue;
      uint32_t min_tpcs;
    } waiting;
    struct { /* DROPPED */
      uint64_t count;
    } dropped;
  } as;
} lithos_event;

/* ---- metrics ------------------------------------------------------------------------------------------ */
/* Every metric of the host as of one moment, as families of series that differ in their labels. Since 1.1. */
#define LITHOS_SERIES_COUNTER 1u
#define LITHOS_SERIES_GAUGE 2u
#define LITHOS_SERIES_HISTOGRAM 3u

typedef struct lithos_series {
  uint32_t struct_size;
  uint32_t reserved;
  const char* const* labels; /* [family's n_labels] values */
  double value;              /* counter, gauge; histogram: the sum of what was observed */
  uint64_t count;            /* histogram: observations */
  const uint64_t* buckets;   /* histogram: [family's n_bounds], observations at most so large (cumulative) */
} lithos_series;

typedef struct lithos_metric_family {
  uint32_t struct_size;
  uint32_t type;     /* LITHOS_SERIES_* */
  const char* name;  /* "lithos_atoms_completed_total": base units, as Prometheus has it */
  const char* help;
  const char* const* label_names; /* [n_labels] */
  const double* bounds;           /* histogram: [n_bounds], ascending; the last bucket, to infinity, is `count` */
  const lithos_series* series;    /* [n_series], series_size bytes apart */
  uint32_t n_labels, n_bounds, n_series, series_size;
} lithos_metric_family;

typedef struct lithos_metrics {
  uint32_t struct_size;
  uint32_t gpu;
  uint64_t time_ns;
  const lithos_metric_family* families; /* [n_families], family_size bytes apart */
  uint32_t n_families, family_size;
} lithos_metrics;

typedef struct lithos_exporter_ops {
  uint32_t struct_size;
  uint32_t reserved;
  /* [control] mandatory. `count` events in order of time; step by event_size, which may exceed this header's. */
  lithos_status (*events)(void* self, const lithos_event* events, size_t count, size_t event_size);
  /* [control] optional. Returns once everything handed over so far has left the plugin. */
  lithos_status (*flush)(void* self);
  /* since 1.1 */
  /* [control] optional. The events it wants, as 1 << LITHOS_EVENT_*; asked once after create(). Without: all. */
  uint64_t (*wants)(void* self);
  /* [control] optional. About once a second. */
  lithos_status (*sample)(void* self, const lithos_metrics* metrics);
} lithos_exporter_ops;

/* ---- a plugin, and a library of them -------------------------------------------------------------------- */
typedef struct lithos_service { /* static storage */
  uint32_t struct_size;
  uint32_t kind; /* LITHOS_SERVICE_* */
  const char* id; /* reverse DNS */
  const char* version;
  const char* summary;
  const char* license;
  const lithos_param* const* params;   /* [n_params]; none is LIVE */
  const lithos_metric* const* metrics; /* [n_metrics] */
  uint32_t n_params, n_metrics;
  /* [control] `params` holds n_params values in the order of the table above, each within its range. On failure *self
   * stays NULL and destroy is not called. */
  lithos_status (*create)(const lithos_host* host, const lithos_service_gpu* gpu, const lithos_value* params,
                          uint32_t n_params, void** self);
  void (*destroy)(void* self); /* [control] flushes, joins its threads */
  const void* ops; /* lithos_power_ops or lithos_exporter_ops */
} lithos_service;

typedef struct lithos_service_library { /* static storage */
  uint32_t struct_size;
  uint32_t abi_major, abi_minor;
  uint32_t n_services;
  const lithos_service* const* services;
  const char* sdk_version;
} lithos_service_library;

typedef const lithos_service_library* (*lithos_service_library_fn)(void);
LITHOS_EXPORT const lithos_service_library* LITHOS_SERVICE_ENTRY(void);

#ifdef __cplusplus
}
#endif
#endif /* LITHOS_SERVICE_ABI_H */
