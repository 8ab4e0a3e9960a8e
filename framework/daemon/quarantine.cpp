// SPDX-License-Identifier: Apache-2.0
#include "daemon/quarantine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/read_file.hpp"
#include "daemon/json.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kExitRecordsMax = 1000;

std::vector<fs::path> exit_files(const std::string& state_folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(fs::path(state_folder) / "exits", error), end; !error && at != end;
       at.increment(error))
    if (at->path().extension() == ".json") files.push_back(at->path());
  std::sort(files.begin(), files.end());
  return files;
}

// `outlives_power`: not before it is on the disk, which may take as long as others have things to write.
Status replace_file(const std::string& path, const std::string& text, bool outlives_power) {
  const std::string beside = path + ".new";
  const ipc::Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const bool written = file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       (!outlives_power || ::fsync(file.get()) == 0) && ::rename(beside.c_str(), path.c_str()) == 0;
  return written ? Status{} : unavailable(path + ": " + std::strerror(errno));
}

}  // namespace

Status write_file_atomically(const std::string& path, const std::string& text) {
  if (const Result<std::string> there = read_text_file(path, text.size()); there.ok() && there.value() == text) return {};
  return replace_file(path, text, true);
}

Quarantine::Quarantine(std::string state_folder) : folder_(std::move(state_folder)) {
  std::ifstream file(folder_ + "/quarantine.jsonl");
  for (std::string line; std::getline(file, line);) {
    const Result<Json> entry = Json::parse(line);
    if (!entry.ok()) continue;
    all_.push_back({entry.value().text_of("hash"), entry.value().text_of("id"), entry.value().text_of("path"),
                    entry.value().text_of("reason")});
  }
}

const QuarantinedLibrary* Quarantine::find(const std::string& hash) const {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](const QuarantinedLibrary& q) { return q.hash == hash; });
  return found != all_.end() ? &*found : nullptr;
}

Status Quarantine::check(const std::string& path, const std::string& hash) const {
  const QuarantinedLibrary* const found = find(hash);
  if (found == nullptr) return {};
  return unavailable(
      fmt::format("{}: quarantined, because: {}. Release it with: lithos policy release {}", path, found->reason, hash));
}

void Quarantine::add(QuarantinedLibrary library) {
  if (library.hash.empty() || find(library.hash) != nullptr) return;  // what is compiled in has no hash
  all_.push_back(std::move(library));
  save();
}

bool Quarantine::release(const std::string& hash_or_id) {
  const bool any =
      std::erase_if(all_, [&](const QuarantinedLibrary& q) { return q.hash == hash_or_id || q.id == hash_or_id; }) > 0;
  if (any) save();
  return any;
}

void Quarantine::save() const {
  std::string text;
  for (const QuarantinedLibrary& q : all_) {
    Json line = Json::object();
    line.set("hash", q.hash).set("id", q.id).set("path", q.path).set("reason", q.reason);
    text += line.dump() + "\n";
  }
  (void)write_file_atomically(folder_ + "/quarantine.jsonl",
                              text);  // in force anyway; lost only if the daemon ends as well
}

std::string write_exit_record(const std::string& state_folder, const ExitRecord& record) {
  std::error_code error;
  fs::create_directories(fs::path(state_folder) / "exits", error);
  std::vector<fs::path> files = exit_files(state_folder);
  std::uint64_t number = 1;
  if (!files.empty()) number = std::strtoull(files.back().stem().c_str(), nullptr, 10) + 1;
  Json json = Json::object();
  json.set("number", number).set("unix_time", static_cast<std::int64_t>(::time(nullptr))).set("what", record.what);
  json.set("kind", record.kind).set("policy", record.id).set("path", record.path).set("hash", record.hash);
  json.set("signal", record.signal).set("message", record.message);
  Json decisions = Json::array();
  for (const BlackBoxDecision& d : record.decisions) {
    Json one = Json::object();
    one.set("at_ns", d.at_ns).set("tenant", d.tenant).set("own_tpcs", d.own_tpcs).set("borrowed_tpcs", d.borrowed_tpcs);
    decisions.add(one.set("lenders", d.lenders).set("lease", d.lease_generation));
  }
  json.set("last_decisions", decisions);
  for (std::size_t i = 0; i + kExitRecordsMax <= files.size(); ++i) fs::remove(files[i], error);
  const std::string path = (fs::path(state_folder) / "exits" / fmt::format("{:06}.json", number)).string();
  // It tells of a process's end, which it outlives without the disk: the start that writes it must not wait for that.
  return replace_file(path, json.dump() + "\n", false).ok() ? path : "";
}

std::vector<std::string> read_exit_records(const std::string& state_folder, std::size_t most) {
  std::vector<fs::path> files = exit_files(state_folder);
  if (files.size() > most) files.erase(files.begin(), files.end() - static_cast<std::ptrdiff_t>(most));
  std::vector<std::string> records;
  for (const fs::path& path : files) {
    const Result<std::string> text = read_text_file(path.string());
    if (text.ok()) records.push_back(text.value());
  }
  return records;
}

}  // namespace lithos
