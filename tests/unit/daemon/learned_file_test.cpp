// SPDX-License-Identifier: Apache-2.0
#include "daemon/learned_file.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

const LearnedDevice kDevice{"h200", 66};

std::vector<lithos_observation> two() {
  lithos_observation seen{};
  seen.op = {0xfedcba9876543210u, LITHOS_OP_PERSISTENT, 1, 128, 256, 2, 1, 3, 7, {}};
  seen.tpcs = 40;
  seen.clock_mhz = 1980;
  seen.block_count = 128;
  seen.duration_ns = 123'456;
  lithos_observation other = seen;
  other.tpcs = 66;
  other.duration_ns = 99'000;
  return {seen, other};
}

void expect_refused(const std::string& text, const std::string& why, const LearnedDevice& device = kDevice) {
  const auto parsed = parse_learned("/state/learned", text, device);
  ASSERT_FALSE(parsed.ok()) << why;
  EXPECT_NE(parsed.status().message().find("/state/learned: "), std::string::npos);
  EXPECT_NE(parsed.status().message().find(why), std::string::npos) << parsed.status().message();
}

TEST(LearnedFile, ComesBackAsItWas) {
  const auto parsed = parse_learned("f", learned_text(kDevice, two()), kDevice);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_EQ(parsed.value().size(), 2u);
  const lithos_observation &back = parsed.value()[0], was = two()[0];
  EXPECT_EQ(back.op.op_id, was.op.op_id);
  EXPECT_EQ(back.op.flags, was.op.flags);
  EXPECT_EQ(back.op.ordinal, was.op.ordinal);
  EXPECT_EQ(back.block_count, was.block_count) << "whole launches only are kept";
  EXPECT_EQ(back.duration_ns, was.duration_ns);
  EXPECT_EQ(parsed.value()[1].tpcs, 66u);
  EXPECT_TRUE(parse_learned("f", learned_text(kDevice, {}), kDevice).ok()) << "a daemon that saw nothing";
}

TEST(LearnedFile, DamageOfAnyByteIsSeen) {
  const std::string text = learned_text(kDevice, two());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] ^= 1;
    EXPECT_FALSE(parse_learned("f", damaged, kDevice).ok()) << "byte " << at;
    EXPECT_FALSE(parse_learned("f", text.substr(0, at), kDevice).ok()) << "cut at " << at;
  }
}

TEST(LearnedFile, SaysWhatIsWrong) {
  std::string text = learned_text(kDevice, two());
  expect_refused(text, "another device", {"h100", 66});
  expect_refused(text, "another device", {"h200", 60});
  expect_refused("", "expected \"lithos-learned 1\"");
  expect_refused("lithos-learned 2" + text.substr(16), "found \"lithos-learned 2\"");
  expect_refused(text.substr(0, text.size() - 30), "cut short");
  text[text.find("123456")] = '9';
  expect_refused(text, "checksum");
}

}  // namespace
}  // namespace lithos
