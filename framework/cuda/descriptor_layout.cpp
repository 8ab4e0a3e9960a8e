// SPDX-License-Identifier: Apache-2.0
#include "cuda/descriptor_layout.hpp"

#include "cuda/descriptor_tables.hpp"

namespace lithos::cuda {

const std::array<DescriptorLayout, kLayouts>& all_layouts() { return tables::kAll; }

const DescriptorLayout* layout_for_capability(int major, int minor) {
  if (major == 8) return &tables::kAll[0];
  if (major == 9 && minor == 0) return &tables::kHopper;
  if (major == 10 || major == 12) return &tables::kAll[2];
  return nullptr;
}

bool is_of(const void* descriptor, const DescriptorLayout& layout) {
  return static_cast<const std::uint8_t*>(descriptor)[layout.version_field.first_bit / 8] == layout.version;
}

const DescriptorLayout* layout_of(const void* descriptor) {
  const DescriptorLayout* found = nullptr;
  for (const DescriptorLayout& layout : tables::kAll)
    if (is_of(descriptor, layout) && (found == nullptr || layout.may_run)) found = &layout;
  return found;
}

}  // namespace lithos::cuda
