/* SPDX-License-Identifier: Apache-2.0
 * Source of the binaries beside it, which stay as they are: they were built with SDK 1.0 and must load for ever. See README.md. */
#include <lithos/policy_abi.h>

static struct { uint64_t op_id, duration_ns; } last; /* one instance per process here: a corpus, not an example */
static char instance;

static lithos_status create(const lithos_host* host, const lithos_gpu_info* gpu, const lithos_value* values, uint32_t count, void** self) {
  (void)host; (void)values;
  if (gpu->tpcs == 0 || count != 0) return LITHOS_E_INVALID;
  *self = &instance;
  return LITHOS_OK;
}
static void destroy(void* self) { (void)self; }

#if CORPUS_KIND == 1
static lithos_status decide(void* self, const lithos_sched_view* view, lithos_sched_answer* answer) {
  uint32_t i;
  (void)self;
  for (i = 0; i < view->tenants; ++i) {
    lithos_lease* lease = (lithos_lease*)((char*)answer->lease + i * answer->lease_size);
    lease->usable[LITHOS_PRESSURE_IDLE].words[0] |= (UINT64_C(1) << view->tpcs) - 1;
    lease->atom_ns = 250000;
  }
  answer->next_decision_ns = view->now_ns + 1000000;
  return LITHOS_OK;
}
static const lithos_scheduler_ops ops = {.struct_size = sizeof(lithos_scheduler_ops), .decide = decide};
#define ID "org.lithos.corpus.lend_idle"
#elif CORPUS_KIND == 2
static lithos_status predict(void* self, const lithos_predict_query* query, lithos_prediction* out) {
  (void)self;
  out->p50_ns = query->op.op_id == last.op_id ? last.duration_ns : 100000;
  out->p99_ns = 2 * out->p50_ns;
  out->confidence = 0.5;
  return LITHOS_OK;
}
static void observe(void* self, const lithos_observation* seen) {
  (void)self;
  last.op_id = seen->op.op_id;
  last.duration_ns = seen->duration_ns;
}
static const lithos_predictor_ops ops = {.struct_size = sizeof(lithos_predictor_ops), .predict = predict, .observe = observe};
#define ID "org.lithos.corpus.last_seen"
#else
static lithos_status plan(void* self, const lithos_power_sample* sample, lithos_clock_request* out) {
  (void)self;
  out->clock_mhz = sample->busy_share < 0.01 ? 1410 : 1980;
  return LITHOS_OK;
}
static const lithos_dvfs_ops ops = {.struct_size = sizeof(lithos_dvfs_ops), .plan = plan};
#define ID "org.lithos.corpus.low_when_idle"
#endif

static const lithos_policy policy = {
    .struct_size = sizeof(lithos_policy), .kind = CORPUS_KIND, .id = ID, .version = "1.0.0", .summary = "Built with SDK 1.0.",
    .license = "Apache-2.0", .create = create, .destroy = destroy, .ops = &ops};
static const lithos_policy* const policies[] = {&policy};
static const lithos_policy_library library = {
    .struct_size = sizeof(lithos_policy_library), .abi_major = LITHOS_POLICY_ABI_MAJOR, .abi_minor = LITHOS_POLICY_ABI_MINOR,
    .n_policies = 1, .policies = policies, .sdk_version = "1.0.0"};
const lithos_policy_library* LITHOS_POLICY_ENTRY(void) { return &library; }
