// SPDX-License-Identifier: Apache-2.0
// Sets that inherit from another one: `like = "lithos"` in a [[set]]. Internal to framework/config.
//
// Works on the tree before anything is read, so that what a set inherits passes the same checks as what it says itself. What the set
// says goes first; the parameters of a policy are inherited one by one as long as the policy is the same; all other tables (quotas,
// tolerates) are replaced whole, or nothing could be taken out of them.
#pragma once

#include <string>
#include <vector>

#include "config/toml_document.hpp"

namespace lithos {

// Replaces every set that has `like` by what it comes to. The set that is named must stand above, so there are no circles.
void resolve_like(TomlTable& root, std::vector<Diagnostic>& diagnostics);

// Names of the sets that are like `name`, directly or through others, and `name` itself. Call before resolve_like().
std::vector<std::string> sets_like(const TomlTable& root, const std::string& name);

// The [[set]]s or [[tenant]]s of a tree, as they stand; empty where there are none.
std::vector<TomlTable*> tables_of(TomlTable& root, const std::string& key);
// The text of `key`, or empty.
std::string text_of(const TomlTable& table, const std::string& key);
// A policy's table: what was text ("tpc_borrowing") becomes { policy = "tpc_borrowing" }. Null if it is neither.
TomlTable* as_policy_table(TomlEntry& role);
bool is_policy_role(const std::string& key);

}  // namespace lithos
