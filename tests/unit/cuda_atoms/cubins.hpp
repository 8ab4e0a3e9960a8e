// SPDX-License-Identifier: Apache-2.0
// Cubins for tests: those that ptxas made in this build, and one made here byte by byte, so that the reader is tested without a toolkit.
#pragma once

#include <elf.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "cuda/atoms/instruction.hpp"

namespace lithos::cuda::test {

using Bytes = std::vector<std::byte>;

inline Bytes read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// Empty without a CUDA Toolkit.
inline std::vector<std::string> compiled_cubins() {
  std::vector<std::string> paths;
  std::istringstream list(LITHOS_PRELUDE_CUBINS);
  for (std::string path; std::getline(list, path, ':');) paths.push_back(path);
  return paths;
}

// An ELF file with one `.text.<kernel>` section: header, code, names, section headers.
inline Bytes make_cubin(const std::string& kernel, const std::vector<Instruction>& code, unsigned sm = 90) {
  const std::string names = std::string("\0.shstrtab\0.text.", 17) + kernel + '\0';
  const std::size_t code_at = sizeof(Elf64_Ehdr), code_size = code.size() * kInstructionBytes;
  const std::size_t names_at = code_at + code_size, headers_at = (names_at + names.size() + 7) / 8 * 8;
  Bytes bytes(headers_at + 3 * sizeof(Elf64_Shdr));
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64, header.e_ident[EI_DATA] = ELFDATA2LSB, header.e_ident[EI_ABIVERSION] = 8;
  header.e_type = ET_EXEC, header.e_machine = 190, header.e_flags = 0x6000004u | sm << 8;
  header.e_shoff = headers_at, header.e_shentsize = sizeof(Elf64_Shdr), header.e_shnum = 3, header.e_shstrndx = 1;
  Elf64_Shdr sections[3]{};
  sections[1].sh_name = 1, sections[1].sh_type = SHT_STRTAB, sections[1].sh_offset = names_at,
  sections[1].sh_size = names.size();
  sections[2].sh_name = 11, sections[2].sh_type = SHT_PROGBITS, sections[2].sh_offset = code_at,
  sections[2].sh_size = code_size;
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!code.empty()) std::memcpy(bytes.data() + code_at, code.data(), code_size);
  std::memcpy(bytes.data() + names_at, names.data(), names.size());
  std::memcpy(bytes.data() + headers_at, sections, sizeof sections);
  return bytes;
}

// lithos_prelude_x as ptxas 13.0 makes it for sm_90.
inline std::vector<Instruction> hopper_prelude() {
  return {{0x00000a00ff017b82, 0x000ff00000000800},   // LDC R1, c[0][0x28]
          {0x00000000000479c3, 0x000e300000002500},   // S2UR UR4, SR_CTAID.X
          {0x00c00000ff007b82, 0x000e240000000800},   // LDC R0, c[3][0]
          {0x0000000400007c0c, 0x001fda000bf03070},   // ISETP.LE.U32 P0, R0, UR4
          {0x000000000000894d, 0x000fea0003800000},   // @!P0 EXIT
          {0x00c00200ff027b82, 0x000e220000000a00},   // LDC.64 R2, c[3][8]
          {0x0000009000147802, 0x000fe20000000f00},   // MOV R20, 0x90
          {0x00000000ff157424, 0x000fce00078e00ff},   // IMAD.MOV R21, 0
          {0xfffffffc02dc7344, 0x001fea0003c3ffff},   // CALL.REL.NOINC R2
          {0x000000000000794d, 0x000fea0003800000},   // EXIT
          {0xfffffffc00fc7947, 0x000fc0000383ffff},   // BRA
          {0x0000000000007918, 0x000fc00000000000}};  // NOP
}

}  // namespace lithos::cuda::test
