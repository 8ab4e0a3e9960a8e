/* SPDX-License-Identifier: Apache-2.0
 *
 * LithOS policy ABI, version 1.2: everything that crosses between the host (simulator or daemon) and a
 * policy. Plain C, from C11 to C++20, no dependency but three standard headers. C++ authors include
 * <lithos/policy.hpp> instead, which fills these tables from an ordinary class.
 *
 * A policy decides and cannot act: it is handed facts, it fills in an answer, the engine checks the answer
 * and carries it out. What is wrong in an answer is dropped and counted; what is missing is decided by
 * the host's built-in fallback. A policy owns opinion (what it has learnt) and never work, so that
 * any policy can take the place of any other while tenants run.
 *
 * Rules, valid for every function below
 *   versions   The major version is part of the entry symbol's name. Structs only grow at their end; each top-level
 *              struct starts with `struct_size`, and arrays carry the size of one element, so that older and
 *              newer sides agree on what is there. Unknown flags must be ignored when read and be 0 when written.
 *   threads    [control]  one call at a time for one instance; may allocate and block.
 *              [decision] one call at a time for one instance, never beside a [control] call; must not block, make
 *                         system calls, or allocate once warm. The OS thread may change from call to call.
 *              [any]      may be called from inside any of the policy's operations.
 *   memory     The caller owns every buffer. Pointers are valid until the call returns unless said otherwise.
 *              Nobody frees the other's memory. Text is UTF-8 and ends in NUL.
 *   time       Nanoseconds of the host's clock, which is virtual in the simulator. Policies must not read clocks or
 *              random sources of their own: view->now_ns and lithos_gpu_info.seed are what they get, and a run repeats.
 *   errors     A negative status, with its text given to host->fail() beforehand. The host uses its fallback for
 *              this one decision and counts a fault. No exception, longjmp or signal may cross.
 *   forbidden  mutable globals, threads alive after destroy(), atexit, signal handlers, thread_local with a
 *              destructor, calls to CUDA or NVML.
 */
#ifndef LITHOS_POLICY_ABI_H
#define LITHOS_POLICY_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LITHOS_POLICY_ABI_MAJOR 1u
#define LITHOS_POLICY_ABI_MINOR 2u
/* The one symbol that a policy library exports; see lithos_policy_library_fn. */
#define LITHOS_POLICY_ENTRY lithos_policy_library_v1
#define LITHOS_POLICY_ENTRY_NAME "lithos_policy_library_v1"

#if defined(__GNUC__)
#define LITHOS_EXPORT __attribute__((visibility("default")))
#else
#define LITHOS_EXPORT
#endif

/* ---- status -------------------------------------------------------------------------------------- */
typedef int32_t lithos_status;
#define LITHOS_OK 0
#define LITHOS_E_INVALID (-1)     /* an argument or parameter the policy cannot work with */
#define LITHOS_E_NO_MEMORY (-2)   /* allocation failed */
#define LITHOS_E_UNSUPPORTED (-3) /* this GPU or this request is outside what the policy does */
#define LITHOS_E_INTERNAL (-4)    /* the policy found itself in a state it did not expect */
#define LITHOS_E_EXCEPTION (-5)   /* the C++ face caught an exception; its text is in host->fail() */

/* ---- kinds and classes ---------------------------------------------------------------------------- */
#define LITHOS_KIND_SCHEDULER 1u
#define LITHOS_KIND_PREDICTOR 2u
#define LITHOS_KIND_RIGHT_SIZER 3u
#define LITHOS_KIND_DVFS 4u

#define LITHOS_CLASS_LATENCY_CRITICAL 1u /* has an SLO; its tail is what the system protects */
#define LITHOS_CLASS_THROUGHPUT 2u       /* wants its quota's worth of work done */
#define LITHOS_CLASS_BEST_EFFORT 3u      /* takes what is left */

#define LITHOS_BOUND_UNKNOWN 0u
#define LITHOS_BOUND_COMPUTE 1u
#define LITHOS_BOUND_MEMORY 2u

/* ---- TPC sets -------------------------------------------------------------------------------------- */
/* A set of TPCs by logical index, 0 … lithos_gpu_info.tpcs-1, ordered so that TPCs of one GPC are neighbours.
 * (Mask bits of the launch descriptor are physical and have holes; the engine translates.) */
#define LITHOS_TPC_WORDS 4u
#define LITHOS_TPCS_MAX 256u
typedef struct lithos_tpc_set {
  uint64_t words[LITHOS_TPC_WORDS];
} lithos_tpc_set;

/* ---- parameters and metrics ------------------------------------------------------------------------- */
#define LITHOS_TYPE_BOOL 1u
#define LITHOS_TYPE_I64 2u
#define LITHOS_TYPE_F64 3u
#define LITHOS_TYPE_DURATION_NS 4u /* i64, nanoseconds; TOML "250us" */
#define LITHOS_TYPE_BYTES 5u       /* i64; TOML "40GiB" */
#define LITHOS_TYPE_RATE_HZ 6u     /* f64, per second; TOML "300/s" */
#define LITHOS_TYPE_FREQUENCY_HZ 7u /* f64; TOML "1980MHz" */
#define LITHOS_TYPE_ENUM 8u        /* i64: index into choices; TOML: the choice's text */
#define LITHOS_TYPE_STRING 9u      /* text; TOML "/var/log/lithos.jsonl" */

typedef struct lithos_value {
  uint32_t type; /* LITHOS_TYPE_* */
  uint32_t reserved;
  union {
    int64_t i64; /* BOOL (0 or 1), I64, DURATION_NS, BYTES, ENUM */
    double f64;  /* F64, RATE_HZ, FREQUENCY_HZ */
    const char* text; /* STRING: never NULL; whoever wants to keep it copies it */
  } as;
} lithos_value;

#define LITHOS_PARAM_LIVE 1u /* may be changed while running, by set_param */

typedef struct lithos_param { /* static storage, owned by the policy */
  uint32_t struct_size;
  uint32_t id; /* stable for ever, never reused */
  const char* key;  /* TOML key: lower_snake_case */
  const char* unit; /* for people: "TPCs", "ns", "" */
  const char* doc;  /* one sentence */
  uint32_t type;
  uint32_t flags;
  lithos_value def, min, max; /* all of `type`; min and max inclusive (ignored for BOOL, ENUM and STRING) */
  const char* const* choices; /* ENUM: NULL-terminated; else NULL */
} lithos_param;

#define LITHOS_METRIC_COUNTER 1u /* add only */
#define LITHOS_METRIC_GAUGE 2u   /* last value */

typedef struct lithos_metric { /* static storage, owned by the policy */
  uint32_t struct_size;
  uint32_t type;
  const char* name; /* lower_snake_case, base units: "lending_refused_total" */
  const char* unit;
  const char* doc;
} lithos_metric;

/* ---- what the host offers ----------------------------------------------------------------------------- */
#define LITHOS_LOG_DEBUG 0
#define LITHOS_LOG_INFO 1
#define LITHOS_LOG_WARNING 2
#define LITHOS_LOG_ERROR 3

typedef struct lithos_host lithos_host;
struct lithos_host { /* valid from create() until destroy() has returned */
  uint32_t struct_size;
  uint32_t abi_minor;
  void* ctx; /* the host's own */
  void (*log)(const lithos_host* host, int32_t level, const char* text);               /* [any] rate-limited */
  /* [any] why the next status is < 0; from an operation that returns nothing, the call itself counts as a fault */
  void (*fail)(const lithos_host* host, const char* text);
  void (*metric)(const lithos_host* host, uint32_t index, double value);               /* [any] adds or sets, by type */
  const void* (*extension)(const lithos_host* host, const char* id);                   /* [any] NULL: not offered */
};

typedef struct lithos_gpu_info {
  uint32_t struct_size;
  uint32_t tpcs;         /* TPCs that exist, at most LITHOS_TPCS_MAX */
  uint32_t sms_per_tpc;  /* 2 on every GPU so far */
  uint32_t gpcs;
  const uint16_t* gpc_of_tpc; /* [tpcs] GPC of each TPC; 0xffff: of none, for clusters of at most a TPC's width */
  uint64_t seed;         /* the only source of randomness a policy may use */
  const uint32_t* clocks_mhz; /* [clocks] supported SM clocks, highest first */
  uint32_t clocks;
  uint32_t reserved;
} lithos_gpu_info;

/* ---- operators ------------------------------------------------------------------------------------------ */
#define LITHOS_OP_CUTTABLE 1u     /* may be split into atoms */
#define LITHOS_OP_CO_RESIDENT 2u  /* its blocks may wait for each other: has a minimum, is never cut */
#define LITHOS_OP_PERSISTENT 4u   /* one wave that pulls tiles: fewer TPCs stretch it, atoms buy nothing */
#define LITHOS_OP_GRAPH 8u        /* a whole CUDA graph: its masks are fixed since its first launch */
#define LITHOS_OP_COLLECTIVE 16u  /* NCCL, NVSHMEM: never held, cut or right-sized */

/* One operator: a kernel (or graph) with a launch shape. Same op_id, same code and shape. */
typedef struct lithos_op {
  uint64_t op_id;
  uint32_t flags; /* LITHOS_OP_* */
  uint32_t bound; /* LITHOS_BOUND_* */
  uint32_t blocks;
  uint32_t threads_per_block;
  uint32_t blocks_per_tpc; /* how many fit on one TPC at once, from registers, shared memory and threads */
  uint32_t cluster_blocks; /* 1: no cluster */
  uint32_t min_tpcs;       /* below this the launch may never finish: the engine's floor */
  uint32_t ordinal;        /* position since the queue's last synchronisation: a hint */
  uint64_t reserved[2];    /* lithos_op is nested in other structs, so it cannot grow otherwise */
} lithos_op;

/* A launch that waits or runs, as the scheduler sees it. op.op_id == 0: there is none. */
typedef struct lithos_launch {
  lithos_op op;
  uint64_t predicted_ns; /* whole launch if waiting, what is in flight if running; on `tpcs`, or on all its lease */
  uint64_t since_ns;     /* waiting since, or running since */
  uint32_t wanted_tpcs;  /* the right-sizer's answer */
  uint32_t reserved;
  lithos_tpc_set tpcs;   /* running: where; waiting: empty */
} lithos_launch;

/* ---- scheduler -------------------------------------------------------------------------------------------- */
/* How much a tenant presses for its TPCs. Its own executor publishes this word at every launch and
 * completion, and borrowers read it before each submission: no round trip, no lock. */
#define LITHOS_PRESSURE_IDLE 0u    /* nothing queued or running */
#define LITHOS_PRESSURE_ACTIVE 1u  /* work runs and nothing waits behind it */
#define LITHOS_PRESSURE_PRESSED 2u /* work waits behind work, or came right after it: a busy period */
#define LITHOS_PRESSURE_LEVELS 3u

typedef struct lithos_tenant_view {
  uint64_t tenant_id; /* stable for the tenant's life; never 0 */
  const char* name;
  uint32_t tenant_class; /* LITHOS_CLASS_* */
  uint32_t quota_tpcs;
  lithos_tpc_set own;    /* its quota, fixed while it lives; always usable, never a policy's to take */
  uint64_t slo_ns;       /* 0: none */
  uint64_t tolerates_ns; /* longest uncuttable launch of others it accepts on its own TPCs */
  double slo_attainment; /* share of recent requests within the SLO; 1 where there is none */
  uint32_t pressure;     /* LITHOS_PRESSURE_*, as last seen */
  uint32_t queues;
  uint64_t pressure_since_ns;
  uint64_t active_since_ns; /* start of its present busy period; 0 while idle */
  uint64_t idle_since_ns;   /* 0 while active */
  uint32_t queued_launches; /* waiting in its launch queues */
  uint32_t inflight_launches;
  uint64_t queued_ns;   /* predicted, on what it is leased */
  uint64_t inflight_ns; /* predicted, still to run */
  lithos_launch head;    /* oldest launch that waits */
  lithos_launch running; /* oldest launch in flight */
  lithos_tpc_set leased; /* the widest set of the lease in force */
  uint64_t completed_launches;
  uint64_t service_tpc_ns; /* TPCs times nanoseconds used since it joined */
  uint64_t requests_completed;
  uint64_t deadline_ns; /* of its oldest unfinished request: arrival seen + SLO; 0: none */
  uint64_t starved_since_ns; /* its head cannot run under its lease since then; 0: it can */
  /* since 1.2. How much longer its recent work would have taken, by prediction, had no launch got more than a quarter, half, three quarters,
   * all of the GPU's TPCs (rounded to whole ones): against what it took as the right-sizer wants it; >= 1. Between the points it is linear in
   * 1/TPCs, below the first it grows as 1/TPCs. 0: not known yet */
  double work_slowdown[4];
} lithos_tenant_view;

typedef struct lithos_tpc_view {
  uint32_t owner;    /* index into tenants, LITHOS_NOBODY: unowned */
  uint32_t borrower; /* index of a tenant with work in flight here that does not own it, or LITHOS_NOBODY */
  uint64_t busy_until_ns; /* the TPC's timer: predicted end of what is in flight on it; 0: free */
} lithos_tpc_view;
#define LITHOS_NOBODY 0xffffffffu

#define LITHOS_WHY_TENANTS 1u   /* a tenant joined, left or changed */
#define LITHOS_WHY_PRESSURE 2u  /* a tenant's pressure changed */
#define LITHOS_WHY_WAITING 4u   /* a launch waits that its lease cannot run */
#define LITHOS_WHY_TIME 8u      /* the time the policy asked for has come */
#define LITHOS_WHY_POLICY 16u   /* first decision of this policy, or a parameter changed */

typedef struct lithos_sched_view {
  uint32_t struct_size;
  uint32_t why; /* LITHOS_WHY_* bits */
  uint64_t now_ns;
  uint64_t budget_ns; /* answer within this; later ones are counted and, over the hard limit, dropped */
  uint32_t tpcs;
  uint32_t tenants;
  size_t tenant_size; /* bytes of one lithos_tenant_view in this host */
  size_t tpc_size;
  const lithos_tenant_view* tenant; /* [tenants]; step by tenant_size */
  const lithos_tpc_view* tpc;       /* [tpcs]; step by tpc_size */
  lithos_tpc_set unowned;           /* in nobody's quota */
} lithos_sched_view;

#define LITHOS_LEASE_HOLD 1u          /* submit nothing (collectives excepted) until the next lease */
#define LITHOS_LEASE_LOW_PRIORITY 2u  /* what runs on others' TPCs goes to a low-priority stream */
#define LITHOS_LEASE_UNMASKED 4u      /* confine nobody: counted as refused unless the operator has turned masks off */

/* What one tenant may use from now on. The host presets every lease to "own TPCs, plus the unowned ones if it has
 * no quota; nothing borrowed", so an untouched entry is a valid answer.
 *
 * usable TPCs = own + for every other TPC: the set of the level its owner is at when the launch is submitted.
 * Sets need not be nested, though usually usable[PRESSED] ⊆ usable[ACTIVE] ⊆ usable[IDLE]. Unowned TPCs: the
 * union of the three sets counts. */
typedef struct lithos_lease {
  lithos_tpc_set usable[LITHOS_PRESSURE_LEVELS];
  uint64_t idle_grace_ns;        /* an owner counts as idle only after so long without work */
  uint64_t outstanding_limit_ns; /* predicted work in flight beyond the running launch, while on borrowed TPCs */
  uint64_t uncuttable_limit_ns;  /* longest predicted uncuttable launch on borrowed TPCs; owners' `tolerates` also holds */
  uint64_t atom_ns;              /* length of atoms while on borrowed TPCs; 0: do not cut */
  uint64_t expires_after_ns;     /* then only own TPCs; 0: until replaced */
  double launches_per_s;         /* rate limit; 0: none */
  uint32_t max_tpcs;             /* no launch gets more than this; 0: no limit. Never below a launch's minimum */
  uint32_t flags;                /* LITHOS_LEASE_* */
} lithos_lease;

typedef struct lithos_sched_answer {
  uint32_t struct_size;
  uint32_t tenants;   /* as in the view */
  size_t lease_size;  /* bytes of one lithos_lease in this host */
  lithos_lease* lease; /* [tenants], same order as the view, preset; step by lease_size */
  uint64_t next_decision_ns; /* absolute; 0: only on events */
} lithos_sched_answer;

typedef struct lithos_scheduler_ops {
  uint32_t struct_size;
  uint32_t reserved;
  lithos_status (*decide)(void* self, const lithos_sched_view* view, lithos_sched_answer* answer); /* [decision] mandatory */
  void (*tenant_left)(void* self, uint64_t tenant_id); /* [decision] optional: forget what was learnt of it */
} lithos_scheduler_ops;

/* ---- predictor --------------------------------------------------------------------------------------------- */
typedef struct lithos_predict_query {
  lithos_op op;
  uint64_t tenant_id;
  uint32_t tpcs;      /* on so many */
  uint32_t clock_mhz; /* at this clock */
  uint32_t neighbour_tpcs; /* TPCs on which other tenants are expected to work meanwhile */
  uint32_t reserved;
} lithos_predict_query;

typedef struct lithos_prediction {
  uint64_t p50_ns; /* > 0 */
  uint64_t p99_ns; /* >= p50_ns */
  double confidence; /* 0 … 1; 0: a guess */
} lithos_prediction;

typedef struct lithos_observation {
  lithos_op op;
  uint64_t tenant_id;
  uint32_t tpcs;
  uint32_t clock_mhz;
  uint32_t neighbour_tpcs; /* 0: a clean observation */
  uint32_t first_block, block_count; /* the part that ran: all of op.blocks unless it was an atom */
  uint32_t reserved;
  uint64_t duration_ns;
} lithos_observation;

typedef struct lithos_predictor_ops {
  uint32_t struct_size;
  uint32_t reserved;
  lithos_status (*predict)(void* self, const lithos_predict_query* query, lithos_prediction* out); /* [decision] mandatory */
  void (*observe)(void* self, const lithos_observation* seen);                                    /* [decision] optional */
} lithos_predictor_ops;

/* ---- right-sizer ---------------------------------------------------------------------------------------------- */
typedef struct lithos_size_query {
  lithos_op op;
  uint64_t tenant_id;
  uint32_t tenant_class;
  uint32_t tpcs;   /* the most it can get */
  double slip;     /* slowdown the operator accepts, e.g. 1.1 */
} lithos_size_query;

typedef struct lithos_size {
  uint32_t tpcs;     /* 1 … query.tpcs; raised to the launch's minimum by the engine */
  union {
    uint32_t reserved; /* its name in 1.0 */
    /* since 1.1. The launch gets all it can (query.tpcs) where so many requests of its tenant in a row began before, or right after,
     * the end of the one before: it has fallen behind, and narrow launches make it fall further. Executors count them, so it needs no
     * question. A request is what a program waits for at once: a graph, or launches up to a synchronisation. 0: never */
    uint32_t rush_after;
  };
  double expected_slowdown; /* against query.tpcs; >= 1 */
} lithos_size;

typedef struct lithos_right_sizer_ops {
  uint32_t struct_size;
  uint32_t reserved;
  lithos_status (*choose)(void* self, const lithos_size_query* query, lithos_size* out); /* [decision] mandatory */
  void (*observe)(void* self, const lithos_observation* seen);                          /* [decision] optional */
} lithos_right_sizer_ops;

/* ---- dvfs -------------------------------------------------------------------------------------------------------- */
typedef struct lithos_op_weight { /* one operator's share of the last window */
  uint64_t op_id;
  uint64_t tenant_id;
  uint32_t tenant_class;
  uint32_t bound;
  double share;       /* of the window's busy time; all shares sum to at most 1 */
  uint64_t mean_ns;   /* mean duration in the window */
  uint32_t tpcs;      /* mean, rounded */
  uint32_t launches;
} lithos_op_weight;

typedef struct lithos_power_sample {
  uint32_t struct_size;
  uint32_t clock_mhz; /* in force */
  uint64_t now_ns;
  uint64_t window_ns;
  double busy_share;  /* of the window in which anything ran */
  double power_w;     /* mean over the window; NaN: not known */
  double power_limit_w;
  double slip;        /* slowdown accepted, e.g. 1.1 */
  const lithos_op_weight* op; /* [ops]; step by op_size; heaviest first */
  size_t op_size;
  uint32_t ops;
  uint32_t reserved;
} lithos_power_sample;

typedef struct lithos_clock_request {
  uint32_t struct_size;
  uint32_t clock_mhz; /* snapped by the host to a supported clock; 0: no wish, i.e. the highest */
  uint64_t next_sample_ns; /* absolute; 0: the host's default pace */
} lithos_clock_request;

typedef struct lithos_dvfs_ops {
  uint32_t struct_size;
  uint32_t reserved;
  lithos_status (*plan)(void* self, const lithos_power_sample* sample, lithos_clock_request* out); /* [decision] mandatory */
} lithos_dvfs_ops;

/* ---- a policy, and a library of them -------------------------------------------------------------------------------- */
typedef struct lithos_policy { /* static storage */
  uint32_t struct_size;
  uint32_t kind; /* LITHOS_KIND_* */
  const char* id;      /* reverse DNS: "org.example.my_fair" */
  const char* version; /* of the policy: "1.2.0" */
  const char* summary; /* one line */
  const char* license; /* SPDX, or "" */
  const lithos_param* const* params; /* [n_params] */
  const lithos_metric* const* metrics; /* [n_metrics] */
  uint32_t n_params, n_metrics;
  /* [control] `params` holds n_params values in the order of the table above, each within its range. On failure *self
   * stays NULL and destroy is not called. */
  lithos_status (*create)(const lithos_host* host, const lithos_gpu_info* gpu, const lithos_value* params, uint32_t n_params,
                          void** self);
  void (*destroy)(void* self); /* [control] */
  lithos_status (*set_param)(void* self, uint32_t id, const lithos_value* value); /* [decision] LIVE only; may be NULL */
  const void* ops; /* lithos_scheduler_ops, … by kind */
} lithos_policy;

typedef struct lithos_policy_library { /* static storage */
  uint32_t struct_size;
  uint32_t abi_major, abi_minor;
  uint32_t n_policies;
  const lithos_policy* const* policies;
  const char* sdk_version;
} lithos_policy_library;

typedef const lithos_policy_library* (*lithos_policy_library_fn)(void);
LITHOS_EXPORT const lithos_policy_library* LITHOS_POLICY_ENTRY(void);

#ifdef __cplusplus
}
#endif
#endif /* LITHOS_POLICY_ABI_H */
