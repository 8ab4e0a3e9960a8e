// SPDX-License-Identifier: Apache-2.0
// From now on, until the process ends, system calls of this process are noted in place of being carried out, those
// excepted that memory allocation, locks and ending need (a policy's allocations are another check's matter).
// For the children of `lithos policy check` only: it cannot be undone.
#pragma once

namespace lithos {

// False: this kernel or container does not allow it.
bool trap_system_calls();

// Number of the first system call noted, or -1.
long first_trapped_call();

}  // namespace lithos
