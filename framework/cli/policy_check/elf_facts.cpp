// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/elf_facts.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

namespace lithos {
namespace {

// The file's bytes; every access is checked against their number.
class Image {
 public:
  explicit Image(std::vector<char> bytes) : bytes_(std::move(bytes)) {}

  std::size_t size() const { return bytes_.size(); }
  template <class T>
  std::optional<T> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || sizeof(T) > bytes_.size() - offset) return std::nullopt;
    T out;
    std::memcpy(&out, bytes_.data() + offset, sizeof out);
    return out;
  }
  // The text that begins there, up to its NUL or the end of the file.
  std::string text(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return {};
    return {bytes_.data() + offset, strnlen(bytes_.data() + offset, bytes_.size() - offset)};
  }
  // The index-th of the `size / sizeof(T)` elements of a section.
  template <class T>
  std::optional<T> element(const Elf64_Shdr& section, std::uint64_t index) const {
    if (index >= section.sh_size / sizeof(T)) return std::nullopt;
    return at<T>(section.sh_offset + index * sizeof(T));
  }

 private:
  std::vector<char> bytes_;
};

void read_dynamic(const Image& image, const Elf64_Shdr& section, std::uint64_t strings, ElfFacts& facts) {
  for (std::uint64_t i = 0;; ++i) {
    const auto entry = image.element<Elf64_Dyn>(section, i);
    if (!entry || entry->d_tag == DT_NULL) return;
    if (entry->d_tag == DT_NEEDED) facts.needed.push_back(image.text(strings + entry->d_un.d_val));
    if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0))
      facts.text_relocations = true;
    if (entry->d_tag == DT_FLAGS_1 && (entry->d_un.d_val & DF_1_NODELETE) != 0) facts.no_delete = true;
  }
}

void read_symbols(const Image& image, const Elf64_Shdr& section, std::uint64_t strings, ElfFacts& facts) {
  for (std::uint64_t i = 1;; ++i) {
    const auto symbol = image.element<Elf64_Sym>(section, i);
    if (!symbol) return;
    const unsigned binding = ELF64_ST_BIND(symbol->st_info);
    if (binding == STB_LOCAL) continue;
    std::string name = image.text(strings + symbol->st_name);
    if (symbol->st_shndx == SHN_UNDEF) {
      facts.imported.push_back(std::move(name));
      continue;
    }
    if (symbol->st_shndx == SHN_ABS) continue;  // names of symbol versions
    if (binding == STB_GNU_UNIQUE) facts.unique.push_back(name);
    facts.exported.push_back(std::move(name));
  }
}

void read_stack(const Image& image, const Elf64_Ehdr& header, ElfFacts& facts) {
  facts.executable_stack = true;  // what a missing header means
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = image.at<Elf64_Phdr>(header.e_phoff + std::uint64_t{i} * sizeof(Elf64_Phdr));
    if (segment && segment->p_type == PT_GNU_STACK) facts.executable_stack = (segment->p_flags & PF_X) != 0;
  }
}

}  // namespace

bool ElfFacts::imports(const std::string& name) const {
  return std::find(imported.begin(), imported.end(), name) != imported.end();
}

bool ElfFacts::needs(const std::string& prefix) const {
  return std::any_of(needed.begin(), needed.end(), [&](const std::string& name) { return name.starts_with(prefix); });
}

Result<ElfFacts> read_elf_facts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found(path + ": cannot be read");
  const Image image{std::vector<char>{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}};
  const auto header = image.at<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_type != ET_DYN)
    return invalid_argument(path + ": not a 64-bit ELF shared object");

  ElfFacts facts;
  facts.bytes = image.size();
  read_stack(image, *header, facts);
  const auto section_at = [&](std::uint64_t index) {
    return image.at<Elf64_Shdr>(header->e_shoff + index * sizeof(Elf64_Shdr));
  };
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto section = section_at(i);
    if (!section || (section->sh_type != SHT_DYNAMIC && section->sh_type != SHT_DYNSYM)) continue;
    const auto strings = section_at(section->sh_link);
    if (!strings) return invalid_argument(path + ": damaged: a section without its strings");
    if (section->sh_type == SHT_DYNAMIC) read_dynamic(image, *section, strings->sh_offset, facts);
    else read_symbols(image, *section, strings->sh_offset, facts);
  }
  return facts;
}

}  // namespace lithos
