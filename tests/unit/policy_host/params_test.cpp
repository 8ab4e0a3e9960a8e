// SPDX-License-Identifier: Apache-2.0
#include "policy_host/params.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr const char* kModes[] = {"fair", "strict", nullptr};

lithos_param param_of(std::uint32_t type, lithos_value def, lithos_value min, lithos_value max) {
  return {sizeof(lithos_param), 1, "knob", "", "A knob.", type, 0, def, min, max, nullptr};
}

struct Outcome {
  std::vector<Diagnostic> wrong;
  ResolvedParams params;
};

Outcome resolve_one(const lithos_param& param, RawValue raw) {
  Outcome out;
  const lithos_param* table[] = {&param};
  raw.where = {"demo.toml", 12, 8};
  out.wrong = resolve_params({{"knob", raw}}, table, 1, "scheduler.params", out.params);
  return out;
}

TEST(Params, DefaultsWhereNothingIsGiven) {
  ResolvedParams params;
  EXPECT_TRUE(resolve_params({}, kParams.data(), 2, "scheduler.params", params).empty());
  ASSERT_EQ(params.values.size(), 2u);
  EXPECT_EQ(params.values[0].as.i64, 250'000);
  EXPECT_EQ(params.values[1].as.i64, 4);
}

TEST(Params, ReadsEveryType) {
  const auto i = [](std::uint32_t type) {
    return param_of(type, i64(1, type), i64(0, type), i64(std::numeric_limits<std::int64_t>::max(), type));
  };
  const auto f = [](std::uint32_t type) { return param_of(type, f64(1, type), f64(0, type), f64(1e12, type)); };
  const auto value = [](const lithos_param& param, RawValue raw) {
    Outcome out = resolve_one(param, std::move(raw));
    EXPECT_TRUE(out.wrong.empty()) << to_string(out.wrong.front());
    return out.params.values[0];
  };
  EXPECT_EQ(value(i(LITHOS_TYPE_BOOL), {true, {}}).as.i64, 1);
  EXPECT_EQ(value(i(LITHOS_TYPE_I64), {std::int64_t{7}, {}}).as.i64, 7);
  EXPECT_EQ(value(i(LITHOS_TYPE_DURATION_NS), {std::string("3us"), {}}).as.i64, 3000);
  EXPECT_EQ(value(i(LITHOS_TYPE_BYTES), {std::string("2KiB"), {}}).as.i64, 2048);
  EXPECT_EQ(value(f(LITHOS_TYPE_F64), {1.5, {}}).as.f64, 1.5);
  EXPECT_EQ(value(f(LITHOS_TYPE_F64), {std::int64_t{2}, {}}).as.f64, 2.0);
  EXPECT_EQ(value(f(LITHOS_TYPE_RATE_HZ), {std::string("300/s"), {}}).as.f64, 300.0);
  EXPECT_EQ(value(f(LITHOS_TYPE_FREQUENCY_HZ), {std::string("1980MHz"), {}}).as.f64, 1.98e9);

  lithos_param mode = i(LITHOS_TYPE_ENUM);
  mode.choices = kModes;
  EXPECT_EQ(value(mode, {std::string("strict"), {}}).as.i64, 1);

  const lithos_param path = param_of(LITHOS_TYPE_STRING, text("a"), text(""), text(""));
  Outcome out = resolve_one(path, {std::string("/tmp/x"), {}});
  EXPECT_TRUE(out.wrong.empty());
  EXPECT_STREQ(out.params.values[0].as.text, "/tmp/x");
}

TEST(Params, OutOfRangeNamesTheRangeInTheUnit) {
  ResolvedParams params;
  const std::map<std::string, RawValue> given{{"slice", {std::string("9ms"), {"demo.toml", 12, 8}}}};
  const auto wrong = resolve_params(given, kParams.data(), 2, "scheduler.params", params);
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_EQ(
      to_string(wrong[0]),
      "demo.toml:12:8: scheduler.params.slice = \"9ms\": expected a duration (20us … 5ms), for example \"250us\"");
}

TEST(Params, BothEndsOfTheRangeBelongToIt) {
  for (const char* good : {"20us", "5ms"}) {
    ResolvedParams params;
    EXPECT_TRUE(resolve_params({{"slice", {std::string(good), {}}}}, kParams.data(), 2, "x", params).empty()) << good;
  }
  for (const char* bad : {"19999ns", "5000001ns"}) {
    ResolvedParams params;
    EXPECT_EQ(resolve_params({{"slice", {std::string(bad), {}}}}, kParams.data(), 2, "x", params).size(), 1u) << bad;
  }
}

TEST(Params, ANumberWithoutUnitIsShownHowToWriteIt) {
  ResolvedParams params;
  const std::map<std::string, RawValue> given{{"slice", {std::int64_t{250}, {"demo.toml", 1, 1}}}};
  const auto wrong = resolve_params(given, kParams.data(), 2, "scheduler.params", params);
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_THAT(wrong[0].message, HasSubstr("slice = 250: expected a duration (20us … 5ms), for example \"250us\""));
}

TEST(Params, UnknownKeysGetASuggestion) {
  ResolvedParams params;
  const std::map<std::string, RawValue> near{{"slise", {std::string("1ms"), {}}}};
  const auto wrong = resolve_params(near, kParams.data(), 2, "scheduler.params", params);
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_EQ(wrong[0].message, "scheduler.params.slise: unknown parameter; did you mean \"slice\"?");

  const auto far = resolve_params({{"xyzzyxyzzy", {true, {}}}}, kParams.data(), 2, "scheduler.params", params);
  EXPECT_EQ(far[0].message, "scheduler.params.xyzzyxyzzy: unknown parameter; known are slice, picks");

  const auto none = resolve_params({{"slice", {true, {}}}}, nullptr, 0, "dvfs.params", params);
  EXPECT_EQ(none[0].message, "dvfs.params.slice: this policy has no parameters");
}

TEST(Params, ReportsEveryMistakeAtOnce) {
  ResolvedParams params;
  const std::map<std::string, RawValue> given{
      {"slice", {std::string("soon"), {}}}, {"picks", {std::int64_t{65}, {}}}, {"typo", {true, {}}}};
  EXPECT_EQ(resolve_params(given, kParams.data(), 2, "scheduler.params", params).size(), 3u);
}

TEST(Params, WrongTypesAreRefusedWithWhatWasExpected) {
  const auto complaint = [](const lithos_param& param, RawValue raw) {
    const Outcome out = resolve_one(param, std::move(raw));
    return out.wrong.size() == 1 ? out.wrong[0].message : std::string("no complaint");
  };
  const auto whole = param_of(LITHOS_TYPE_I64, i64(4), i64(1), i64(64));
  EXPECT_THAT(complaint(whole, {4.5, {}}), HasSubstr("= 4.5: expected a whole number (1 … 64), for example 4"));
  EXPECT_THAT(complaint(whole, {std::string("4"), {}}), HasSubstr("= \"4\": expected a whole number"));
  const auto flag = param_of(LITHOS_TYPE_BOOL, i64(1, LITHOS_TYPE_BOOL), {}, {});
  EXPECT_THAT(complaint(flag, {std::int64_t{1}, {}}), HasSubstr("expected true or false"));
  const auto share = param_of(LITHOS_TYPE_F64, f64(0.5), f64(0), f64(1));
  EXPECT_THAT(complaint(share, {std::numeric_limits<double>::quiet_NaN(), {}}), HasSubstr("expected a number (0 … 1)"));
  for (const double outside : {-0.1, 1.1, std::numeric_limits<double>::infinity()})
    EXPECT_THAT(complaint(share, {outside, {}}), HasSubstr("expected a number (0 … 1)"));
  lithos_param mode = param_of(LITHOS_TYPE_ENUM, i64(0, LITHOS_TYPE_ENUM), {}, {});
  mode.choices = kModes;
  EXPECT_THAT(complaint(mode, {std::string("stricd"), {}}),
              HasSubstr("expected one of \"fair\", \"strict\"; did you mean \"strict\"?"));
}

TEST(Params, RangesOpenAtOneEnd) {
  const auto top = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(format_range(param_of(LITHOS_TYPE_BYTES, i64(2048, LITHOS_TYPE_BYTES), i64(1024, LITHOS_TYPE_BYTES),
                                  i64(top, LITHOS_TYPE_BYTES))),
            "at least 1KiB");
  EXPECT_EQ(format_range(param_of(LITHOS_TYPE_I64, i64(0), i64(std::numeric_limits<std::int64_t>::min()), i64(9))),
            "at most 9");
  EXPECT_EQ(format_range(param_of(LITHOS_TYPE_FREQUENCY_HZ, f64(1e9, LITHOS_TYPE_FREQUENCY_HZ),
                                  f64(345e6, LITHOS_TYPE_FREQUENCY_HZ), f64(1.98e9, LITHOS_TYPE_FREQUENCY_HZ))),
            "345MHz … 1980MHz");
}

}  // namespace
}  // namespace lithos
