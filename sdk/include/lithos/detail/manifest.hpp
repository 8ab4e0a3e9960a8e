// SPDX-License-Identifier: Apache-2.0
// The manifest note of a library, made at compile time from its policy classes. Included by policy.hpp.
#pragma once

#include <cstddef>
#include <string_view>

#include "lithos/detail/policy_table.hpp"
#include "lithos/manifest.h"

namespace lithos {
inline namespace sdk {
namespace detail {

template <class P>
consteval std::uint32_t kind_of();  // policy_table.hpp, which may be the header that this one is read from

template <std::size_t Size>
constexpr void copy_text(char (&to)[Size], std::string_view from) {
  if (from.size() >= Size)
    throw "too long for the manifest";  // not a constant expression: the compiler shows this line
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
}

template <class... P>
constexpr lithos_manifest make_manifest() {
  static_assert(sizeof...(P) <= LITHOS_MANIFEST_POLICIES_MAX, "a library holds at most 8 policies");
  lithos_manifest manifest{};
  manifest.name_size = 7;
  manifest.desc_size = sizeof(lithos_manifest) - LITHOS_MANIFEST_HEADER_BYTES;
  manifest.note_type = LITHOS_MANIFEST_NOTE_TYPE;
  copy_text(manifest.name, "LithOS");
  manifest.struct_size = sizeof(lithos_manifest);
  manifest.abi_major = LITHOS_POLICY_ABI_MAJOR;
  manifest.abi_minor = LITHOS_POLICY_ABI_MINOR;
  manifest.n_policies = sizeof...(P);
  std::size_t at = 0;
  const auto add = [&](std::uint32_t kind, const char* id, const char* version) {
    manifest.policy[at].kind = kind;
    copy_text(manifest.policy[at].id, id);
    copy_text(manifest.policy[at].version, version);
    ++at;
  };
  (add(kind_of<P>(), P::id, P::version), ...);
  return manifest;
}

}  // namespace detail
}  // namespace sdk
}  // namespace lithos
