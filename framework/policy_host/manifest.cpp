// SPDX-License-Identifier: Apache-2.0
#include "policy_host/manifest.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "lithos/manifest.h"
#include "policy_host/private_copy.hpp"
#include "policy_host/search_path.hpp"

namespace lithos {
namespace {

// The bytes of an ELF file; nothing outside them is ever touched.
class ElfFile {
 public:
  explicit ElfFile(std::span<const char> bytes) : bytes_(bytes) {
    Elf64_Ehdr header{};
    if (!copy(0, header) || header.e_shentsize != sizeof(Elf64_Shdr)) return;
    for (std::uint32_t i = 0; i < header.e_shnum; ++i) {
      Elf64_Shdr section;
      if (!copy(header.e_shoff + i * sizeof section, section)) return;
      sections_.push_back(section);
    }
    for (std::uint32_t i = 0; i < header.e_phnum && header.e_phentsize == sizeof(Elf64_Phdr); ++i) {
      Elf64_Phdr segment;
      if (!copy(header.e_phoff + i * sizeof segment, segment)) return;
      segments_.push_back(segment);
    }
    if (header.e_shstrndx < sections_.size()) names_ = content(sections_[header.e_shstrndx]);
  }

  std::span<const Elf64_Shdr> sections() const { return sections_; }
  std::span<const Elf64_Phdr> segments() const { return segments_; }
  std::string_view name(const Elf64_Shdr& section) const { return text(names_, section.sh_name); }

  std::string_view content(const Elf64_Shdr& section) const {
    if (section.sh_type == SHT_NOBITS || section.sh_offset > bytes_.size() ||
        section.sh_size > bytes_.size() - section.sh_offset)
      return {};
    return {bytes_.data() + section.sh_offset, section.sh_size};
  }
  std::string_view linked(const Elf64_Shdr& section) const {
    return section.sh_link < sections_.size() ? content(sections_[section.sh_link]) : std::string_view();
  }
  static std::string_view text(std::string_view table, std::size_t at) {
    if (at >= table.size()) return {};
    const std::string_view rest = table.substr(at);
    return rest.substr(0, rest.find('\0'));
  }
  template <class Entry, class Visit>
  void for_each_entry(const Elf64_Shdr& section, Visit&& visit) const {
    const std::string_view entries = content(section);
    for (std::size_t at = 0; at + sizeof(Entry) <= entries.size(); at += sizeof(Entry)) {
      Entry entry;
      std::memcpy(&entry, entries.data() + at, sizeof entry);
      visit(entry);
    }
  }

 private:
  template <class T>
  bool copy(std::uint64_t at, T& out) const {
    if (at > bytes_.size() || sizeof(T) > bytes_.size() - at) return false;
    std::memcpy(&out, bytes_.data() + at, sizeof(T));
    return true;
  }

  std::span<const char> bytes_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Phdr> segments_;
  std::string_view names_;
};

std::string terminated(const char* text, std::size_t size) { return {text, strnlen(text, size)}; }

Status check_note(const std::string& path, const lithos_manifest& note) {
  if (note.note_type != LITHOS_MANIFEST_NOTE_TYPE || std::memcmp(note.name, "LithOS", 7) != 0)
    return invalid_argument(path + ": its manifest is damaged");
  if (note.abi_major != LITHOS_POLICY_ABI_MAJOR || note.abi_minor > LITHOS_POLICY_ABI_MINOR)
    return incompatible(fmt::format("{}: built for policy ABI {}.{}, this host speaks {}.{}", path, note.abi_major,
                                    note.abi_minor, LITHOS_POLICY_ABI_MAJOR, LITHOS_POLICY_ABI_MINOR));
  if (note.struct_size < sizeof(lithos_manifest) || note.n_policies == 0 ||
      note.n_policies > LITHOS_MANIFEST_POLICIES_MAX)
    return invalid_argument(path + ": its manifest is damaged");
  return {};
}

Status read_note(const ElfFile& elf, PolicyManifest& manifest) {
  for (const Elf64_Shdr& section : elf.sections()) {
    if (elf.name(section) != LITHOS_MANIFEST_SECTION) continue;
    const std::string_view bytes = elf.content(section);
    lithos_manifest note{};
    if (bytes.size() < sizeof note) return invalid_argument(manifest.path + ": its manifest is damaged");
    std::memcpy(&note, bytes.data(), sizeof note);
    if (Status status = check_note(manifest.path, note); !status.ok()) return status;
    manifest.abi_major = note.abi_major;
    manifest.abi_minor = note.abi_minor;
    for (std::uint32_t i = 0; i < note.n_policies; ++i) {
      const lithos_manifest_policy& policy = note.policy[i];
      if (policy.kind < LITHOS_KIND_SCHEDULER || policy.kind > LITHOS_KIND_DVFS)
        return invalid_argument(
            fmt::format("{}: its manifest names a policy of unknown kind {}", manifest.path, policy.kind));
      manifest.policies.push_back({static_cast<PolicyKind>(policy.kind), terminated(policy.id, sizeof policy.id),
                                   terminated(policy.version, sizeof policy.version)});
    }
    return {};
  }
  return invalid_argument(manifest.path + ": no manifest (" LITHOS_MANIFEST_SECTION
                                          "): build it with lithos_add_policy()");
}

// Libraries that a policy must not bring into the daemon: policies decide and cannot act.
bool is_driver(std::string_view library) {
  return library.starts_with("libcuda") || library.starts_with("libnvidia") || library.starts_with("libnvrtc");
}

std::optional<std::string> lint_dynamic(const ElfFile& elf, const Elf64_Shdr& section) {
  std::optional<std::string> wrong;
  elf.for_each_entry<Elf64_Dyn>(section, [&](const Elf64_Dyn& entry) {
    if (entry.d_tag == DT_NEEDED) {
      const std::string_view library = ElfFile::text(elf.linked(section), entry.d_un.d_val);
      if (is_driver(library)) wrong = fmt::format("it links {}: a policy decides and cannot act", library);
    } else if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_NODELETE) != 0) {
      wrong = "it is marked NODELETE: it could never be unloaded";
    } else if (entry.d_tag == DT_TEXTREL) {
      wrong = "it needs text relocations";
    }
  });
  return wrong;
}

std::optional<std::string> lint_symbols(const ElfFile& elf, const Elf64_Shdr& section) {
  std::optional<std::string> wrong;
  elf.for_each_entry<Elf64_Sym>(section, [&](const Elf64_Sym& symbol) {
    const std::string_view name = ElfFile::text(elf.linked(section), symbol.st_name);
    const bool defined = symbol.st_shndx != SHN_UNDEF;
    if (defined && ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE)
      wrong = fmt::format(
          "it defines the unique symbol {}: it could never be unloaded (lithos_add_policy() avoids this)", name);
    else if (!defined && name == "__cxa_thread_atexit")
      wrong = "it has a thread_local with a destructor: it could never be unloaded";
  });
  return wrong;
}

Status lint(const ElfFile& elf, const std::string& path) {
  for (const Elf64_Phdr& segment : elf.segments())
    if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X) != 0)
      return invalid_argument(path + ": it needs an executable stack");
  for (const Elf64_Shdr& section : elf.sections()) {
    std::optional<std::string> wrong;
    if (section.sh_type == SHT_DYNAMIC) wrong = lint_dynamic(elf, section);
    else if (section.sh_type == SHT_DYNSYM) wrong = lint_symbols(elf, section);
    if (wrong) return invalid_argument(path + ": " + *wrong);
  }
  return {};
}

}  // namespace

Result<PolicyManifest> read_manifest(const std::string& path) {
  Result<LibraryFile> file = read_library_file(path);
  if (!file.ok()) return file.status();
  PolicyManifest manifest;
  manifest.path = path;
  manifest.hash = file->hash;
  const ElfFile elf(file->bytes);
  if (Status status = read_note(elf, manifest); !status.ok()) return status;
  if (Status status = lint(elf, path); !status.ok()) return status;
  return manifest;
}

std::vector<PolicyManifest> read_manifests(const std::vector<std::string>& folders,
                                           std::vector<std::string>& problems) {
  std::vector<PolicyManifest> found;
  for (const std::string& folder : folders) {
    for (const std::string& path : libraries_in(folder)) {
      Result<PolicyManifest> manifest = read_manifest(path);
      if (manifest.ok()) found.push_back(std::move(manifest).value());
      else problems.push_back(manifest.status().message());
    }
  }
  return found;
}

}  // namespace lithos
