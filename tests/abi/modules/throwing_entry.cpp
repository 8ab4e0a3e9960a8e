// SPDX-License-Identifier: Apache-2.0
// A library whose entry function breaks the first rule of the ABI.
#include <lithos/policy_abi.h>

extern "C" const lithos_policy_library* LITHOS_POLICY_ENTRY(void) { throw 42; }
