// SPDX-License-Identifier: Apache-2.0
#include "cli/tpc_map.hpp"

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "cli/gpu_setup.hpp"
#include "cli/policy_check/isolated.hpp"
#include "cuda/calibrate.hpp"
#include "daemon/quarantine.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

// A function of the driver's in a process that can be thrown away: "=first\nrest", or "!why not".
Result<std::string> outside_mps(const std::function<std::string()>& work, Nanoseconds at_most, Nanoseconds& took) {
  const Isolated done = run_isolated(
      [&] {
        ::setenv("CUDA_MPS_PIPE_DIRECTORY", "/dev/null", 1);  // nobody answers there, so the driver goes without
        return work();
      },
      at_most);
  took = done.took;
  if (done.end == Isolated::End::timed_out) return unavailable("the GPU did not answer in time");
  if (done.end != Isolated::End::said) return unavailable(done.text);
  if (done.text.empty() || done.text[0] != '=') return unavailable(done.text.substr(done.text.empty() ? 0 : 1));
  return done.text.substr(1);
}

}  // namespace

Result<TpcMapFile> measure_map(int device, const std::string& output, Nanoseconds at_most) {
  const Result<std::string> driver = find_real_driver();
  if (!driver.ok()) return driver.status();
  TpcMapFile map;
  map.measured = true;
  const Result<std::string> text = outside_mps(
      [&] {
        const Result<cuda::Calibration> made = cuda::calibrate_here(driver.value(), device);
        return made.ok() ? "=" + made.value().uuid + "\n" + cuda::to_text(made.value()) : "!" + made.status().message();
      },
      at_most, map.took);
  if (!text.ok()) return text.status();
  const std::size_t line = text.value().find('\n');
  map.uuid = text.value().substr(0, line);
  map.path = output.empty() ? map_folder() + map.uuid + ".txt" : output;
  std::error_code ignored;  // what is wrong with the folder shows when the file is written
  if (const fs::path folder = fs::path(map.path).parent_path(); !folder.empty()) fs::create_directories(folder, ignored);
  if (const Status written = write_file_atomically(map.path, text.value().substr(line + 1)); !written.ok()) return written;
  return map;
}

Result<TpcMapFile> find_or_measure_map(int device, Nanoseconds at_most) {
  const Result<std::string> driver = find_real_driver();
  if (!driver.ok()) return driver.status();
  TpcMapFile map;
  const Result<std::string> uuid = outside_mps(
      [&] {
        const Result<cuda::Calibration> hook = cuda::try_hook(driver.value(), device);
        return hook.ok() ? "=" + hook.value().uuid : "!" + hook.status().message();
      },
      at_most, map.took);
  if (!uuid.ok()) return uuid.status();
  map.uuid = uuid.value();
  map.path = map_folder() + map.uuid + ".txt";
  std::error_code error;
  return fs::exists(map.path, error) ? Result<TpcMapFile>(map) : measure_map(device, "", at_most);
}

}  // namespace lithos
