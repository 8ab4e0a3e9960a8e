// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/settings.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace lithos::cuda::shim {
namespace {

std::string text_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

// Leaves `out` as it was, and complains, if the variable is no number.
template <class T>
void number_of(const char* variable, T& out, std::string& wrong) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return;
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (errno != 0 || *end != '\0' || value > static_cast<T>(~T{0})) {
    wrong += std::string(" ") + variable + "=" + text + ": expected a number;";
    return;
  }
  out = static_cast<T>(value);
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

std::optional<GpuShape> read_map(const std::string& path) {
  const File file = open_file(path);
  if (file == nullptr) return std::nullopt;
  GpuShape gpu;
  gpu.name = "calibrated";
  for (std::string line; read_line(file.get(), line);) {
    unsigned bit = 0, gpc = 0;
    char dash = 0;
    if (std::sscanf(line.c_str(), "tpc %u %u", &bit, &gpc) == 2) {
    } else if (std::sscanf(line.c_str(), "tpc %u %c", &bit, &dash) == 2 && dash == '-') {
      gpc = kNoGpc;
    } else {
      continue;  // comments, and what a later version may add
    }
    if (bit >= 256 || (gpc >= 32 && gpc != kNoGpc) || gpu.tpcs >= TpcSet::kMaxTpcs) return std::nullopt;
    gpu.mask_bit_of_tpc.push_back(static_cast<std::uint16_t>(bit));
    gpu.gpc_of_tpc.push_back(static_cast<std::uint16_t>(gpc));
    if (gpc != kNoGpc) gpu.gpcs = std::max(gpu.gpcs, gpc + 1);
    ++gpu.tpcs;
  }
  return gpu.tpcs == 0 ? std::nullopt : std::optional(std::move(gpu));
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
  settings.hook = text_of("LITHOS_HOOK") != "0";
  if (const std::string tpcs = text_of("LITHOS_TPCS"); !tpcs.empty()) {
    settings.fixed_tpcs = parse_tpcs(tpcs);
    if (!settings.fixed_tpcs) settings.wrong += " LITHOS_TPCS=" + tpcs + ": expected TPCs, for example 0-15,40;";
  }
  number_of("LITHOS_ADVERTISED_TPCS", settings.advertised_tpcs, settings.wrong);
  number_of("LITHOS_MEMORY_LIMIT", settings.memory_limit_bytes, settings.wrong);
  number_of("LITHOS_HANG_LIMIT_S", settings.hang_limit_s, settings.wrong);
  const std::string unmanaged = text_of("LITHOS_UNMANAGED");
  if (unmanaged == "limit") settings.unmanaged = Unmanaged::limit;
  else if (unmanaged == "refuse") settings.unmanaged = Unmanaged::refuse;
  else if (!unmanaged.empty() && unmanaged != "run")
    settings.wrong += " LITHOS_UNMANAGED=" + unmanaged + ": expected run, limit or refuse;";
  return settings;
}

}  // namespace lithos::cuda::shim
