// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "daemon/json.hpp"

namespace lithos {
namespace {

TEST(Json, SurvivesTheTripInOrder) {
  const std::string text = R"({"z":1,"a":[true,null,2.5,"x\n"],"m":{"k":-3}})";
  const Result<Json> json = Json::parse(text);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json.value().dump(), text);
  EXPECT_EQ(json.value().integer_of("z"), 1);
  EXPECT_EQ(json.value()["m"].integer_of("k"), -3);
}

TEST(Json, WhatIsNotThereIsNull) {
  const Json json = Json::object();
  EXPECT_TRUE(json["a"]["b"].is_null());
  EXPECT_EQ(json.text_of("a"), "");
  EXPECT_EQ(json.integer_of("a", 7), 7);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "nonsense", "{\"a\":}", "[1,]"}) EXPECT_FALSE(Json::parse(text).ok()) << text;
  EXPECT_FALSE(Json::parse(std::string(1000, '[')).ok());
}

TEST(Json, WritesNoNanAndNoBrokenText) {
  Json json = Json::object();
  json.set("nan", std::nan("")).set("text", std::string("\xff"));
  const Result<Json> back = Json::parse(json.dump());
  ASSERT_TRUE(back.ok()) << json.dump();
  EXPECT_TRUE(back.value()["nan"].is_null());
}

TEST(Json, SettingAMemberAgainReplacesIt) {
  Json json = Json::object();
  json.set("a", 1).set("a", 2);
  EXPECT_EQ(json.dump(), R"({"a":2})");
}

}  // namespace
}  // namespace lithos
