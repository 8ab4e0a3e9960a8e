// SPDX-License-Identifier: Apache-2.0
#include "engine/observation_file.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

namespace lithos {
namespace {

constexpr const char* kFormat = "lithos-observations-1";

void write_line(std::ostream& out, const lithos_observation& seen) {
  const lithos_op& op = seen.op;
  out << op.op_id << '\t' << op.flags << '\t' << op.bound << '\t' << op.blocks << '\t' << op.threads_per_block << '\t'
      << op.blocks_per_tpc << '\t' << op.cluster_blocks << '\t' << op.min_tpcs << '\t' << seen.tpcs << '\t'
      << seen.clock_mhz << '\t' << seen.duration_ns << '\n';
}

bool read_line(const std::string& line, lithos_observation& seen) {
  std::istringstream in(line);
  lithos_op& op = seen.op;
  in >> op.op_id >> op.flags >> op.bound >> op.blocks >> op.threads_per_block >> op.blocks_per_tpc >>
      op.cluster_blocks >> op.min_tpcs >> seen.tpcs >> seen.clock_mhz >> seen.duration_ns;
  std::string rest;
  const bool whole = !in.fail() && !(in >> rest);
  seen.block_count = op.blocks;
  return whole && op.op_id != 0 && op.blocks > 0 && seen.tpcs > 0 && seen.tpcs <= LITHOS_TPCS_MAX &&
         seen.duration_ns > 0;
}

}  // namespace

Status write_observations(const std::string& path, const std::vector<lithos_observation>& observations) {
  const std::string next = path + ".next";
  {
    std::ofstream file(next, std::ios::trunc);
    file << kFormat << '\n';
    for (const lithos_observation& seen : observations) write_line(file, seen);
    file.flush();
    if (!file) return unavailable(next + ": cannot be written");
  }
  if (std::rename(next.c_str(), path.c_str()) != 0) return unavailable(path + ": cannot be replaced");
  return {};
}

Result<std::vector<lithos_observation>> read_observations(const std::string& path) {
  std::ifstream file(path);
  if (!file) return not_found(path + ": cannot be read");
  std::string line;
  if (!std::getline(file, line) || line != kFormat) return incompatible(path + ": not " + kFormat);
  std::vector<lithos_observation> out;
  while (std::getline(file, line)) {
    lithos_observation seen{};
    if (read_line(line, seen)) out.push_back(seen);
  }
  return out;
}

}  // namespace lithos
