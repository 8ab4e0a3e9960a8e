// SPDX-License-Identifier: Apache-2.0
// Dependencies point one way: read from the #include lines of the source tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "test_paths.hpp"

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = LITHOS_SOURCE_DIR;
// A folder uses only those before it.
const std::vector<std::string> kOrder{"base", "config", "policy_host", "engine", "observe", "executor",
                                      "sim",  "ipc",    "cuda",        "daemon", "cli"};
// A library, by how its headers begin, and who may include it: one file, or a few by subject.
const std::map<std::string, std::string> kWrapped{
    {"toml++/", "framework/config/toml_document.cpp"},
    {"CLI/", "framework/cli/command_line.cpp, framework/cli/command_line_gpu.cpp, framework/cli/command_line_policy.cpp"},
    {"nlohmann/", "framework/cli/report_json.cpp, framework/cli/report_json_models.cpp, framework/cli/report_json_policy.cpp, framework/daemon/json.cpp"},
    {"oneapi/", "framework/cli/parallel.cpp"},
    {"tbb/", "framework/cli/parallel.cpp"},
    {"spdlog/", "framework/daemon/event_log.cpp"},
    {"prometheus/", "plugins/export_prometheus/export_prometheus.cpp"},
    {"CivetServer.h", "plugins/export_prometheus/export_prometheus.cpp"},
    {"boost/", "framework/policy_host/module.cpp"}};

struct Include {
  std::string file;  // relative to the root, with the line
  std::string name;
  bool quoted = false;
};

std::string short_path(const fs::path& path) { return path.lexically_relative(kRoot).string(); }

bool is_source(const fs::path& path) {
  static const std::set<std::string> kExtensions{".cpp", ".hpp", ".h", ".c", ".cu"};
  return kExtensions.count(path.extension().string()) != 0;
}

bool holds_sources(const fs::path& folder) {
  const fs::recursive_directory_iterator files(folder);
  return std::any_of(begin(files), end(files), [](const auto& entry) { return is_source(entry.path()); });
}

std::vector<Include> includes_below(const std::string& folder) {
  static const std::regex kLine(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  if (!fs::exists(kRoot / folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    if (!is_source(entry.path())) continue;
    std::ifstream file(entry.path());
    std::string line;
    for (std::smatch match; std::getline(file, line);)
      if (std::regex_search(line, match, kLine))
        found.push_back({short_path(entry.path()), match[2], match[1] == "\""});
  }
  return found;
}

std::string first_folder(const std::string& path) { return path.substr(0, path.find('/')); }

bool is_standard_or_sdk(const Include& include) {
  if (include.name.rfind("lithos/", 0) == 0) return true;
  return !include.quoted && include.name.find('/') == std::string::npos;  // <vector>, <stdint.h>
}

TEST(Layering, AFrameworkFolderIncludesOnlyThoseBeforeIt) {
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    for (const Include& include : includes_below("framework/" + kOrder[i])) {
      const auto used = std::find(kOrder.begin(), kOrder.end(), first_folder(include.name));
      if (!include.quoted || used == kOrder.end()) continue;
      EXPECT_LE(static_cast<std::size_t>(used - kOrder.begin()), i) << include.file << " includes " << include.name;
      const bool devices = (kOrder[i] == "cuda" && *used == "sim") || (kOrder[i] == "sim" && *used == "cuda");
      EXPECT_FALSE(devices) << include.file << ": sim and cuda do not know each other";
    }
  }
}

// A folder without sources (packaging) includes nothing and needs no place.
TEST(Layering, EveryFrameworkFolderWithSourcesHasItsPlaceInTheOrder) {
  for (const auto& entry : fs::directory_iterator(kRoot / "framework")) {
    if (!entry.is_directory() || !holds_sources(entry.path())) continue;
    EXPECT_NE(std::find(kOrder.begin(), kOrder.end(), entry.path().filename()), kOrder.end()) << entry.path();
  }
}

TEST(Layering, TheSdkDependsOnNothing) {
  const std::vector<Include> includes = includes_below("sdk/include");
  EXPECT_FALSE(includes.empty());
  for (const Include& include : includes)
    EXPECT_TRUE(is_standard_or_sdk(include)) << include.file << " includes " << include.name;
}

// And headers of their own folder.
TEST(Layering, PoliciesSeeOnlyTheSdk) {
  for (const Include& include : includes_below("policies")) {
    const bool own = include.quoted && include.name.find('/') == std::string::npos &&
                     fs::exists((kRoot / include.file).parent_path() / include.name);
    EXPECT_TRUE(own || is_standard_or_sdk(include)) << include.file << " includes " << include.name;
  }
}

TEST(Layering, PluginsDoNotSeeTheFramework) {
  for (const Include& include : includes_below("plugins")) {
    const bool framework =
        include.quoted && std::find(kOrder.begin(), kOrder.end(), first_folder(include.name)) != kOrder.end();
    EXPECT_FALSE(framework) << include.file << " includes " << include.name;
  }
}

TEST(Layering, ALibraryIsKnownToOneFile) {
  for (const char* folder : {"framework", "sdk", "policies", "plugins"}) {
    for (const Include& include : includes_below(folder)) {
      for (const auto& [prefix, wrapper] : kWrapped) {
        if (include.name.rfind(prefix, 0) == 0) {
          EXPECT_NE(wrapper.find(include.file), std::string::npos) << include.file << " includes " << include.name;
        }
      }
    }
  }
}

TEST(Layering, HeadersAreIncludedOnce) {
  for (const char* folder : {"framework", "sdk/include"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (entry.path().extension() != ".hpp") continue;
      std::ifstream file(entry.path());
      const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      EXPECT_NE(text.find("#pragma once"), std::string::npos) << short_path(entry.path());
    }
  }
}

TEST(Layering, EverySourceNamesItsLicence) {
  for (const char* folder : {"framework", "sdk", "policies", "plugins", "tests"}) {
    if (!fs::exists(kRoot / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".h" && extension != ".c" && extension != ".cu")
        continue;
      if (short_path(entry.path()).rfind("tests/gpu/probes/", 0) == 0) continue;  // stand-alone measurements
      std::ifstream file(entry.path());
      std::string line;
      std::getline(file, line);
      EXPECT_NE(line.find("SPDX-License-Identifier: Apache-2.0"), std::string::npos) << short_path(entry.path());
    }
  }
}

}  // namespace
