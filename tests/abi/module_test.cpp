// SPDX-License-Identifier: Apache-2.0
// Loading: good and broken libraries, exact messages, private copies, and that unloading really unloads.
#include "policy_host/module.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "policy_host/policy_library.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

std::string module_path(const std::string& name) { return std::string(MODULES) + "/" + name + ".so"; }
std::string broken_path(const std::string& name) { return std::string(BROKEN) + "/" + name + ".so"; }

std::string load_error(const std::string& path) {
  const auto library = PolicyLibrary::load(path);
  if (library.ok()) return "it loaded";
  EXPECT_THAT(library.status().message(), StartsWith(path + ": "));
  return library.status().message().substr(path.size() + 2);
}

StatusCode load_code(const std::string& path) { return PolicyLibrary::load(path).status().code(); }

// Whether the process has a file of this name mapped.
bool is_mapped(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(path) != std::string::npos) return true;
  return false;
}

class ScratchFolder {
 public:
  ScratchFolder() {
    char name[] = "/tmp/lithos_abi_test_XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~ScratchFolder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(ModuleTest, LoadsPoliciesInCAndInCxx) {
  for (const char* name : {"abi_plain_c", "abi_several", "hermetic/abi_hermetic"}) {
    const auto library = PolicyLibrary::load(module_path(name));
    ASSERT_TRUE(library.ok()) << library.status().message();
    EXPECT_GE(library.value()->policies().size(), 1u);
    EXPECT_EQ(library.value()->module().hash().size(), 16u);
  }
}

TEST(ModuleTest, LoadsFromAPrivateCopyThatNobodyElseCanRead) {
  const auto library = PolicyLibrary::load(module_path("abi_several"));
  ASSERT_TRUE(library.ok());
  const std::string copy = library.value()->module().copy_path();
  EXPECT_FALSE(is_mapped(module_path("abi_several")));
  EXPECT_TRUE(is_mapped(copy));
  EXPECT_THAT(copy, HasSubstr(library.value()->module().hash()));
  struct stat info {};
  ASSERT_EQ(::stat(fs::path(copy).parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

// A daemon that is killed a thousand times must not fill the disk.
TEST(ModuleTest, WhatAKilledProcessLeftIsRemovedByTheNext) {
  const ScratchFolder runtime;  // where nobody else's are
  ::setenv("XDG_RUNTIME_DIR", fs::path(runtime.file("x")).parent_path().c_str(), 1);
  int copied[2];
  ASSERT_EQ(::pipe(copied), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto library = PolicyLibrary::load(module_path("abi_several"));
    const std::string path = library.ok() ? library.value()->module().copy_path() : "";
    (void)!::write(copied[1], path.data(), path.size());
    ::kill(::getpid(), SIGKILL);
  }
  ::close(copied[1]);
  char text[256] = {};
  ASSERT_GT(::read(copied[0], text, sizeof text - 1), 0);
  ::close(copied[0]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const fs::path folder = fs::path(text).parent_path();
  EXPECT_TRUE(fs::exists(folder)) << "a killed process cannot clean up";
  { ASSERT_TRUE(PolicyLibrary::load(module_path("abi_plain_c")).ok()); }
  EXPECT_FALSE(fs::exists(folder));
  ::unsetenv("XDG_RUNTIME_DIR");
}

TEST(ModuleTest, UnloadingReallyUnloadsAndLeavesNoFile) {
  const std::uint64_t leaked = Module::leaked();
  for (const char* name : {"abi_plain_c", "abi_several", "hermetic/abi_hermetic"}) {
    std::string copy;
    {
      const auto library = PolicyLibrary::load(module_path(name));
      ASSERT_TRUE(library.ok());
      copy = library.value()->module().copy_path();
      EXPECT_TRUE(is_mapped(copy));
    }
    EXPECT_FALSE(is_mapped(copy)) << name;
    EXPECT_FALSE(fs::exists(copy));
    EXPECT_FALSE(fs::exists(fs::path(copy).parent_path()));
  }
  EXPECT_EQ(Module::leaked(), leaked);
}

TEST(ModuleTest, ALibraryThatStaysIsCounted) {
  const std::uint64_t leaked = Module::leaked();
  { ASSERT_TRUE(PolicyLibrary::load(broken_path("abi_never_unloads")).ok()); }
  EXPECT_EQ(Module::leaked(), leaked + 1);
}

TEST(ModuleTest, ARebuiltLibraryUnderTheSamePathIsTheNewOne) {
  const ScratchFolder scratch;
  const std::string path = scratch.file("policy.so");
  fs::copy_file(module_path("abi_plain_c"), path);
  const auto first = PolicyLibrary::load(path);
  ASSERT_TRUE(first.ok());
  fs::copy_file(module_path("abi_several"), path, fs::copy_options::overwrite_existing);  // in place, while mapped
  const auto second = PolicyLibrary::load(path);
  ASSERT_TRUE(second.ok());
  EXPECT_STREQ(first.value()->policies()[0]->id, "org.lithos.test.plain_c");
  EXPECT_STREQ(second.value()->policies()[0]->id, "org.lithos.test.several.scheduler");
  EXPECT_NE(first.value()->module().hash(), second.value()->module().hash());
}

TEST(ModuleTest, TheSameFileTwiceIsTwoIndependentCopies) {
  const auto first = PolicyLibrary::load(module_path("abi_several"));
  const auto second = PolicyLibrary::load(module_path("abi_several"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first.value()->policies()[0], second.value()->policies()[0]);
  EXPECT_EQ(first.value()->module().hash(), second.value()->module().hash());
}

TEST(ModuleTest, FilesThatAreNoLibraries) {
  const ScratchFolder scratch;
  EXPECT_EQ(load_error(scratch.file("missing.so")), "No such file or directory");
  EXPECT_EQ(load_code(scratch.file("missing.so")), StatusCode::not_found);
  EXPECT_EQ(load_error("/tmp"), "not a regular file");
  ASSERT_EQ(::mkfifo(scratch.file("fifo.so").c_str(), 0600), 0);
  EXPECT_EQ(load_error(scratch.file("fifo.so")), "not a regular file");
  std::ofstream(scratch.file("text.so")) << "#!/bin/sh\necho I am a script, long enough to hold an ELF header\n";
  EXPECT_EQ(load_error(scratch.file("text.so")), "not an ELF shared object");
  std::ofstream(scratch.file("empty.so")).flush();
  EXPECT_EQ(load_error(scratch.file("empty.so")), "not an ELF shared object");
}

TEST(ModuleTest, DamagedAndForeignElfFiles) {
  const ScratchFolder scratch;
  std::ifstream in(module_path("abi_plain_c"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (const std::size_t kept : {std::size_t{64}, std::size_t{1000}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(scratch.file("cut.so"), std::ios::binary) << bytes.substr(0, kept);
    EXPECT_THAT(load_error(scratch.file("cut.so")), StartsWith("damaged or cut short")) << kept;
  }
  std::string stripped = bytes;  // of its section table (e_shoff, e_shnum), as some tools do: the segments tell
  std::fill_n(stripped.begin() + 40, 8, '\0');
  std::fill_n(stripped.begin() + 60, 2, '\0');
  std::ofstream(scratch.file("stripped.so"), std::ios::binary) << stripped.substr(0, stripped.size() / 4);
  EXPECT_THAT(load_error(scratch.file("stripped.so")), StartsWith("damaged or cut short"));
  std::string no_dynamic = bytes;  // the headers stay, what they describe is nonsense
  for (std::size_t i = 64; i < 64 + 56 * 12 && i < no_dynamic.size(); i += 56) no_dynamic[i] = 0;  // p_type: none
  std::ofstream(scratch.file("nothing.so"), std::ios::binary) << no_dynamic;
  EXPECT_THAT(load_error(scratch.file("nothing.so")), StartsWith("cannot be loaded: "));

  std::string foreign = bytes;
  foreign[18] = 0x08, foreign[19] = 0;  // e_machine: MIPS
  std::ofstream(scratch.file("foreign.so"), std::ios::binary) << foreign;
  EXPECT_THAT(load_error(scratch.file("foreign.so")), StartsWith("built for another machine (ELF class 2, machine 8;"));
  EXPECT_EQ(load_code(scratch.file("foreign.so")), StatusCode::incompatible);

  std::string object = bytes;
  object[16] = 1;  // e_type: relocatable
  std::ofstream(scratch.file("object.so"), std::ios::binary) << object;
  EXPECT_EQ(load_error(scratch.file("object.so")), "ELF type 1, expected a shared object (3)");
}

TEST(ModuleTest, LibrariesOfOtherAbis) {
  EXPECT_EQ(load_error(broken_path("abi_other_major")), "built for policy ABI 2, this host speaks policy ABI 1");
  EXPECT_EQ(load_code(broken_path("abi_other_major")), StatusCode::incompatible);
  EXPECT_EQ(load_error(broken_path("abi_newer_minor")),
            "built for policy ABI 1.3, this host speaks 1.2: it needs a newer LithOS");
  EXPECT_EQ(load_code(broken_path("abi_newer_minor")), StatusCode::incompatible);
  EXPECT_EQ(load_error(broken_path("abi_no_entry")), "not a policy library: it exports no lithos_policy_library_v1()");
  EXPECT_EQ(load_error(module_path("abi_recorder")), "this is a plugin library, expected a policy library");
}

TEST(ModuleTest, LibrariesWithBrokenTables) {
  EXPECT_EQ(load_error(broken_path("abi_null_decide")),
            "policy org.lithos.test.broken: mandatory operation decide is NULL");
  EXPECT_EQ(load_error(broken_path("abi_short_library")),
            "the library table has struct_size 8, expected at least " + std::to_string(sizeof(lithos_policy_library)));
  EXPECT_EQ(load_error(broken_path("abi_bad_default")),
            "policy org.lithos.test.broken: parameter \"picks\" has default 99 outside its range 1 … 64");
  EXPECT_EQ(load_error(broken_path("abi_twice")), "the library holds policy org.lithos.test.broken twice");
  EXPECT_EQ(load_error(broken_path("abi_bad_kind")),
            "policy org.lithos.test.broken has kind 17, expected 1 (scheduler) … 4 (dvfs)");
  EXPECT_EQ(load_error(broken_path("abi_null_table")), "lithos_policy_library_v1() returned NULL");
  EXPECT_EQ(load_error(broken_path("abi_throwing_entry")), "its entry function threw an exception");
}

}  // namespace
}  // namespace lithos
