// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/preludes.hpp"

#include <algorithm>

namespace lithos::cuda {
namespace {

constexpr unsigned kRanOnHardware[] = {90};  // docs/design/hardware.md §2

}  // namespace

const PreludeImage* enabled_prelude(unsigned sm) {
  if (std::find(std::begin(kRanOnHardware), std::end(kRanOnHardware), sm) == std::end(kRanOnHardware)) return nullptr;
  const auto built = built_preludes();
  const auto found =
      std::find_if(built.begin(), built.end(), [&](const PreludeImage& image) { return image.sm == sm; });
  return found == built.end() ? nullptr : &*found;
}

}  // namespace lithos::cuda
