// SPDX-License-Identifier: Apache-2.0
// What a policy might leave behind in its process, as a value that can be compared: threads, descriptors, signal
// handlers; and the library's own writable memory. One thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace lithos {

struct ProcessState {
  std::size_t threads = 0;
  std::set<std::string> descriptors;    // "5 -> /path"
  std::vector<std::uint64_t> handlers;  // by signal

  static ProcessState now();
  // What `later` has that this has not: "1 more thread"; empty: nothing.
  std::string left_behind_in(const ProcessState& later) const;
};

// A digest of the writable memory of the library whose code or data `inside` points to: its globals.
std::uint64_t digest_of_globals(const void* inside);

}  // namespace lithos
