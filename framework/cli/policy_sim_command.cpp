// SPDX-License-Identifier: Apache-2.0
// lithos policy sim: this library's policies beside the shipped ones of their kind, on a service and a batch job. Makes
// a configuration for lithos sim and runs that, so the table, the seeds and the JSON are the same.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "policy_host/catalog.hpp"
#include "policy_host/search_path.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

struct Quotas {
  unsigned service = 66, batch = 0;
};

// "42,24"
Result<Quotas> parse_quotas(const std::string& text) {
  if (text.empty()) return Quotas{};
  Quotas quotas;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%u,%u%c", &quotas.service, &quotas.batch, &rest) != 2 ||
      quotas.service + quotas.batch > 66)
    return invalid_argument(
        fmt::format("--quota {}: expected two numbers that sum to at most 66, for example 42,24", text));
  return quotas;
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += (c == '"' || c == '\\' ? std::string("\\") : std::string()) + c;
  return out + '"';
}

std::string tenants(const PolicySimArguments& arguments) {
  const auto trace = [](const std::string& given, const char* shipped) {
    return in_quotes(given.empty() ? shared_file(shipped) : fs::absolute(given).string());
  };
  return fmt::format(
      "[run]\nduration = \"5s\"\nwarmup = \"500ms\"\nseed = 1\n\n"
      "[[tenant]]\nname = \"service\"\nclass = \"latency_critical\"\nslo = \"10ms\"\nmode = \"graph\"\ntrace = {}\n"
      "arrivals = {{ kind = \"poisson\", rate = \"300/s\" }}\n\n"
      "[[tenant]]\nname = \"batch\"\nclass = \"best_effort\"\ntrace = {}\n",
      trace(arguments.service_trace, "traces/resnet50_infer_b16.csv"),
      trace(arguments.batch_trace, "traces/llama8l_prefill_b8_s2048.csv"));
}

// One [[set]]; `kind` is decided by the policy `id`, out of `path` if that is not empty.
std::string set_of(const std::string& name, const Quotas& quotas, const std::string& kind, const std::string& id,
                   const std::string& path) {
  std::string text = fmt::format(
      "\n[[set]]\nname = {}\nquotas = {{ service = {}, batch = {} }}\ntolerates = {{ service = \"10ms\" }}\n",
      in_quotes(name), quotas.service, quotas.batch);
  if (kind != "scheduler") text += "scheduler = \"org.lithos.scheduler.tpc_borrowing\"\n";
  text += fmt::format("[set.{}]\npolicy = {}\n", kind, in_quotes(id));
  if (!path.empty()) text += fmt::format("path = {}\n", in_quotes(path));
  return text;
}

// A name that no set has yet: the id's last part, or the whole id.
std::string set_name(const std::string& id, std::vector<std::string>& taken) {
  std::string name(last_part_of_id(id));
  for (int i = 2; std::find(taken.begin(), taken.end(), name) != taken.end(); ++i)
    name = fmt::format("{}_{}", last_part_of_id(id), i);
  taken.push_back(name);
  return name;
}

std::string configuration(const PolicySimArguments& arguments, const Quotas& quotas, const PolicyLibrary& library) {
  std::string text = "# Made by lithos policy sim. Run it with: lithos sim --config FILE\nbaseline = \"alone\"\n\n" +
                     tenants(arguments);
  text += "\n[[set]]\nname = \"alone\"\nscheduler = \"org.lithos.scheduler.shared\"\nmasks = false\nonly = [\"service\"]\n";
  text += "\n[[set]]\nname = \"mps\"\nsharing = \"mps\"\nscheduler = \"org.lithos.scheduler.shared\"\nmasks = false\n";
  std::vector<std::string> taken{"alone", "mps"};
  PolicyCatalog catalog(policy_folders(Config{}, {}));
  std::vector<std::uint32_t> kinds;
  for (const lithos_policy* policy : library.policies()) kinds.push_back(policy->kind);
  for (const FoundPolicy& found : catalog.list()) {
    const lithos_policy& shipped = *found.policy;
    if (found.library == nullptr || std::find(kinds.begin(), kinds.end(), shipped.kind) == kinds.end()) continue;
    if (std::string_view(shipped.id) == "org.lithos.scheduler.shared") continue;  // mps
    text += set_of(set_name(shipped.id, taken), quotas, name_of(static_cast<PolicyKind>(shipped.kind)), shipped.id, "");
  }
  for (const lithos_policy* policy : library.policies())
    text += set_of(set_name(policy->id, taken), quotas, name_of(static_cast<PolicyKind>(policy->kind)), policy->id,
                   fs::absolute(arguments.file).string());
  return text;
}

// A file that goes when the command ends, unless the user named it.
class ConfigurationFile {
 public:
  ConfigurationFile(const std::string& wanted, const std::string& text) : path_(wanted), keep_(!wanted.empty()) {
    if (!keep_) path_ = (fs::temp_directory_path() / fmt::format("lithos-policy-sim-{}.toml", ::getpid())).string();
    std::ofstream file(path_);
    file << text << std::flush;
    written_ = file.good();
  }
  ~ConfigurationFile() {
    std::error_code error;
    if (!keep_) fs::remove(path_, error);
  }
  ConfigurationFile(const ConfigurationFile&) = delete;
  ConfigurationFile& operator=(const ConfigurationFile&) = delete;
  bool written() const { return written_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_;
  bool written_ = false;
};

}  // namespace

ExitCode run_policy_sim(const PolicySimArguments& arguments, Console& console) {
  const Result<Quotas> quotas = parse_quotas(arguments.quota);
  if (!quotas.ok()) {
    console.err << quotas.status().message() << "\n";
    return ExitCode::usage;
  }
  const auto library = PolicyLibrary::load(arguments.file);
  if (!library.ok()) {
    console.err << "lithos policy sim: " << library.status().message() << "\n";
    return ExitCode::bad_input;
  }
  const ConfigurationFile file(arguments.config_out, configuration(arguments, quotas.value(), *library.value()));
  if (!file.written()) {
    console.err << file.path() << ": cannot be written\n";
    return ExitCode::failed;
  }
  std::vector<const char*> words{"lithos", "sim", "--config", file.path().c_str()};
  for (const std::string& option : arguments.sim_options) words.push_back(option.c_str());
  const CommandLine parsed = parse_command_line(static_cast<int>(words.size()), words.data());
  if (const auto* sim = std::get_if<SimArguments>(&parsed)) return run_sim(*sim, console);
  if (const auto* answer = std::get_if<ParserOutput>(&parsed)) console.err << answer->out << answer->err;
  return ExitCode::usage;
}

}  // namespace lithos
