// SPDX-License-Identifier: Apache-2.0
// One sample as a screen of text: pure, so that tests and terminals see the same. Made for 80 columns; wider ones give
// names more room. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/top/top_sample.hpp"

namespace lithos {

enum class TopSort { name, tpcs, queue, rate, p99 };
const char* name_of(TopSort sort);
TopSort next_sort(TopSort sort);

struct TopView {
  std::size_t columns = 80, rows = 24;
  TopSort sort = TopSort::tpcs;
  bool kernels = true;
  bool paused = false;
  bool help = false;
  bool colour = false;
};

// At most `rows` lines, none wider than `columns`, without line ends.
std::vector<std::string> render_top(const TopSample& sample, const TopView& view);

}  // namespace lithos
