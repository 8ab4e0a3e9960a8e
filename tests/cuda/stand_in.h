// SPDX-License-Identifier: Apache-2.0
// The stand-in driver's own functions, by which tests look into it. No real driver has them, and the shim has never
// heard of them: that a program which links them runs shows that unknown symbols reach the real driver.
#pragma once

#include <cuda.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One descriptor that went to the "GPU", oldest first.
typedef struct {
  unsigned grid[3], block[3];
  unsigned mask_valid;
  unsigned off[4];    // mask words: a set bit switches a TPC off
  unsigned timed;     // slots 1 and 2 that were switched on
  unsigned internal;  // a kernel of the driver's own
  unsigned long long blocks, block_sum;  // that ran, and the sum of their numbers
} CUstandInDescriptor;

unsigned cuStandInDescriptors(CUstandInDescriptor* out, unsigned most);  // how many there are in all
void cuStandInForget(void);
void cuStandInHold(int hold);                   // 1: kernels do not complete until 0
unsigned cuStandInCalls(const char* function);  // how often the driver itself was called; launches only
unsigned cuStandInSubscribers(void);

#ifdef __cplusplus
}
#endif
