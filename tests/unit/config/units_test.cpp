// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "config/config.hpp"

namespace lithos {
namespace {

TEST(Units, DurationsAreExact) {
  EXPECT_EQ(parse_duration("250us").value().count(), 250'000);
  EXPECT_EQ(parse_duration("250 us").value().count(), 250'000);
  EXPECT_EQ(parse_duration("250µs").value().count(), 250'000);
  EXPECT_EQ(parse_duration("1.5ms").value().count(), 1'500'000);
  EXPECT_EQ(parse_duration("0.1s").value().count(), 100'000'000);
  EXPECT_EQ(parse_duration("2min").value().count(), 120'000'000'000);
  EXPECT_EQ(parse_duration("1h").value().count(), 3'600'000'000'000);
  EXPECT_EQ(parse_duration("-3us").value().count(), -3'000);
  EXPECT_EQ(parse_duration("0s").value().count(), 0);
}

TEST(Units, ADurationThatIsNotWholeNanosecondsIsAnErrorAndNotARounding) {
  const auto parsed = parse_duration("0.3ns");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().message(), "\"0.3ns\" is not a whole number of nanoseconds");
}

TEST(Units, ABareNumberIsToldHowToWriteIt) {
  const auto parsed = parse_duration("250");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), StatusCode::invalid_argument);
  EXPECT_EQ(parsed.status().message(), "a duration needs a unit, for example \"250us\" (units: ns, us, ms, s, min, h)");
  EXPECT_EQ(parse_bytes("40").status().message(),
            "a size needs a unit, for example \"40GiB\" (units: B, KiB, MiB, GiB, TiB, kB, MB, GB)");
  EXPECT_EQ(parse_rate("300").status().message(), "a rate needs a unit, for example \"300/s\" (units: /ms, /s, /min)");
  EXPECT_EQ(parse_frequency_hz("1980").status().message(),
            "a frequency needs a unit, for example \"1980MHz\" (units: Hz, kHz, MHz, GHz)");
}

TEST(Units, AnUnknownUnitIsNamed) {
  EXPECT_EQ(parse_duration("3 sec").status().message(),
            "unknown unit \"sec\" for a duration, for example \"250us\" (units: ns, us, ms, s, min, h)");
  EXPECT_FALSE(parse_bytes("40Gi").ok());
  EXPECT_FALSE(parse_duration("10MS").ok()) << "units are case-sensitive";
}

TEST(Units, RefusesWhatIsNoQuantity) {
  for (const char* text : {"", "abc", "us", "-", "--1us", "-.5us", ".5us", "1.us", "1.-5us", "1e3us", "0x10us", "+5us",
                           " 5us", "99999999999999999999s", "9223372036854775807h", "1.0000000000001s"})
    EXPECT_FALSE(parse_duration(text).ok()) << text;
}

TEST(Units, TooLargeIsSaid) {
  EXPECT_EQ(parse_duration("9223372036854775807h").status().message(), "\"9223372036854775807h\" is too large");
}

TEST(Units, BytesRatesAndFrequencies) {
  EXPECT_EQ(parse_bytes("40GiB").value(), std::uint64_t{40} << 30);
  EXPECT_EQ(parse_bytes("1.5KiB").value(), 1536u);
  EXPECT_EQ(parse_bytes("2MB").value(), 2'000'000u);
  EXPECT_EQ(parse_bytes("-1B").status().message(), "a size cannot be negative");
  EXPECT_DOUBLE_EQ(parse_rate("300/s").value(), 300.0);
  EXPECT_DOUBLE_EQ(parse_rate("0.5/ms").value(), 500.0);
  EXPECT_DOUBLE_EQ(parse_rate("90/min").value(), 1.5);
  EXPECT_DOUBLE_EQ(parse_frequency_hz("1980MHz").value(), 1.98e9);
  EXPECT_DOUBLE_EQ(parse_frequency_hz("1.98GHz").value(), 1.98e9);
}

TEST(Units, FormatsTheShortestExactForm) {
  EXPECT_EQ(format_duration(Nanoseconds{0}), "0s");
  EXPECT_EQ(format_duration(Nanoseconds{1}), "1ns");
  EXPECT_EQ(format_duration(Nanoseconds{250'000}), "250us");
  EXPECT_EQ(format_duration(Nanoseconds{1'500'000}), "1.5ms");
  EXPECT_EQ(format_duration(Nanoseconds{500'000}), "500us");
  EXPECT_EQ(format_duration(Nanoseconds{10'000'000'000}), "10s");
  EXPECT_EQ(format_duration(Nanoseconds{1'234'567}), "1234567ns");
  EXPECT_EQ(format_duration(Nanoseconds{-3'000}), "-3us");
}

TEST(Units, WhatIsFormattedParsesBack) {
  for (std::int64_t ns : {std::int64_t{1}, std::int64_t{999}, std::int64_t{1'001}, std::int64_t{123'456'789},
                          std::int64_t{10'000'000'000}, std::int64_t{3'600'000'000'001}, -std::int64_t{7'500}})
    EXPECT_EQ(parse_duration(format_duration(Nanoseconds{ns})).value().count(), ns);
}

}  // namespace
}  // namespace lithos
