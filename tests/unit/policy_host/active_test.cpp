// SPDX-License-Identifier: Apache-2.0
#include "policy_host/active.hpp"

#include <gtest/gtest.h>

#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;

TEST(ActivePolicies, CommitGivesBackTheOldSetAliveAndCountsGenerations) {
  script = {};
  ActivePolicies active(make_set(all_tables()));
  PolicySet* first = &active.current();
  EXPECT_EQ(active.generation(), 0u);
  EXPECT_EQ(script.alive, 4);

  std::unique_ptr<PolicySet> old = active.commit(make_set({}));
  EXPECT_EQ(old.get(), first);
  EXPECT_NE(&active.current(), first);
  EXPECT_EQ(active.generation(), 1u);
  EXPECT_EQ(script.alive, 4);  // warm: could be committed again to roll back

  std::unique_ptr<PolicySet> builtins = active.commit(std::move(old));
  EXPECT_EQ(&active.current(), first);
  EXPECT_EQ(active.current().description(PolicyKind::scheduler).id, "org.lithos.test.scheduler");
  EXPECT_EQ(builtins->description(PolicyKind::scheduler).id, "builtin.scheduler");
}

TEST(ActivePolicies, DestroysTheCurrentSetWithItself) {
  script = {};
  { const ActivePolicies active(make_set(all_tables())); }
  EXPECT_EQ(script.alive, 0);
}

}  // namespace
}  // namespace lithos
