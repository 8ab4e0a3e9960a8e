// SPDX-License-Identifier: Apache-2.0
// Independent pieces of work on several threads. parallel.cpp is the only file that knows which library runs them.
#pragma once

#include <cstddef>
#include <functional>

namespace lithos {

// Calls work(0) … work(count-1), at most `jobs` at once (0: as many as there are processors), and returns when all
// are done. `work` must not throw.
void for_each_in_parallel(std::size_t count, unsigned jobs, const std::function<void(std::size_t)>& work);

}  // namespace lithos
