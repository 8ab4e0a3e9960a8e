// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/settings.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

namespace lithos::cuda::shim {
namespace {

std::string text_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

// `otherwise`, and a complaint, if the variable is no number up to `most`.
std::uint64_t number_of(const char* variable, std::uint64_t otherwise, std::uint64_t most, std::string& wrong) {
  const std::string text = text_of(variable);
  if (text.empty()) return otherwise;
  char* end = nullptr;
  errno = 0;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (errno == 0 && *end == '\0' && text[0] != '-' && value <= most) return value;
  wrong += std::string(" ") + variable + "=" + text + ": expected a number;";
  return otherwise;
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
File open_file(const std::string& path) { return File(std::fopen(path.c_str(), "re"), &std::fclose); }

// A line without its end; false: no more. Lines beyond any sense are cut.
bool read_line(std::FILE* file, std::string& line) {
  char buffer[4096];
  if (std::fgets(buffer, sizeof buffer, file) == nullptr) return false;
  line.assign(buffer, std::strcspn(buffer, "\n"));
  return true;
}

}  // namespace

std::optional<TpcSet> parse_tpcs(const std::string& text) {
  TpcSet tpcs;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const unsigned long first = std::strtoul(at, &end, 10);
    unsigned long last = first;
    if (end == at) return std::nullopt;
    if (*end == '-') {
      at = end + 1;
      last = std::strtoul(at, &end, 10);
      if (end == at) return std::nullopt;
    }
    if (last < first || last >= TpcSet::kMaxTpcs) return std::nullopt;
    tpcs |= TpcSet::range(static_cast<unsigned>(first), static_cast<unsigned>(last) + 1);
    if (*end == ',') ++end;
    else if (*end != '\0') return std::nullopt;
    at = end;
  }
  return tpcs.empty() ? std::nullopt : std::optional(tpcs);
}

KernelRules read_rules(const std::string& path) {
  KernelRules rules;
  const File file = path.empty() ? File(nullptr, &std::fclose) : open_file(path);
  if (file == nullptr) return rules;
  for (std::string line; read_line(file.get(), line);) {
    unsigned nature = 0, persistent = 0;
    int used = 0;
    if (std::sscanf(line.c_str(), "%u %u %n", &nature, &persistent, &used) < 2 || nature > 3) continue;
    rules.rules.push_back(
        {line.substr(static_cast<std::size_t>(used)), static_cast<KernelNature>(nature), persistent != 0, ""});
  }
  return rules;
}

Settings read_settings() {
  Settings settings;
  settings.tenant = text_of("LITHOS_TENANT");
  settings.socket = text_of("LITHOS_SOCKET");
  settings.map_file = text_of("LITHOS_TPC_MAP");
  settings.rules_file = text_of("LITHOS_KERNEL_RULES");
  settings.stats_file = text_of("LITHOS_STATS");
  settings.times_file = text_of("LITHOS_TIMES");
  settings.hook = text_of("LITHOS_HOOK") != "0";
  if (const std::string tpcs = text_of("LITHOS_TPCS"); !tpcs.empty()) {
    settings.fixed_tpcs = parse_tpcs(tpcs);
    if (!settings.fixed_tpcs) settings.wrong += " LITHOS_TPCS=" + tpcs + ": expected TPCs, for example 0-15,40;";
  }
  std::string& wrong = settings.wrong;
  settings.advertised_tpcs = static_cast<unsigned>(number_of("LITHOS_ADVERTISED_TPCS", 0, TpcSet::kMaxTpcs, wrong));
  settings.memory_limit_bytes = number_of("LITHOS_MEMORY_LIMIT", 0, std::numeric_limits<std::uint64_t>::max(), wrong);
  settings.hang_limit_s =
      static_cast<unsigned>(number_of("LITHOS_HANG_LIMIT_S", settings.hang_limit_s, 1'000'000, wrong));
  settings.force_atoms = static_cast<unsigned>(number_of("LITHOS_FORCE_ATOMS", 0, 4096, wrong));
  settings.hold_us = static_cast<unsigned>(number_of("LITHOS_HOLD_US", 0, 1'000'000'000, wrong));
  const std::string unmanaged = text_of("LITHOS_UNMANAGED");
  if (unmanaged == "limit") settings.unmanaged = Unmanaged::limit;
  else if (unmanaged == "refuse") settings.unmanaged = Unmanaged::refuse;
  else if (!unmanaged.empty() && unmanaged != "run")
    settings.wrong += " LITHOS_UNMANAGED=" + unmanaged + ": expected run, limit or refuse;";
  return settings;
}

}  // namespace lithos::cuda::shim
