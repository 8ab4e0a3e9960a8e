/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest of a policy library: an ELF note from which a daemon learns what a file holds without running any of
 * its code (DESIGN.md §6: verify, then load). lithosd loads nothing that has none; the simulator does not ask for it.
 *
 * C++ authors get it from LITHOS_EXPORT_…(); in C, write once per library, at file scope:
 *   LITHOS_POLICY_MANIFEST(1, {LITHOS_KIND_SCHEDULER, "org.example.my_fair", "1.0.0"});
 * The host compares it with the table that the entry function returns, and refuses the library if they differ.
 */
#ifndef LITHOS_MANIFEST_H
#define LITHOS_MANIFEST_H

#include "lithos/policy_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LITHOS_MANIFEST_SECTION ".note.lithos.policy"
#define LITHOS_MANIFEST_NOTE_TYPE 1u
#define LITHOS_MANIFEST_POLICIES_MAX 8u

typedef struct lithos_manifest_policy {
  uint32_t kind;    /* LITHOS_KIND_* */
  char id[96];      /* with its NUL */
  char version[28]; /* with its NUL */
} lithos_manifest_policy;

typedef struct lithos_manifest {
  /* the header of an ELF note */
  uint32_t name_size, desc_size, note_type;
  char name[8]; /* "LithOS" */
  /* its content */
  uint32_t struct_size;
  uint32_t abi_major, abi_minor;
  uint32_t n_policies; /* 1 … LITHOS_MANIFEST_POLICIES_MAX */
  lithos_manifest_policy policy[LITHOS_MANIFEST_POLICIES_MAX];
} lithos_manifest;

#define LITHOS_MANIFEST_HEADER_BYTES 20u

#if defined(__GNUC__)
#define LITHOS_MANIFEST_PLACE __attribute__((section(LITHOS_MANIFEST_SECTION), used, aligned(4)))
#else
#define LITHOS_MANIFEST_PLACE
#endif

#define LITHOS_POLICY_MANIFEST(count, ...)                                           \
  LITHOS_MANIFEST_PLACE static const lithos_manifest lithos_policy_manifest_note = { \
      7u,                                                                            \
      (uint32_t)(sizeof(lithos_manifest) - LITHOS_MANIFEST_HEADER_BYTES),            \
      LITHOS_MANIFEST_NOTE_TYPE,                                                     \
      "LithOS",                                                                      \
      (uint32_t)sizeof(lithos_manifest),                                             \
      LITHOS_POLICY_ABI_MAJOR,                                                       \
      LITHOS_POLICY_ABI_MINOR,                                                       \
      (count),                                                                       \
      {__VA_ARGS__}}

#ifdef __cplusplus
}
#endif
#endif /* LITHOS_MANIFEST_H */
