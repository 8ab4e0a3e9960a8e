// SPDX-License-Identifier: Apache-2.0
// Typed parameters of policies and plugins: how a member of a Params struct gets its TOML key, unit, default, range.
//
//   struct Params { std::chrono::nanoseconds slice; Mode mode; };
//   static constexpr std::tuple params{
//       lithos::param<&Params::slice>(1, "slice", 250us).range(20us, 5ms).live().doc("Longest run."),
//       lithos::param<&Params::mode>(2, "mode", Mode::fair).choices("fair", "strict").doc("How to share.")};
//
// Ids are for ever: never reuse one. Member types: bool, std::int64_t (or another integer), double,
// std::chrono::nanoseconds, lithos::Bytes, lithos::PerSecond, lithos::Hertz, std::string, enums counting from 0.
// All of this happens at compile time; what is wrong with a table is a compile error.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "lithos/policy_abi.h"

namespace lithos {
inline namespace sdk {

// Units as types, for parameters. TOML: "40GiB", "300/s", "1980MHz".
struct Bytes {
  std::int64_t count = 0;
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
};
struct PerSecond {
  double value = 0;
  friend constexpr auto operator<=>(PerSecond, PerSecond) = default;
};
struct Hertz {
  double value = 0;
  friend constexpr auto operator<=>(Hertz, Hertz) = default;
};

namespace detail {

template <class T>
inline constexpr bool kIsDuration = false;
template <class Rep, class Period>
inline constexpr bool kIsDuration<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool kAlwaysFalse = false;

// LITHOS_TYPE_* of a member type.
template <class T>
consteval std::uint32_t type_of() {
  if constexpr (std::same_as<T, bool>) return LITHOS_TYPE_BOOL;
  else if constexpr (std::is_enum_v<T>) return LITHOS_TYPE_ENUM;
  else if constexpr (std::integral<T>) return LITHOS_TYPE_I64;
  else if constexpr (std::floating_point<T>) return LITHOS_TYPE_F64;
  else if constexpr (kIsDuration<T>) return LITHOS_TYPE_DURATION_NS;
  else if constexpr (std::same_as<T, Bytes>) return LITHOS_TYPE_BYTES;
  else if constexpr (std::same_as<T, PerSecond>) return LITHOS_TYPE_RATE_HZ;
  else if constexpr (std::same_as<T, Hertz>) return LITHOS_TYPE_FREQUENCY_HZ;
  else if constexpr (std::same_as<T, std::string>) return LITHOS_TYPE_STRING;
  else static_assert(kAlwaysFalse<T>, "a parameter's type must be one of those that detail/params.hpp lists");
}

// What a table keeps of a value: text stays a literal, everything else as it is.
template <class T>
using Stored = std::conditional_t<std::same_as<T, std::string>, const char*, T>;

template <class T>
constexpr lithos_value to_value(const Stored<T>& value) {
  lithos_value out{type_of<T>(), 0, {}};
  if constexpr (std::same_as<T, std::string>) out.as.text = value;
  else if constexpr (std::same_as<T, Bytes>) out.as.i64 = value.count;
  else if constexpr (std::same_as<T, PerSecond> || std::same_as<T, Hertz>) out.as.f64 = value.value;
  else if constexpr (std::floating_point<T>) out.as.f64 = static_cast<double>(value);
  else if constexpr (kIsDuration<T>) out.as.i64 = std::chrono::duration_cast<std::chrono::nanoseconds>(value).count();
  else out.as.i64 = static_cast<std::int64_t>(value);
  return out;
}

template <class T>
T from_value(const lithos_value& value) {
  if constexpr (std::same_as<T, std::string>) return value.as.text;
  else if constexpr (std::same_as<T, bool>) return value.as.i64 != 0;
  else if constexpr (std::same_as<T, Bytes>) return Bytes{value.as.i64};
  else if constexpr (std::same_as<T, PerSecond> || std::same_as<T, Hertz>) return T{value.as.f64};
  else if constexpr (std::floating_point<T>) return static_cast<T>(value.as.f64);
  else if constexpr (kIsDuration<T>) return std::chrono::duration_cast<T>(std::chrono::nanoseconds(value.as.i64));
  else return static_cast<T>(value.as.i64);
}

// The widest range a type has, where the author declares none. Durations and byte counts start at 0.
template <class T>
constexpr Stored<T> lowest_of() {
  if constexpr (std::same_as<T, bool> || std::is_enum_v<T> || std::same_as<T, std::string>) return {};
  else if constexpr (kIsDuration<T>) return T::zero();
  else if constexpr (std::same_as<T, Bytes> || std::same_as<T, PerSecond> || std::same_as<T, Hertz>) return T{};
  else return std::numeric_limits<T>::lowest();
}
template <class T>
constexpr Stored<T> highest_of() {
  if constexpr (std::same_as<T, bool>) return true;
  else if constexpr (std::is_enum_v<T> || std::same_as<T, std::string>) return {};
  else if constexpr (kIsDuration<T>) return T::max();
  else if constexpr (std::same_as<T, Bytes>) return T{std::numeric_limits<std::int64_t>::max()};
  else if constexpr (std::same_as<T, PerSecond> || std::same_as<T, Hertz>) return T{std::numeric_limits<double>::max()};
  else return std::numeric_limits<T>::max();
}

// Not constexpr on purpose: a call during constant evaluation is the compile error, and its name is the message.
inline void error_range_has_its_lower_bound_above_its_upper_bound() {}
inline void error_default_lies_outside_the_range() {}
inline void error_text_and_bool_and_enum_parameters_have_no_range() {}
inline void error_choices_are_for_enum_parameters_only() {}

template <class Struct, class Member>
Struct struct_of(Member Struct::*);
template <class Struct, class Member>
Member member_of(Member Struct::*);

template <auto Member, std::size_t Choices = 0>
struct Param {
  using Struct = decltype(struct_of(Member));
  using Value = decltype(member_of(Member));
  static constexpr auto kMember = Member;
  static constexpr std::size_t kChoices = Choices;
  static constexpr std::uint32_t kType = type_of<Value>();
  static_assert(!(std::is_unsigned_v<Value> && sizeof(Value) == 8), "use std::int64_t: the ABI has no unsigned values");

  std::uint32_t id_;
  const char* key_;
  Stored<Value> def_, min_, max_;
  const char* unit_;
  const char* doc_;
  std::uint32_t flags_;
  std::array<const char*, Choices + 1> choices_;  // ends in nullptr

  consteval Param range(Stored<Value> lowest, Stored<Value> highest) const {
    Param out = *this;
    if constexpr (kType == LITHOS_TYPE_STRING || kType == LITHOS_TYPE_BOOL || kType == LITHOS_TYPE_ENUM) {
      error_text_and_bool_and_enum_parameters_have_no_range();
    } else {
      if (highest < lowest) error_range_has_its_lower_bound_above_its_upper_bound();
      if (def_ < lowest || highest < def_) error_default_lies_outside_the_range();
      out.min_ = lowest;
      out.max_ = highest;
    }
    return out;
  }
  consteval Param live() const {
    Param out = *this;
    out.flags_ |= LITHOS_PARAM_LIVE;
    return out;
  }
  consteval Param doc(const char* sentence) const {
    Param out = *this;
    out.doc_ = sentence;
    return out;
  }
  // For people: "TPCs". Types with a unit of their own need none.
  consteval Param unit(const char* name) const {
    Param out = *this;
    out.unit_ = name;
    return out;
  }
  // One text for each enumerator, in order from 0.
  template <class... Text>
  consteval Param<Member, sizeof...(Text)> choices(Text... texts) const {
    if constexpr (kType != LITHOS_TYPE_ENUM) error_choices_are_for_enum_parameters_only();
    return {id_, key_, def_, min_, max_, unit_, doc_, flags_, {texts..., nullptr}};
  }
};

consteval const char* default_unit(std::uint32_t type) {
  switch (type) {
    case LITHOS_TYPE_DURATION_NS: return "ns";
    case LITHOS_TYPE_BYTES: return "bytes";
    case LITHOS_TYPE_RATE_HZ: return "1/s";
    case LITHOS_TYPE_FREQUENCY_HZ: return "Hz";
    default: return "";
  }
}

}  // namespace detail

// Declares the parameter kept in `Member`, e.g. &Params::slice.
template <auto Member>
consteval auto param(std::uint32_t id, const char* key,
                     detail::Stored<typename detail::Param<Member>::Value> default_value) {
  using Value = typename detail::Param<Member>::Value;
  return detail::Param<Member>{id,
                               key,
                               default_value,
                               detail::lowest_of<Value>(),
                               detail::highest_of<Value>(),
                               detail::default_unit(detail::type_of<Value>()),
                               "",
                               0,
                               {}};
}

namespace detail {

// The C table of a class's `params`. Class::params must be a static constexpr tuple of Param.
template <class Class>
struct ParamTable {
  static constexpr std::size_t kCount = std::tuple_size_v<std::remove_cvref_t<decltype(Class::params)>>;

  template <std::size_t I>
  static constexpr lithos_param entry() {
    constexpr const auto& p = std::get<I>(Class::params);
    using P = std::remove_cvref_t<decltype(p)>;
    static_assert(P::kType != LITHOS_TYPE_ENUM || P::kChoices > 0, "an enum parameter needs .choices(…)");
    using Value = typename P::Value;
    lithos_param out{};
    out.struct_size = sizeof(lithos_param);
    out.id = p.id_;
    out.key = p.key_;
    out.unit = p.unit_;
    out.doc = p.doc_;
    out.type = P::kType;
    out.flags = p.flags_;
    out.def = to_value<Value>(p.def_);
    out.min = to_value<Value>(p.min_);
    out.max = to_value<Value>(p.max_);
    if constexpr (P::kType == LITHOS_TYPE_ENUM) out.choices = p.choices_.data();
    if constexpr (P::kType == LITHOS_TYPE_STRING) out.min.as.text = out.max.as.text = "";
    return out;
  }
  static constexpr auto kEntries = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<lithos_param, sizeof...(I)>{entry<I>()...};
  }
  (std::make_index_sequence<kCount>{});
  static constexpr auto kPointers = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<const lithos_param*, sizeof...(I)>{&kEntries[I]...};
  }
  (std::make_index_sequence<kCount>{});

  static consteval bool unique() {
    for (std::size_t i = 0; i < kCount; ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (kEntries[i].id == kEntries[j].id || std::string_view(kEntries[i].key) == kEntries[j].key) return false;
    return true;
  }
  static_assert(unique(), "two parameters have the same id or the same key");

  static constexpr bool kAnyLive = [] {
    for (const lithos_param& p : kEntries)
      if ((p.flags & LITHOS_PARAM_LIVE) != 0) return true;
    return false;
  }();

  using Params = typename std::tuple_element_t<0, std::remove_cvref_t<decltype(Class::params)>>::Struct;

  static void assign(Params& params, std::size_t index, const lithos_value& value) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (void)((I == index && (assign_one<I>(params, value), true)) || ...);
    }
    (std::make_index_sequence<kCount>{});
  }

  // False: no LIVE parameter has this id.
  static bool assign_live(Params& params, std::uint32_t id, const lithos_value& value) {
    for (std::size_t i = 0; i < kCount; ++i) {
      if (kEntries[i].id != id || (kEntries[i].flags & LITHOS_PARAM_LIVE) == 0) continue;
      assign(params, i, value);
      return true;
    }
    return false;
  }

 private:
  template <std::size_t I>
  static void assign_one(Params& params, const lithos_value& value) {
    using P = std::tuple_element_t<I, std::remove_cvref_t<decltype(Class::params)>>;
    params.*P::kMember = from_value<typename P::Value>(value);
  }
};

template <class Class>
concept HasParams = requires {
  Class::params;
};

template <class Class>
consteval std::uint32_t param_count() {
  if constexpr (HasParams<Class>) return static_cast<std::uint32_t>(ParamTable<Class>::kCount);
  else return 0;
}
template <class Class>
constexpr const lithos_param* const* param_pointers() {
  if constexpr (HasParams<Class>) return ParamTable<Class>::kPointers.data();
  else return nullptr;
}

}  // namespace detail
}  // namespace sdk
}  // namespace lithos
