// SPDX-License-Identifier: Apache-2.0
// The layout as C++ sees it; the asserts are the test, the program shows the numbers.
#include "abi/layout.h"

#include <gtest/gtest.h>

#include <type_traits>

#define SIZE_IN_CXX(type, bytes) \
  static_assert(sizeof(type) == (bytes) && std::is_trivially_copyable_v<type> && std::is_standard_layout_v<type>);
#define OFFSET_IN_CXX(type, member, bytes) static_assert(offsetof(type, member) == (bytes));
LITHOS_LAYOUT(SIZE_IN_CXX, OFFSET_IN_CXX)

extern "C" size_t lithos_tenant_view_size_in_c(void);

TEST(Layout, CAndCxxAgree) { EXPECT_EQ(lithos_tenant_view_size_in_c(), sizeof(lithos_tenant_view)); }
