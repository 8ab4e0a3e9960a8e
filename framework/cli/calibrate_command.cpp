// SPDX-License-Identifier: Apache-2.0
// lithos calibrate: measures the TPC map and keeps it by the GPU's uuid.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/tpc_map.hpp"

namespace lithos {

ExitCode run_calibrate(const CalibrateArguments& arguments, Console& console) {
  const Result<TpcMapFile> map =
      measure_map(arguments.device, arguments.output, Nanoseconds{std::int64_t{arguments.timeout_s} * 1'000'000'000});
  if (!map.ok()) {
    console.err << fmt::format("lithos: calibrate: {}\n", map.status().message());
    return ExitCode::failed;
  }
  console.out << fmt::format("{}: map of {} written in {:.1f} s\n", map.value().path, map.value().uuid,
                             to_seconds(map.value().took));
  return ExitCode::ok;
}

}  // namespace lithos
