// SPDX-License-Identifier: Apache-2.0
#include "daemon/learned_file.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <string_view>

namespace lithos {
namespace {

constexpr std::string_view kVersion = "lithos-learned 1";
constexpr std::string_view kColumns =
    "op_id flags bound blocks threads_per_block blocks_per_tpc cluster_blocks min_tpcs ordinal tpcs clock_mhz duration_ns";

// FNV-1a: against damage, not against malice; who may write the state folder may do worse.
std::uint64_t checksum(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}
std::string sum_line(std::string_view text) { return fmt::format("sum {:016x}\n", checksum(text)); }

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

template <class Number>
bool take(std::string_view& rest, Number& out) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  if (error != std::errc{}) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return true;
}

bool take_entry(std::string_view line, lithos_observation& seen) {
  lithos_op& op = seen.op;
  const bool whole = take(line, op.op_id) && take(line, op.flags) && take(line, op.bound) && take(line, op.blocks) &&
                     take(line, op.threads_per_block) && take(line, op.blocks_per_tpc) && take(line, op.cluster_blocks) &&
                     take(line, op.min_tpcs) && take(line, op.ordinal) && take(line, seen.tpcs) &&
                     take(line, seen.clock_mhz) && take(line, seen.duration_ns) && line.empty();
  seen.block_count = op.blocks;
  return whole;
}

}  // namespace

std::string learned_text(const LearnedDevice& device, std::span<const lithos_observation> learned) {
  std::string text = fmt::format("{}\ngpu {} {}\nentries {}\n{}\n", kVersion, device.name, device.tpcs, learned.size(), kColumns);
  for (const lithos_observation& seen : learned) {
    const lithos_op& op = seen.op;
    fmt::format_to(std::back_inserter(text), "{} {} {} {} {} {} {} {} {} {} {} {}\n", op.op_id, op.flags, op.bound, op.blocks,
                   op.threads_per_block, op.blocks_per_tpc, op.cluster_blocks, op.min_tpcs, op.ordinal, seen.tpcs, seen.clock_mhz,
                   seen.duration_ns);
  }
  return text + sum_line(text);
}

Result<std::vector<lithos_observation>> parse_learned(const std::string& path, const std::string& text,
                                                      const LearnedDevice& device) {
  const auto wrong = [&path](const std::string& what) { return invalid_argument(path + ": " + what); };
  std::string_view rest = text;
  // Before the checksum: another version may have another one.
  if (const std::string_view version = take_line(rest); version != kVersion)
    return wrong(fmt::format("expected \"{}\", found \"{}\"", kVersion, version.substr(0, 40)));
  const std::size_t sum = text.rfind("sum ");
  if (sum == std::string::npos || text.substr(sum) != sum_line(std::string_view(text).substr(0, sum)))
    return wrong("damaged or cut short: its checksum is not that of its lines");
  if (const std::string_view gpu = take_line(rest); gpu != fmt::format("gpu {} {}", device.name, device.tpcs))
    return wrong(fmt::format("learnt on another device: \"{}\", and this is \"gpu {} {}\"", gpu, device.name, device.tpcs));
  const std::string_view counted = take_line(rest);
  if (take_line(rest) != kColumns) return wrong("expected the columns " + std::string(kColumns));
  std::vector<lithos_observation> learned;
  while (!rest.empty() && !rest.starts_with("sum ")) {
    lithos_observation seen{};
    const std::string_view line = take_line(rest);
    if (!take_entry(line, seen)) return wrong(fmt::format("entry {}: not twelve numbers: \"{}\"", learned.size() + 1, line));
    learned.push_back(seen);
  }
  if (counted != fmt::format("entries {}", learned.size()))
    return wrong(fmt::format("{} lines, and it says \"{}\"", learned.size(), counted));
  return learned;
}

}  // namespace lithos
