// SPDX-License-Identifier: Apache-2.0
// Private copies of shared objects, for module.cpp: reads and checks the file, writes it where nobody else can change
// it. Any thread. Errors' messages begin with the path.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"

namespace lithos {

class PrivateFolder;

// A shared object's bytes, after the same checks as for a copy.
struct LibraryFile {
  std::vector<char> bytes;
  std::string hash;  // FNV-1a, 16 hex digits
};
Result<LibraryFile> read_library_file(const std::string& path);

// A copy on disk; the file goes with the object, the folder with the last file.
class PrivateCopy {
 public:
  static Result<PrivateCopy> of(const std::string& path);
  ~PrivateCopy();
  PrivateCopy(PrivateCopy&&) noexcept = default;
  PrivateCopy& operator=(PrivateCopy&&) = delete;

  const std::string& path() const { return path_; }
  const std::string& hash() const { return hash_; }

 private:
  PrivateCopy(std::shared_ptr<PrivateFolder> folder, std::string path, std::string hash);

  std::shared_ptr<PrivateFolder> folder_;  // empty once moved from
  std::string path_, hash_;
};

}  // namespace lithos
