/* SPDX-License-Identifier: Apache-2.0
 * A scheduler library with one fault at a time, chosen by macro. Without any it is good. */
#include <lithos/policy_abi.h>

static lithos_status create(const lithos_host* host, const lithos_gpu_info* gpu, const lithos_value* values,
                            uint32_t count, void** self) {
  (void)host, (void)gpu, (void)values, (void)count, (void)self;
  return LITHOS_OK;
}
static void destroy(void* self) { (void)self; }
static lithos_status decide(void* self, const lithos_sched_view* view, lithos_sched_answer* answer) {
  (void)self, (void)view, (void)answer;
  return LITHOS_OK;
}

static const lithos_param picks = {
    .struct_size = sizeof(lithos_param), .id = 1, .key = "picks", .unit = "", .doc = "How many.",
    .type = LITHOS_TYPE_I64,
#ifdef FAULT_BAD_DEFAULT
    .def = {.type = LITHOS_TYPE_I64, .as = {.i64 = 99}},
#else
    .def = {.type = LITHOS_TYPE_I64, .as = {.i64 = 4}},
#endif
    .min = {.type = LITHOS_TYPE_I64, .as = {.i64 = 1}},
    .max = {.type = LITHOS_TYPE_I64, .as = {.i64 = 64}}};
static const lithos_param* const params[] = {&picks};

static const lithos_scheduler_ops ops = {
    .struct_size = sizeof(lithos_scheduler_ops),
#ifndef FAULT_NULL_DECIDE
    .decide = decide,
#endif
};

static const lithos_policy policy = {
    .struct_size = sizeof(lithos_policy), .id = "org.lithos.test.broken", .version = "1", .summary = "Broken.",
    .license = "", .params = params, .n_params = 1, .create = create, .destroy = destroy, .ops = &ops,
#ifdef FAULT_BAD_KIND
    .kind = 17
#else
    .kind = LITHOS_KIND_SCHEDULER
#endif
};
static const lithos_policy* const policies[] = {&policy, &policy};

static const lithos_policy_library library = {
#ifdef FAULT_SHORT_LIBRARY
    .struct_size = 8,
#else
    .struct_size = sizeof(lithos_policy_library),
#endif
    .abi_major = LITHOS_POLICY_ABI_MAJOR,
#ifdef FAULT_NEWER_MINOR
    .abi_minor = LITHOS_POLICY_ABI_MINOR + 1,
#endif
#ifdef FAULT_TWICE
    .n_policies = 2,
#else
    .n_policies = 1,
#endif
    .policies = policies, .sdk_version = "1.0.0"};

/* Keeps everything above used where a fault leaves it out. */
static const lithos_policy_library* table(void) { return decide(NULL, NULL, NULL) == LITHOS_OK ? &library : NULL; }

#if defined(FAULT_OTHER_MAJOR)
LITHOS_EXPORT const lithos_policy_library* lithos_policy_library_v2(void);
const lithos_policy_library* lithos_policy_library_v2(void) { return table(); }
#elif defined(FAULT_NO_ENTRY)
LITHOS_EXPORT const lithos_policy_library* some_other_name(void);
const lithos_policy_library* some_other_name(void) { return table(); }
#elif defined(FAULT_NULL_TABLE)
const lithos_policy_library* LITHOS_POLICY_ENTRY(void) { return table() == NULL ? &library : NULL; }
#else
const lithos_policy_library* LITHOS_POLICY_ENTRY(void) { return table(); }
#endif
