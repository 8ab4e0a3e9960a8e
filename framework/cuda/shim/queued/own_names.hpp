// SPDX-License-Identifier: Apache-2.0
// Included before everything else in the queued library: what the shim defines of the functions that have trampolines gets another name,
// so that the exported one is the trampoline's.
#pragma once
#define LITHOS_PRAGMA(text) _Pragma(#text)
#define LITHOS_EXPORTED(name) LITHOS_PRAGMA(redefine_extname name lithos_own_##name)
#include "cuda/shim/queued/exported_calls.inc"
#undef LITHOS_EXPORTED
#undef LITHOS_PRAGMA
