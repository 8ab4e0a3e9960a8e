// SPDX-License-Identifier: Apache-2.0
// Libraries that brought a daemon down, by content: they are not loaded again until an operator says so. Kept in a
// file, one JSON object per line, beside the exit records that say what happened. Control thread.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "daemon/black_box.hpp"

namespace lithos {

struct QuarantinedLibrary {
  std::string hash, id, path, reason;
};

class Quarantine {
 public:
  // Reads the folder's quarantine.jsonl; what cannot be read counts as empty.
  explicit Quarantine(std::string state_folder);

  // The entry for a library of this content; nullptr: it may be loaded.
  const QuarantinedLibrary* find(const std::string& hash) const;
  // unavailable, with the reason and the way out, if the library of this content may not be loaded.
  Status check(const std::string& path, const std::string& hash) const;
  void add(QuarantinedLibrary library);
  bool release(const std::string& hash_or_id);  // false: nothing was released
  const std::vector<QuarantinedLibrary>& all() const { return all_; }

 private:
  void save() const;

  std::string folder_;
  std::vector<QuarantinedLibrary> all_;
};

// Writes exits/<n>.json: why a daemon, or a policy, ended, with the last decisions. Returns its path; empty: it could
// not be written.
struct ExitRecord {
  std::string what;  // "crash", "hang", "strikes", "worse than the built-in"
  std::string kind;  // of the policy, or "plugin"; empty: none is to blame
  std::string id, path, hash, message;
  int signal = 0;
  std::vector<BlackBoxDecision> decisions;
};
std::string write_exit_record(const std::string& state_folder, const ExitRecord& record);
// The newest ones as JSON texts, newest last.
std::vector<std::string> read_exit_records(const std::string& state_folder, std::size_t most);

// Replaces a file as a whole: written beside it, then renamed when it is on the disk. One that says just that already is left as it is:
// most starts change nothing, and the disk may be slow.
Status write_file_atomically(const std::string& path, const std::string& text);

}  // namespace lithos
