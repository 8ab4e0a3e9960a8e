/* SPDX-License-Identifier: Apache-2.0
 * A scheduler in plain C: everybody may use a share of the GPU while its owners are idle. It keeps the ABI honest: what
 * is needed here is all that any language needs. */
#include <stdlib.h>

#include <lithos/policy_abi.h>

struct greedy {
  const lithos_host* host;
  uint32_t tpcs;
  double share;
  uint64_t tenants_gone;
};

static const lithos_param share_param = {
    .struct_size = sizeof(lithos_param), .id = 1, .key = "share", .unit = "", .doc = "Share of the TPCs that are lent.",
    .type = LITHOS_TYPE_F64, .flags = LITHOS_PARAM_LIVE,
    .def = {.type = LITHOS_TYPE_F64, .as = {.f64 = 1.0}},
    .min = {.type = LITHOS_TYPE_F64, .as = {.f64 = 0.0}},
    .max = {.type = LITHOS_TYPE_F64, .as = {.f64 = 1.0}}};
static const lithos_param* const params[] = {&share_param};

static const lithos_metric decisions_metric = {
    .struct_size = sizeof(lithos_metric), .type = LITHOS_METRIC_COUNTER, .name = "decisions_total", .unit = "",
    .doc = "Decisions taken."};
static const lithos_metric* const metrics[] = {&decisions_metric};

static lithos_status create(const lithos_host* host, const lithos_gpu_info* gpu, const lithos_value* values,
                            uint32_t count, void** self) {
  struct greedy* made;
  if (count != 1) {
    host->fail(host, "expected one parameter");
    return LITHOS_E_INVALID;
  }
  made = calloc(1, sizeof *made);
  if (made == NULL) return LITHOS_E_NO_MEMORY;
  made->host = host;
  made->tpcs = gpu->tpcs;
  made->share = values[0].as.f64;
  *self = made;
  return LITHOS_OK;
}

static void destroy(void* self) { free(self); }

static lithos_status set_param(void* self, uint32_t id, const lithos_value* value) {
  if (id != 1) return LITHOS_E_INVALID;
  ((struct greedy*)self)->share = value->as.f64;
  return LITHOS_OK;
}

static lithos_status decide(void* self, const lithos_sched_view* view, lithos_sched_answer* answer) {
  struct greedy* g = self;
  const uint32_t lent = (uint32_t)(g->share * g->tpcs);
  uint32_t i, tpc;
  for (i = 0; i < view->tenants; ++i) {
    lithos_lease* lease = (lithos_lease*)((char*)answer->lease + i * answer->lease_size);
    for (tpc = 0; tpc < lent; ++tpc)
      lease->usable[LITHOS_PRESSURE_IDLE].words[tpc / 64] |= UINT64_C(1) << (tpc % 64);
  }
  g->host->metric(g->host, 0, 1.0);
  return LITHOS_OK;
}

static void tenant_left(void* self, uint64_t tenant_id) {
  (void)tenant_id;
  ++((struct greedy*)self)->tenants_gone;
}

static const lithos_scheduler_ops ops = {
    .struct_size = sizeof(lithos_scheduler_ops), .decide = decide, .tenant_left = tenant_left};

static const lithos_policy greedy = {
    .struct_size = sizeof(lithos_policy), .kind = LITHOS_KIND_SCHEDULER, .id = "org.lithos.test.plain_c",
    .version = "1.0.0", .summary = "A share of the GPU for everybody.", .license = "Apache-2.0",
    .params = params, .metrics = metrics, .n_params = 1, .n_metrics = 1,
    .create = create, .destroy = destroy, .set_param = set_param, .ops = &ops};
static const lithos_policy* const policies[] = {&greedy};

static const lithos_policy_library library = {
    .struct_size = sizeof(lithos_policy_library), .abi_major = LITHOS_POLICY_ABI_MAJOR,
    .abi_minor = LITHOS_POLICY_ABI_MINOR, .n_policies = 1, .policies = policies, .sdk_version = "1.0.0"};

const lithos_policy_library* LITHOS_POLICY_ENTRY(void) { return &library; }
