// SPDX-License-Identifier: Apache-2.0
#include "policy_host/private_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <system_error>
#include <vector>

namespace lithos {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "lithos-";
constexpr std::string_view kPattern = "XXXXXX";  // of mkdtemp(3)

// The loader cannot map code from a file system mounted noexec.
bool allows_execution(const std::string& folder) {
  struct statvfs info {};
  return ::statvfs(folder.c_str(), &info) == 0 && (info.f_flag & ST_NOEXEC) == 0;
}

Descriptor lock_folder(const std::string& path, int operation) {
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return folder.get() >= 0 && ::flock(folder.get(), operation | LOCK_NB) == 0 ? std::move(folder) : Descriptor(-1);
}

// lithos-<process>-<six letters>: whose it is; 0: not a folder of ours.
pid_t owner_named(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  const std::string_view rest = name.substr(static_cast<std::size_t>(end - name.data()));
  return error == std::errc{} && rest.size() == 1 + kPattern.size() && rest.front() == '-' ? pid : 0;
}

// Whether this user's process of that number is no more, as far as this namespace of processes shows.
bool has_gone(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

// A folder of a process that was killed: nobody is there by its number, and nobody holds its lock (processes of other namespaces
// have numbers that say nothing here). One for each that is made, so that they do not grow in number: thousands at once would be
// seconds of somebody's start.
void remove_one_left_behind(const std::string& parent) {
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const pid_t owner = owner_named(at->path().filename().string());
    struct stat info {};
    if (owner <= 0 || !has_gone(owner) || ::lstat(at->path().c_str(), &info) != 0 || info.st_uid != ::geteuid()) continue;
    const Descriptor lock = lock_folder(at->path().string(), LOCK_EX);
    std::error_code ignored;
    if (lock.get() >= 0 && fs::remove_all(at->path(), ignored) > 0) return;
  }
}

}  // namespace

Result<std::shared_ptr<PrivateFolder>> PrivateFolder::shared() {
  static std::mutex mutex;
  static std::weak_ptr<PrivateFolder> current;
  const std::lock_guard lock(mutex);
  if (std::shared_ptr<PrivateFolder> folder = current.lock()) return folder;
  Result<std::shared_ptr<PrivateFolder>> made = make();
  if (made.ok()) current = made.value();
  return made;
}

PrivateFolder::~PrivateFolder() { ::rmdir(path_.c_str()); }

Result<std::shared_ptr<PrivateFolder>> PrivateFolder::make() {
  std::vector<std::string> parents{"/tmp", "/var/tmp"};
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/')
    parents.insert(parents.begin(), runtime);
  std::string tried;
  for (const std::string& parent : parents) {
    if (std::shared_ptr<PrivateFolder> folder = make_in(parent)) return folder;
    tried += (tried.empty() ? "" : ", ") + parent;
  }
  return unavailable("no folder for private copies of libraries: none of " + tried +
                     " can be written to and executed from");
}

// Null: not there.
std::shared_ptr<PrivateFolder> PrivateFolder::make_in(const std::string& parent) {
  if (!allows_execution(parent)) return nullptr;
  std::string name = fmt::format("{}/{}{}-{}", parent, kPrefix, ::getpid(), kPattern);
  if (::mkdtemp(name.data()) == nullptr) return nullptr;  // makes it 0700
  Descriptor lock = lock_folder(name, LOCK_SH);
  if (lock.get() < 0) {
    ::rmdir(name.c_str());
    return nullptr;
  }
  remove_one_left_behind(parent);
  return std::shared_ptr<PrivateFolder>(new PrivateFolder(name, std::move(lock)));
}

}  // namespace lithos
