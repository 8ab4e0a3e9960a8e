// SPDX-License-Identifier: Apache-2.0
// Counts what is allocated in this process, and can make allocations fail. For the children of `lithos policy check`.
//
// The program's own malloc() and its relatives stand in front of the C library's, so that everything is seen: operator
// new of any library, the C++ runtime's inner allocations, plain malloc() of a policy in C. They cost a branch.
// Not available under a sanitizer, which has its own: available() says so.
// Threads    Switch on and off in a process with one thread. The functions themselves are safe anywhere.
#pragma once

#include <cstdint>

namespace lithos {

struct AllocationCounter {
  static bool available();
  static void start();                              // counts from zero
  static void fail_after(std::uint64_t successes);  // counts from zero; later allocations return nothing
  static void stop();

  static std::uint64_t allocations();       // since start()
  static std::int64_t outstanding();        // allocations minus releases since start()
  static std::int64_t outstanding_bytes();  // likewise, in bytes
  static bool failed_any();
};

}  // namespace lithos
