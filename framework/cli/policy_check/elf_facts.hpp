// SPDX-License-Identifier: Apache-2.0
// What a shared object's file says about itself, read without loading it: no code of it runs.
// Pure but for reading the file; any thread. Errors: not_found, invalid_argument (not a whole ELF file of this machine's
// kind). Nothing in the file is trusted.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"

namespace lithos {

struct ElfFacts {
  std::size_t bytes = 0;
  std::vector<std::string> needed;    // DT_NEEDED
  std::vector<std::string> exported;  // defined symbols that others can bind to
  std::vector<std::string> unique;    // … of them those with STB_GNU_UNIQUE
  std::vector<std::string> imported;  // without the version behind @
  bool text_relocations = false;      // DT_TEXTREL
  bool no_delete = false;             // DF_1_NODELETE: dlclose() does nothing
  bool executable_stack = false;      // PT_GNU_STACK asks for one, or is missing

  bool imports(const std::string& name) const;
  bool needs(const std::string& prefix) const;  // a library whose name begins so
};

Result<ElfFacts> read_elf_facts(const std::string& path);

}  // namespace lithos
