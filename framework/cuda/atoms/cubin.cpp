// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/cubin.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace lithos::cuda {
namespace {

constexpr std::uint16_t kMachineCuda = 190;
// Since ELF ABI version 8 (CUDA 13) the architecture is bits 8–15 of e_flags, before it bits 0–7.
constexpr std::uint8_t kAbiVersionNew = 8;

// The only way bytes are read: false if they are not all inside the file.
template <class T>
bool load(std::span<const std::byte> file, std::uint64_t offset, T& out) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return false;
  std::memcpy(&out, file.data() + offset, sizeof(T));
  return true;
}

bool inside(std::span<const std::byte> file, std::uint64_t offset, std::uint64_t size) {
  return offset <= file.size() && size <= file.size() - offset;
}

// A name must end inside the string table.
bool name_at(std::span<const std::byte> names, std::uint32_t offset, std::string_view& out) {
  if (offset >= names.size()) return false;
  const auto* begin = reinterpret_cast<const char*>(names.data()) + offset;
  const auto* end = static_cast<const char*>(std::memchr(begin, 0, names.size() - offset));
  if (end == nullptr) return false;
  out = {begin, static_cast<std::size_t>(end - begin)};
  return true;
}

Status check_header(std::span<const std::byte> file, Elf64_Ehdr& header) {
  if (file.size() > Cubin::kMaxBytes) return invalid_argument("the cubin is larger than 256 MiB");
  if (!load(file, 0, header)) return invalid_argument("the file is too short for a cubin");
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return invalid_argument("not an ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return invalid_argument("not a 64-bit little-endian ELF file");
  if (header.e_machine != kMachineCuda) return invalid_argument("the ELF file is not for a CUDA device");
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return invalid_argument("section headers have an unknown size");
  if (!inside(file, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr)))
    return invalid_argument("the section headers lie outside the file");
  if (header.e_shstrndx >= header.e_shnum) return invalid_argument("the section of names does not exist");
  return {};
}

// The caller has checked that all headers lie inside the file.
Elf64_Shdr section_header(std::span<const std::byte> file, const Elf64_Ehdr& header, std::size_t index) {
  Elf64_Shdr section{};
  (void)load(file, header.e_shoff + index * sizeof(Elf64_Shdr), section);
  return section;
}

bool occupies_file(const Elf64_Shdr& section) { return section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL; }

}  // namespace

Result<Cubin> Cubin::read(std::span<const std::byte> file) {
  Elf64_Ehdr header{};
  if (Status status = check_header(file, header); !status.ok()) return status;
  const Elf64_Shdr names_header = section_header(file, header, header.e_shstrndx);
  if (names_header.sh_type != SHT_STRTAB || !inside(file, names_header.sh_offset, names_header.sh_size))
    return invalid_argument("the names of the sections lie outside the file");
  const auto names = file.subspan(names_header.sh_offset, names_header.sh_size);

  Cubin cubin;
  cubin.sm_ = header.e_ident[EI_ABIVERSION] >= kAbiVersionNew ? header.e_flags >> 8 & 0xff : header.e_flags & 0xff;
  cubin.sections_.reserve(header.e_shnum);
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr raw = section_header(file, header, i);
    CubinSection section;
    if (!name_at(names, raw.sh_name, section.name))
      return invalid_argument("the name of section " + std::to_string(i) + " lies outside the file");
    section.type = raw.sh_type;
    section.info = raw.sh_info;
    if (occupies_file(raw)) {
      if (!inside(file, raw.sh_offset, raw.sh_size))
        return invalid_argument("section " + std::to_string(i) + " lies outside the file");
      section.offset = raw.sh_offset;
      section.size = raw.sh_size;
    }
    cubin.sections_.push_back(section);
  }
  return cubin;
}

const CubinSection* Cubin::find(std::string_view name) const {
  const auto found =
      std::find_if(sections_.begin(), sections_.end(), [&](const CubinSection& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

const CubinSection* Cubin::code_of(std::string_view kernel) const {
  constexpr std::string_view kPrefix = ".text.";
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](const CubinSection& s) {
    return s.name.size() == kPrefix.size() + kernel.size() && s.name.starts_with(kPrefix) && s.name.ends_with(kernel);
  });
  return found == sections_.end() ? nullptr : &*found;
}

}  // namespace lithos::cuda
