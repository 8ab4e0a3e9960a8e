// SPDX-License-Identifier: Apache-2.0
#include "cli/gpu_setup.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "cli/installation.hpp"
#include "cli/policy_check/isolated.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrivateLink = "liblithos_real_cuda.so.1";
constexpr Nanoseconds kLoadLimit{20'000'000'000};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// "=path" or "!why not".
std::string look_for_driver() {
  void* const library = ::dlopen("libcuda.so.1", RTLD_LAZY);
  if (library == nullptr) return std::string("!") + ::dlerror();
  link_map* map = nullptr;
  if (::dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr)
    return "!the loader does not say where it found libcuda.so.1";
  const fs::path found = map->l_name;
  if (::dlsym(library, "lithos_shim_report") == nullptr) return "=" + found.string();
  std::error_code error;
  const fs::path behind = fs::read_symlink(found.parent_path() / kPrivateLink, error);
  return error ? "!" + found.string() + " is a shim without a driver behind it" : "=" + behind.string();
}

// Where the link points, now and for whoever looks at it meanwhile: made beside, then renamed.
bool put_link(const fs::path& at, const fs::path& target) {
  std::error_code error;
  if (fs::read_symlink(at, error) == target && !error) return true;
  const fs::path beside = at.string() + fmt::format(".{}", ::getpid());
  fs::remove(beside, error);
  fs::create_symlink(target, beside, error);
  if (!error) fs::rename(beside, at, error);
  return !error;
}

// Ours alone: others could put anything in a folder that they can write, and programs would load it.
bool is_private(const fs::path& folder) {
  struct stat about {};
  return ::lstat(folder.c_str(), &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == ::geteuid() &&
         (about.st_mode & 022) == 0;
}

bool fill(const fs::path& folder, const std::string& shim, const std::string& driver) {
  ::mkdir(folder.parent_path().c_str(), 0700);
  ::mkdir(folder.c_str(), 0700);
  return is_private(folder.parent_path()) && is_private(folder) && put_link(folder / kPrivateLink, driver) &&
         put_link(folder / "libcuda.so.1", shim) && put_link(folder / "libcuda.so", "libcuda.so.1");
}

}  // namespace

Result<std::string> find_real_driver() {
  const Isolated looked = run_isolated(&look_for_driver, kLoadLimit);
  if (looked.end != Isolated::End::said) return unavailable("loading libcuda.so.1 ended with " + looked.text);
  if (looked.text.empty() || looked.text[0] != '=') return unavailable(looked.text.substr(looked.text.empty() ? 0 : 1));
  return looked.text.substr(1);
}

Result<std::string> installed_shim(bool queued) {
  const std::string path = installation_prefix() + "/lib/lithos/cuda/" + (queued ? "libcuda_queued.so.1" : "libcuda.so.1");
  std::error_code error;
  if (fs::exists(path, error)) return path;
  return not_found(path + " is not there: LithOS was built without a CUDA Toolkit" + (queued ? ", or not for x86-64" : ""));
}

Result<std::string> make_shim_folder(const std::string& shim, const std::string& driver) {
  // Another shim or driver gets another folder: programs that run keep theirs.
  const std::string name = fmt::format("shim-{:016x}", std::hash<std::string>{}(shim + '\n' + driver));
  std::vector<std::string> places;
  if (const std::string runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty())
    places.push_back(runtime + "/lithos");
  places.push_back(fmt::format("/tmp/lithos-{}", ::geteuid()));
  for (const std::string& place : places)
    if (fill(fs::path(place) / name, shim, driver)) return place + "/" + name;
  return unavailable(
      fmt::format("cannot make the folder that puts the shim before the driver (tried {})", fmt::join(places, ", ")));
}

std::string map_folder() {
  if (const std::string folder = environment("LITHOS_MAP_DIR"); !folder.empty()) return folder + "/";
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return cache + "/lithos/tpc-maps/";
  return environment("HOME") + "/.cache/lithos/tpc-maps/";
}

}  // namespace lithos
