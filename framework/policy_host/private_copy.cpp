// SPDX-License-Identifier: Apache-2.0
#include "policy_host/private_copy.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "policy_host/private_folder.hpp"

namespace lithos {
namespace {

constexpr std::size_t kLibraryBytesMax = std::size_t{256} << 20;

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#else
#error "add this machine's ELF number"
#endif

std::string fnv1a(const std::vector<char>& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return fmt::format("{:016x}", hash);
}

// Every part that the headers name must lie within the file: mapping what does not exist is a SIGBUS inside the loader.
Status check_extent(const std::string& path, const std::vector<char>& bytes, const Elf64_Ehdr& header) {
  const auto within = [&](std::uint64_t offset, std::uint64_t size) {
    return offset <= bytes.size() && size <= bytes.size() - offset;
  };
  const Status damaged = invalid_argument(
      fmt::format("{}: damaged or cut short: its headers name parts beyond its {} bytes", path, bytes.size()));
  if (!within(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr)) ||
      !within(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize) ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return damaged;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (!within(segment.p_offset, segment.p_filesz)) return damaged;
  }
  return {};
}

Status check_elf(const std::string& path, const std::vector<char>& bytes) {
  if (bytes.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return invalid_argument(path + ": not an ELF shared object");
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine)
    return incompatible(fmt::format("{}: built for another machine (ELF class {}, machine {}; expected {}, {})", path,
                                    unsigned{header.e_ident[EI_CLASS]}, header.e_machine, unsigned{ELFCLASS64},
                                    kMachine));
  if (header.e_type != ET_DYN)
    return invalid_argument(fmt::format("{}: ELF type {}, expected a shared object ({})", path, header.e_type, ET_DYN));
  return check_extent(path, bytes, header);
}

Result<std::vector<char>> read_library(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const std::string message = fmt::format("{}: {}", path, std::strerror(errno));
    return errno == ENOENT || errno == ENOTDIR ? not_found(message) : unavailable(message);
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return unavailable(fmt::format("{}: {}", path, std::strerror(errno)));
  if (!S_ISREG(info.st_mode)) return invalid_argument(path + ": not a regular file");
  if (static_cast<std::size_t>(info.st_size) > kLibraryBytesMax)
    return exhausted(fmt::format("{}: {} bytes, expected at most {}", path, info.st_size, kLibraryBytesMax));
  std::vector<char> bytes(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return unavailable(fmt::format("{}: {}", path, n < 0 ? std::strerror(errno) : "shrank while read"));
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

Status write_file(const std::string& path, const std::vector<char>& bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
  if (file.get() < 0) return unavailable(fmt::format("{}: {}", path, std::strerror(errno)));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Status status = unavailable(fmt::format("{}: {}", path, std::strerror(errno)));
      ::unlink(path.c_str());
      return status;
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

PrivateCopy::PrivateCopy(std::shared_ptr<PrivateFolder> folder, std::string path, std::string hash)
    : folder_(std::move(folder)), path_(std::move(path)), hash_(std::move(hash)) {}

PrivateCopy::~PrivateCopy() {
  if (folder_ != nullptr) ::unlink(path_.c_str());
}

Result<LibraryFile> read_library_file(const std::string& path) {
  Result<std::vector<char>> bytes = read_library(path);
  if (!bytes.ok()) return bytes.status();
  if (Status status = check_elf(path, bytes.value()); !status.ok()) return status;
  LibraryFile file;
  file.hash = fnv1a(bytes.value());
  file.bytes = std::move(bytes).value();
  return file;
}

Result<PrivateCopy> PrivateCopy::of(const std::string& path) {
  Result<LibraryFile> file = read_library_file(path);
  if (!file.ok()) return file.status();
  Result<std::shared_ptr<PrivateFolder>> folder = PrivateFolder::shared();
  if (!folder.ok()) return folder.status();

  std::string stem = path.substr(path.rfind('/') + 1);
  if (stem.ends_with(".so")) stem.resize(stem.size() - 3);
  const std::string& hash = file->hash;
  const std::string copy =
      fmt::format("{}/{}-{}-{}.so", folder.value()->path(), stem, hash, folder.value()->next_number());
  if (Status status = write_file(copy, file->bytes); !status.ok()) return status;
  return PrivateCopy(folder.value(), copy, hash);
}

}  // namespace lithos
