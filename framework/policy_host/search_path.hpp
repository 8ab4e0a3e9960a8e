// SPDX-License-Identifier: Apache-2.0
// Where libraries of policies and plugins are looked for, and how their ids are matched. Pure but for reading folders;
// any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lithos {

// The folders named by the environment variable (separated by colons), then ../lib/lithos/<kind> beside the program.
std::vector<std::string> search_folders(const char* variable, const char* kind);

// Every *.so of a folder, sorted by name so that a run does not depend on the file system; empty if it does not exist.
std::vector<std::string> libraries_in(const std::string& folder);

// "tpc_borrowing" of "org.lithos.scheduler.tpc_borrowing".
std::string_view last_part_of_id(std::string_view id);

// The id that a misspelt one was probably meant to be, whole or by its last part; empty: none is near.
std::string closest_id(const std::string& id, const std::vector<std::string>& known);

}  // namespace lithos
