// SPDX-License-Identifier: Apache-2.0
// lithos policy new: a folder that builds, passes and runs at once, from the SDK's templates.
//
// All or nothing: the folder is written under another name beside its place and renamed when complete.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "config/config.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameMax = 48;

bool is_snake_case(const std::string& name) {
  if (name.empty() || name.size() > kNameMax || name.front() < 'a' || name.front() > 'z' || name.back() == '_')
    return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

// my_fair → MyFair
std::string camel_case(const std::string& name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return out;
}

std::string filled_in(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values)
    for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += value.size())
      text.replace(at, key.size(), value);
  return text;
}

Status copy_filled_in(const fs::path& from, const fs::path& to, const std::map<std::string, std::string>& values) {
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (!entry.is_regular_file()) continue;
    const fs::path target = to / filled_in(entry.path().lexically_relative(from).string(), values);
    fs::create_directories(target.parent_path());
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::ofstream out(target, std::ios::binary);
    out << filled_in(text, values) << std::flush;
    if (!in || !out) return unavailable(target.string() + ": could not be written");
    if (target.extension() == ".sh") fs::permissions(target, fs::perms{0755});
  }
  return {};
}

Status write_folder(const fs::path& place, const fs::path& templates, const PolicyNewArguments& arguments) {
  const std::map<std::string, std::string> values{{"@name@", arguments.name},
                                                  {"@kind@", arguments.kind},
                                                  {"@Class@", camel_case(arguments.name)},
                                                  {"@prefix@", installation_prefix()}};
  fs::path unfinished = place;
  unfinished += fmt::format(".unfinished-{}", ::getpid());
  Status status;
  std::error_code error;
  try {
    fs::create_directory(unfinished);
    for (const char* part : {"common", arguments.kind.c_str()})
      if (status.ok()) status = copy_filled_in(templates / part, unfinished, values);
    if (status.ok() && fs::exists(place)) status = invalid_argument(place.string() + " has appeared meanwhile");
    if (status.ok()) fs::rename(unfinished, place);
  } catch (const fs::filesystem_error& failure) { status = unavailable(failure.what()); }
  if (!status.ok()) fs::remove_all(unfinished, error);
  return status;
}

std::string next_steps(const PolicyNewArguments& arguments, const fs::path& place) {
  return fmt::format(
      "{0}/ is a {1} that builds, passes and runs. Next:\n"
      "  cd {0} && ./build.sh\n"
      "  lithos policy check {2}.so\n"
      "  lithos policy sim {2}.so\n"
      "The idea goes into src/{2}.cpp.\n",
      place.lexically_normal().string(), arguments.kind, arguments.name);
}

}  // namespace

ExitCode run_policy_new(const PolicyNewArguments& arguments, Console& console) {
  if (!is_snake_case(arguments.name)) {
    console.err << fmt::format(
        "lithos policy new: \"{}\" is no name: use lower-case letters, digits and _, for example my_fair\n",
        arguments.name);
    return ExitCode::usage;
  }
  const fs::path templates = shared_file("templates");
  std::error_code error;
  if (templates.empty() || !fs::is_directory(templates / arguments.kind, error)) {
    console.err << "lithos policy new: the templates are not installed (share/lithos/templates beside bin/lithos)\n";
    return ExitCode::bad_input;
  }
  const fs::path place = fs::path(arguments.folder) / arguments.name;
  if (fs::exists(place, error)) {
    console.err << fmt::format("lithos policy new: {} exists; nothing was written\n",
                               place.lexically_normal().string());
    return ExitCode::bad_input;
  }
  if (const Status written = write_folder(place, templates, arguments); !written.ok()) {
    console.err << "lithos policy new: " << written.message() << "; nothing was left behind\n";
    return ExitCode::failed;
  }
  console.out << next_steps(arguments, place);
  return ExitCode::ok;
}

}  // namespace lithos
