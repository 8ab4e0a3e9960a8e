// SPDX-License-Identifier: Apache-2.0
#include "policy_host/module.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <boost/dll/shared_library.hpp>
#include <cstdint>
#include <exception>
#include <utility>

#include "policy_host/private_copy.hpp"

namespace lithos {
namespace {

std::atomic<std::uint64_t> leaked_modules = 0;

// The loader's text for its last error. It names the private copy, which says nothing to a person: that part goes.
std::string loader_error(const std::string& copy_path) {
  const char* text = ::dlerror();
  std::string message = text != nullptr ? text : "the loader gave no reason";
  for (std::size_t at; (at = message.find(copy_path + ": ")) != std::string::npos;)
    message.erase(at, copy_path.size() + 2);
  return message;
}

// What a library without the wanted entry function is instead.
Status explain_missing_entry(const boost::dll::shared_library& library, const std::string& path,
                             const ModuleEntry& wanted) {
  constexpr unsigned kMajorsKnown = 16;  // future majors that are worth a precise message
  for (unsigned major = 0; major < kMajorsKnown; ++major) {
    if (major == wanted.major || !library.has(fmt::format("{}{}", wanted.prefix, major))) continue;
    return incompatible(
        fmt::format("{}: built for {} {}, this host speaks {} {}", path, wanted.abi, major, wanted.abi, wanted.major));
  }
  for (const ModuleEntry& other : {kPolicyEntry, kServiceEntry}) {
    if (std::string_view(other.prefix) == wanted.prefix) continue;
    if (library.has(fmt::format("{}{}", other.prefix, other.major)))
      return invalid_argument(
          fmt::format("{}: this is a {} library, expected a {} library", path, other.what, wanted.what));
  }
  return invalid_argument(
      fmt::format("{}: not a {} library: it exports no {}{}()", path, wanted.what, wanted.prefix, wanted.major));
}

// Brings the library's pages in now, on the thread that prepares: else the first one to run it pays a page fault for each, and that is the
// engine's, in the middle of an exchange. Kernels before 5.14 do not know how; nothing but that time is lost.
void touch_all_pages(const std::string& path) {
  constexpr int kPopulateRead = 22, kPopulateWrite = 23;  // MADV_*, newer than some C libraries
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* wanted) {
        if (*static_cast<const std::string*>(wanted) != object->dlpi_name) return 0;
        const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        for (unsigned i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) continue;
          const std::uintptr_t from = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
          const std::uintptr_t length = object->dlpi_addr + segment.p_vaddr + segment.p_memsz - from;
          // A part of a writable segment may be read-only by now: then it is at least read in.
          void* const at = reinterpret_cast<void*>(from);
          if ((segment.p_flags & PF_W) == 0 || ::madvise(at, length, kPopulateWrite) != 0) (void)::madvise(at, length, kPopulateRead);
        }
        return 1;
      },
      const_cast<std::string*>(&path));
}

}  // namespace

struct Module::Impl {
  Impl(std::string given_path, PrivateCopy private_copy) : path(std::move(given_path)), copy(std::move(private_copy)) {}

  std::string path;
  PrivateCopy copy;
  boost::dll::shared_library library;
  EntryFunction entry = nullptr;
};

Module::Module(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Module::~Module() {
  if (!impl_->library.is_loaded()) return;
  impl_->library.unload();  // ignores dlclose's result, which says nothing about residency anyway
  if (void* still = ::dlopen(impl_->copy.path().c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD); still != nullptr) {
    ::dlclose(still);
    leaked_modules.fetch_add(1, std::memory_order_relaxed);
  }
}

Result<std::shared_ptr<Module>> Module::open(const std::string& path, const ModuleEntry& entry) {
  Result<PrivateCopy> copy = PrivateCopy::of(path);
  if (!copy.ok()) return copy.status();
  std::shared_ptr<Module> module(new Module(std::make_unique<Impl>(path, std::move(copy).value())));
  Impl& impl = *module->impl_;
  try {
    using boost::dll::load_mode::rtld_local;
    using boost::dll::load_mode::rtld_now;
    boost::dll::fs::error_code error;
    impl.library.load(impl.copy.path(), error, rtld_now | rtld_local);
    if (error) return invalid_argument(fmt::format("{}: cannot be loaded: {}", path, loader_error(impl.copy.path())));
    touch_all_pages(impl.copy.path());
    const std::string symbol = fmt::format("{}{}", entry.prefix, entry.major);
    if (!impl.library.has(symbol)) return explain_missing_entry(impl.library, path, entry);
    impl.entry = &impl.library.get<const void*()>(symbol);
  } catch (const std::exception& error) { return internal_error(fmt::format("{}: {}", path, error.what())); }
  return module;
}

Result<const void*> Module::call_entry() const {
  try {
    return impl_->entry();
  } catch (...) { return invalid_argument(impl_->path + ": its entry function threw an exception"); }
}

const std::string& Module::path() const { return impl_->path; }
const std::string& Module::copy_path() const { return impl_->copy.path(); }
const std::string& Module::hash() const { return impl_->copy.hash(); }
std::uint64_t Module::leaked() { return leaked_modules.load(std::memory_order_relaxed); }

}  // namespace lithos
