/* SPDX-License-Identifier: Apache-2.0
 *
 * A scheduler in plain C with one fault, chosen by a macro; without one it conforms. What `lithos policy check` must
 * find in each is in check_test.cpp. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lithos/manifest.h"
#include "lithos/policy_abi.h"

LITHOS_POLICY_MANIFEST(1, {LITHOS_KIND_SCHEDULER, "org.example.faulty", "1.0.0"});

struct self {
  const lithos_host* host;
  int64_t atom_ns;
  uint64_t last_ns;
  uint64_t asked;
  uint64_t seen;       /* the highest tenant so far */
  struct note* notes;  /* of tenants */
};

struct note {
  struct note* next;
  uint64_t tenant_id;
};

#if defined FAULT_GLOBAL
static uint64_t lives;
#elif defined FAULT_EXPORTS
LITHOS_EXPORT int helper_that_leaves_the_library(void) { return 1; }
#elif defined FAULT_THREAD
static void* sleep_on(void* unused) {
  for (;;) pause();
  return unused;
}
#endif

static lithos_status create(const lithos_host* host, const lithos_gpu_info* gpu, const lithos_value* params, uint32_t n,
                            void** out) {
  struct self* self = calloc(1, sizeof *self);
  (void)gpu, (void)n;
#ifdef FAULT_OUT_OF_MEMORY
  self->asked = 0; /* whether or not there is memory */
#endif
  if (self == NULL) return LITHOS_E_NO_MEMORY;
  self->host = host;
  self->atom_ns = params[0].as.i64;
#if defined FAULT_LEAK
  if (malloc(100) == NULL) return LITHOS_E_NO_MEMORY;
#elif defined FAULT_DESCRIPTOR
  if (open("/dev/null", O_RDONLY) < 0) return LITHOS_E_INTERNAL;
#elif defined FAULT_GLOBAL
  ++lives;
#elif defined FAULT_THREAD
  pthread_t thread;
  if (pthread_create(&thread, NULL, sleep_on, NULL) != 0) return LITHOS_E_INTERNAL;
#elif defined FAULT_BOUNDS
  if (self->atom_ns == 0) return free(self), LITHOS_E_INVALID; /* though the range begins there */
#elif defined FAULT_DEVICE
  if (gpu->tpcs < 4) return free(self), LITHOS_E_UNSUPPORTED; /* without a reason */
#endif
  *out = self;
  return LITHOS_OK;
}

static void destroy(void* opaque) {
  struct self* self = opaque;
  while (self->notes != NULL) {
    struct note* note = self->notes;
    self->notes = note->next;
    free(note);
  }
  free(self);
}

static lithos_status set_param(void* opaque, uint32_t id, const lithos_value* value) {
#ifdef FAULT_UNKNOWN_ID
  (void)id;
#else
  if (id != 1) return LITHOS_E_INVALID;
#endif
  ((struct self*)opaque)->atom_ns = value->as.i64;
#ifdef FAULT_LIVE
  ((struct self*)opaque)->atom_ns += 1;
#endif
  return LITHOS_OK;
}

static const lithos_tenant_view* tenant_of(const lithos_sched_view* view, uint32_t i) {
  return (const lithos_tenant_view*)((const char*)view->tenant + i * view->tenant_size);
}

static lithos_lease* lease_of(lithos_sched_answer* answer, uint32_t i) {
#ifdef FAULT_STRIDE
  return answer->lease + i;
#else
  return (lithos_lease*)((char*)answer->lease + i * answer->lease_size);
#endif
}

static lithos_status decide(void* opaque, const lithos_sched_view* view, lithos_sched_answer* answer) {
  struct self* self = opaque;
  ++self->asked;
#if defined FAULT_SEGV
  volatile uintptr_t nowhere = 8;
  if (self->asked == 20) *(volatile int*)nowhere = 1;
#elif defined FAULT_HANG
  for (volatile int forever = 1; self->asked == 20 && forever;) {}
#elif defined FAULT_EXIT
  if (self->asked == 20) exit(0);
#elif defined FAULT_REFUSES
  if (view->tenants == 0) return LITHOS_E_INTERNAL;
#elif defined FAULT_NULL_HOST
  self->host->log(self->host, LITHOS_LOG_DEBUG, "decides");
#elif defined FAULT_ALLOCATES
  void* volatile scratch = malloc(64);
  memset((void*)scratch, 1, 64);
  self->last_ns = ((uint64_t*)scratch)[7];
  free((void*)scratch);
#elif defined FAULT_SYSTEM_CALL
  (void)access("/etc/lithos-policy", R_OK);
#elif defined FAULT_TIME
  self->atom_ns = time(NULL) & 0xff;
#elif defined FAULT_SLOW
  for (volatile long spin = 0; self->asked % 300 == 299 && spin < 20000000; ++spin) {}
#elif defined FAULT_MANY_TENANTS
  uint64_t service[16];
  for (uint32_t i = 0; i < view->tenants; ++i) ((volatile uint64_t*)service)[i * 64] = 1;
#endif
  for (uint32_t i = 0; i < view->tenants; ++i) {
    lithos_lease* lease = lease_of(answer, i);
    lease->atom_ns = (uint64_t)self->atom_ns;
#if defined FAULT_NAN
    lease->launches_per_s = 0.0 / (double)(tenant_of(view, i)->queues - 1);
#elif defined FAULT_ADDRESS
    lease->atom_ns = (uint64_t)(uintptr_t)self & 0xffff;
#elif defined FAULT_DIVIDES
    lease->atom_ns = 1000 / tenant_of(view, i)->queues;
#elif defined FAULT_VIEW
    ((lithos_tenant_view*)tenant_of(view, i))->queues += 1;
#elif defined FAULT_REMEMBERS
    if (tenant_of(view, i)->tenant_id > self->seen) {
      struct note* note = malloc(sizeof *note);
      if (note == NULL) return LITHOS_E_NO_MEMORY;
      *note = (struct note){self->notes, self->seen = tenant_of(view, i)->tenant_id};
      self->notes = note; /* until the policy goes, not the tenant */
    }
#endif
    (void)tenant_of;
  }
#if defined FAULT_WILD
  lease_of(answer, view->tenants)->atom_ns = 1;
#elif defined FAULT_BACKWARD
  if (self->last_ns != 0) answer->next_decision_ns = self->last_ns + 1000000;
#endif
  self->last_ns = view->now_ns;
  return LITHOS_OK;
}

static const lithos_param kAtom = {sizeof(lithos_param),
                                   1,
                                   "atom",
                                   "ns",
#ifdef FAULT_UNDOCUMENTED
                                   "",
#else
                                   "Length of atoms.",
#endif
                                   LITHOS_TYPE_DURATION_NS,
                                   LITHOS_PARAM_LIVE,
                                   {LITHOS_TYPE_DURATION_NS, 0, {.i64 = 250000}},
                                   {LITHOS_TYPE_DURATION_NS, 0, {.i64 = 0}},
                                   {LITHOS_TYPE_DURATION_NS, 0, {.i64 = 5000000}},
                                   NULL};
static const lithos_param* const kParams[] = {&kAtom};
static const lithos_scheduler_ops kOps = {sizeof kOps, 0, decide, NULL};
static const lithos_policy kPolicy = {sizeof kPolicy,
                                      LITHOS_KIND_SCHEDULER,
                                      "org.example.faulty",
                                      "1.0.0",
                                      "Has at most one fault.",
                                      "Apache-2.0",
                                      kParams,
                                      NULL,
                                      1,
                                      0,
                                      create,
                                      destroy,
                                      set_param,
                                      &kOps};
static const lithos_policy* const kPolicies[] = {&kPolicy};
static const lithos_policy_library kLibrary = {sizeof kLibrary, 1, 0, 1, kPolicies, "1.0.0"};

LITHOS_EXPORT const lithos_policy_library* LITHOS_POLICY_ENTRY(void) { return &kLibrary; }
