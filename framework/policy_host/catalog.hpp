// SPDX-License-Identifier: Apache-2.0
// The catalog: which policies there are, found by id in search folders.
//
// A policy is named by its id ("org.lithos.scheduler.tpc_borrowing") or by the id's last part where that is unambiguous
// among policies of the wanted kind ("tpc_borrowing"); the built-in ones are always known ("builtin.scheduler").
// Folders are searched in order and the first library that has an id wins; folders that do not exist are skipped.
// Every *.so of a folder is loaded once, at the first question, and stays loaded while the catalog or somebody who
// found a policy in it lives. A library that cannot be loaded stops nobody: problems() tells, and so does the message
// for an id that is missing.
// Threads    Any; questions take a lock (control path only).
// Errors     not_found with a suggestion; invalid_argument (wrong kind, ambiguous); for paths those of Module::open().
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "policy_host/kinds.hpp"
#include "policy_host/policy_library.hpp"

namespace lithos {

struct FoundPolicy {
  const lithos_policy* policy = nullptr;
  std::shared_ptr<const PolicyLibrary> library;  // keeps `policy` valid; empty: compiled in
};

class PolicyCatalog {
 public:
  explicit PolicyCatalog(std::vector<std::string> folders);

  // $LITHOS_POLICY_PATH (folders separated by colons), then ../lib/lithos/policies beside the running program.
  static std::vector<std::string> default_folders();

  // `path`: a library outside the folders, in which `id` is looked up (empty id: it must hold one policy of this kind).
  // An empty id without a path is the built-in policy.
  Result<FoundPolicy> find(PolicyKind kind, const std::string& id, const std::string& path = {});

  // Everything there is, built-in policies first, then by folder and file name.
  std::vector<FoundPolicy> list();

  // One message for each library in the folders that could not be loaded.
  std::vector<std::string> problems();

 private:
  void scan();
  Result<std::shared_ptr<const PolicyLibrary>> load_explicit(const std::string& path);
  Result<FoundPolicy> pick(PolicyKind kind, const std::string& id, const std::vector<FoundPolicy>& among) const;
  Status unknown(PolicyKind kind, const std::string& id, const std::vector<FoundPolicy>& among) const;

  std::mutex mutex_;
  std::vector<std::string> folders_;
  bool scanned_ = false;
  std::vector<FoundPolicy> found_;
  std::vector<std::string> problems_;
  std::vector<std::shared_ptr<const PolicyLibrary>> explicit_;  // loaded by path
};

}  // namespace lithos
