/* SPDX-License-Identifier: Apache-2.0
 * The layout as C sees it. */
#include "abi/layout.h"

#define SIZE_IN_C(type, bytes) _Static_assert(sizeof(type) == (bytes), "size of " #type);
#define OFFSET_IN_C(type, member, bytes) \
  _Static_assert(offsetof(type, member) == (bytes), "offset of " #type "." #member);
LITHOS_LAYOUT(SIZE_IN_C, OFFSET_IN_C)

size_t lithos_tenant_view_size_in_c(void);
size_t lithos_tenant_view_size_in_c(void) { return sizeof(lithos_tenant_view); }
