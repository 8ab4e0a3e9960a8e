/* SPDX-License-Identifier: Apache-2.0
 * What a test sees and sets of the stand-in NVML. Codes are NVML's; 0 is success.
 */
#ifndef LITHOS_TESTS_STAND_IN_NVML_H
#define LITHOS_TESTS_STAND_IN_NVML_H

#ifdef __cplusplus
extern "C" {
#endif

struct stand_in_nvml {
  int fail_init, fail_reads, fail_locks; /* the code to fail with */
  int sessions;                          /* nvmlInit_v2 minus nvmlShutdown */
  int lock_calls, reset_calls;
  unsigned min_mhz, max_mhz; /* locked range; 0: the driver decides */
};
struct stand_in_nvml* stand_in_nvml_state(void);

#ifdef __cplusplus
}
#endif
#endif
