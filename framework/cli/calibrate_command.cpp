// SPDX-License-Identifier: Apache-2.0
// lithos calibrate: measures the TPC map in a process that can be thrown away, and keeps it by the GPU's uuid.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/gpu_setup.hpp"
#include "cli/policy_check/isolated.hpp"
#include "cuda/calibrate.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

// "=uuid\nmap", or "!why not".
std::string measure(const std::string& driver, int device) {
  const Result<cuda::Calibration> made = cuda::calibrate_here(driver, device);
  if (!made.ok()) return "!" + made.status().message();
  return "=" + made.value().uuid + "\n" + cuda::to_text(made.value());
}

Status write_whole(const fs::path& path, const std::string& text) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  const fs::path beside = path.string() + ".new";
  {
    std::ofstream file(beside);
    file << text;
    if (!file.flush()) return unavailable("cannot write " + beside.string());
  }
  fs::rename(beside, path, error);
  return error ? unavailable("cannot write " + path.string() + ": " + error.message()) : Status{};
}

}  // namespace

ExitCode run_calibrate(const CalibrateArguments& arguments, Console& console) {
  const Result<std::string> driver = find_real_driver();
  if (!driver.ok()) {
    console.err << "lithos: " << driver.status().message() << "\n";
    return ExitCode::failed;
  }
  const Isolated measured = run_isolated([&] { return measure(driver.value(), arguments.device); },
                                         Nanoseconds{std::int64_t{arguments.timeout_s} * 1'000'000'000});
  const std::size_t line = measured.text.find('\n');
  if (measured.end != Isolated::End::said || measured.text.empty() || measured.text[0] != '=' ||
      line == std::string::npos) {
    const bool said = measured.end == Isolated::End::said && !measured.text.empty();
    console.err << fmt::format("lithos: calibrate: {}\n", said ? measured.text.substr(1)
                                                          : measured.end == Isolated::End::timed_out
                                                              ? "the GPU did not answer in time"
                                                              : measured.text);
    return ExitCode::failed;
  }
  const std::string uuid = measured.text.substr(1, line - 1);
  const fs::path path = arguments.output.empty() ? fs::path(map_folder() + uuid + ".txt") : fs::path(arguments.output);
  if (const Status written = write_whole(path, measured.text.substr(line + 1)); !written.ok()) {
    console.err << "lithos: " << written.message() << "\n";
    return ExitCode::failed;
  }
  console.out << fmt::format("{}: map of {} written in {:.1f} s\n", path.string(), uuid, to_seconds(measured.took));
  return ExitCode::ok;
}

}  // namespace lithos
