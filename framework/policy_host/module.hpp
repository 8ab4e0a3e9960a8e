// SPDX-License-Identifier: Apache-2.0
// A loaded shared object: the one place that deals with the dynamic loader (Boost.DLL).
//
// The file is never loaded from where it lies. It is read, checked to be a regular ELF shared object for this machine,
// written to a private folder of this process under a name no load had before, and loaded from there with all
// symbols bound and none shared. So a file that is replaced or overwritten later changes nothing here, and loading
// its successor under the same path gives the successor. (Same path or inode: the loader would hand back the old code.)
// The private folder has mode 0700 and lies under $XDG_RUNTIME_DIR, /tmp or /var/tmp, whichever allows execution;
// it goes when the last module goes.
// Threads    open() and destruction from any control thread: they allocate, read files and take the loader's lock.
// Ownership  The library stays mapped until the Module is destroyed. Nothing obtained from it may outlive it.
// Errors     not_found (no such file), invalid_argument (not a usable file), incompatible (another ABI). Messages
//            begin with the path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.hpp"

namespace lithos {

// Which entry function a library must export: `prefix` followed by the major version.
struct ModuleEntry {
  const char* prefix;  // "lithos_policy_library_v"
  unsigned major;      // 1
  const char* what;    // "policy": for messages
  const char* abi;     // "policy ABI"
};
inline constexpr ModuleEntry kPolicyEntry{"lithos_policy_library_v", 1, "policy", "policy ABI"};
inline constexpr ModuleEntry kServiceEntry{"lithos_service_library_v", 1, "plugin", "service ABI"};

class Module {
 public:
  using EntryFunction = const void* (*)();

  static Result<std::shared_ptr<Module>> open(const std::string& path, const ModuleEntry& entry);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // The library's table, whatever its type is; an exception thrown by the entry function becomes a Status.
  Result<const void*> call_entry() const;

  const std::string& path() const;       // as given to open()
  const std::string& copy_path() const;  // where it was loaded from
  const std::string& hash() const;       // FNV-1a of the content, 16 hex digits: tells builds apart, no protection

  // Modules whose library stayed mapped after unloading (unique symbols, thread-local destructors), in this process.
  static std::uint64_t leaked();

 private:
  struct Impl;
  explicit Module(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lithos
