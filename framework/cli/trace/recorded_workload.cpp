// SPDX-License-Identifier: Apache-2.0
#include "cli/trace/recorded_workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "lithos/policy_abi.h"

namespace lithos {
namespace {

using Kind = PerfettoEvent::Kind;
constexpr const char* kTenantGroup = "tenant ";
constexpr std::size_t kKernelsMax = 20'000;  // of one request
constexpr std::size_t kColumnsMax = 12;      // TPC counts in the CSV, those seen most

// What the timeline has of one tenant, in order of time.
struct Tracks {
  std::vector<const PerfettoEvent*> atoms, requests;
  std::map<std::uint64_t, const PerfettoEvent*> operators;  // by id
  const PerfettoEvent* joined = nullptr;
};

std::map<std::string, Tracks> tracks_by_tenant(const PerfettoTrace& trace) {
  std::map<std::string, Tracks> all;
  for (const PerfettoEvent& event : trace.events) {
    const std::string& group = trace.group_of(event.track);
    if (!group.starts_with(kTenantGroup)) continue;
    const std::string& track = trace.tracks.at(event.track).name;
    Tracks& tenant = all[group.substr(std::string(kTenantGroup).size())];
    if (track.ends_with(": running")) tenant.atoms.push_back(&event);
    else if (track == "requests") tenant.requests.push_back(&event);
    else if (track == "operators") tenant.operators[event.number("operator")] = &event;
    else if (track == "events" && event.name == "joined") tenant.joined = &event;
  }
  return all;
}

// First atoms of launches: each launch once.
bool begins_launch(const PerfettoEvent& atom) { return atom.number("first_block") == 0; }

template <class T>
const T& median_by_size(std::vector<T>& all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end(), [](const T& a, const T& b) { return a.size() < b.size(); });
  return *middle;
}

using Launches = std::vector<const PerfettoEvent*>;

// The kernels of each graph launch, complete ones only.
std::vector<Launches> graph_launches(const Tracks& tenant) {
  std::map<std::uint64_t, Launches> by_launch;
  for (const PerfettoEvent* atom : tenant.atoms)
    if (atom->number("node") != 0) by_launch[atom->number("launch")].push_back(atom);
  std::vector<Launches> complete;
  for (auto& [launch, nodes] : by_launch) {
    std::sort(nodes.begin(), nodes.end(),
              [](const auto* a, const auto* b) { return a->number("node") < b->number("node"); });
    if (nodes.front()->number("node") == 1 && nodes.back()->number("node") == nodes.size())
      complete.push_back(std::move(nodes));
  }
  return complete;
}

// What began after the request before had ended and before this one did: requests are known by their ends, their
// beginnings only as nearly as records travel. Without requests: all there is.
std::vector<Launches> eager_launches(const Tracks& tenant) {
  Launches all;
  for (const PerfettoEvent* atom : tenant.atoms)
    if (atom->number("node") == 0 && begins_launch(*atom)) all.push_back(atom);
  if (tenant.requests.empty()) return all.empty() ? std::vector<Launches>{} : std::vector<Launches>{all};
  std::vector<std::uint64_t> ends;
  for (const PerfettoEvent* request : tenant.requests) ends.push_back(request->to_ns);
  std::sort(ends.begin(), ends.end());
  std::vector<Launches> found(ends.size());
  for (const PerfettoEvent* atom : all) {
    const auto end = std::lower_bound(ends.begin(), ends.end(), atom->from_ns);
    if (end != ends.end()) found[static_cast<std::size_t>(end - ends.begin())].push_back(atom);
  }
  if (found.size() > 1) found.erase(found.begin());  // its beginning may not be in the trace
  std::erase_if(found, [](const Launches& launches) { return launches.empty(); });
  return found;
}

// Operator → TPCs → median time of a whole launch. A launch that was cut counts as the sum of its atoms.
std::map<std::uint64_t, std::map<std::uint32_t, double>> times_of(const Tracks& tenant) {
  struct Launch {
    std::uint64_t op = 0, blocks = 0, all_blocks = 0, ns = 0;
    std::uint32_t tpcs = 0;
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, Launch> launches;  // by launch and node
  for (const PerfettoEvent* atom : tenant.atoms) {
    Launch& launch = launches[{atom->number("launch"), atom->number("node")}];
    launch.op = atom->number("operator");
    launch.blocks += atom->number("block_count");
    launch.all_blocks = atom->number("blocks");
    launch.ns += atom->to_ns - atom->from_ns;
    launch.tpcs = std::max(launch.tpcs, static_cast<std::uint32_t>(atom->number("tpcs")));
  }
  std::map<std::uint64_t, std::map<std::uint32_t, std::vector<std::uint64_t>>> samples;
  for (const auto& [key, launch] : launches)
    if (launch.blocks == launch.all_blocks && launch.tpcs > 0) samples[launch.op][launch.tpcs].push_back(launch.ns);
  std::map<std::uint64_t, std::map<std::uint32_t, double>> times;
  for (auto& [op, by_tpcs] : samples)
    for (auto& [tpcs, ns] : by_tpcs) {
      const auto middle = ns.begin() + static_cast<std::ptrdiff_t>(ns.size() / 2);
      std::nth_element(ns.begin(), middle, ns.end());
      times[op][tpcs] = static_cast<double>(*middle) / 1e3;
    }
  return times;
}

RecordedKernel kernel_of(const PerfettoEvent* shape, const PerfettoEvent& atom,
                         const std::map<std::uint32_t, double>& times) {
  RecordedKernel kernel;
  const auto number = [&](const char* key) {
    return static_cast<std::uint32_t>(shape != nullptr ? shape->number(key) : 0);
  };
  kernel.name = atom.name;
  kernel.blocks = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(atom.number("blocks")));
  kernel.threads_per_block = std::max<std::uint32_t>(1, number("threads_per_block"));
  kernel.registers_per_thread = number("registers_per_thread");
  kernel.shared_bytes = number("shared_bytes");
  kernel.cluster_blocks = std::max<std::uint32_t>(1, number("cluster_blocks"));
  kernel.us_on = times;
  return kernel;
}

// Tenants choose their names, and they become files.
std::string file_name_of(std::string name) {
  for (char& c : name)
    if (std::string_view("/\\\"'").find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 0x20) c = '_';
  return name.empty() || name.front() == '.' ? "_" + name : name;
}

RecordedTenant tenant_of(const std::string& name, const Tracks& tracks) {
  RecordedTenant tenant;
  tenant.name = file_name_of(name);
  if (tracks.joined != nullptr) {
    tenant.critical = tracks.joined->number("class") == LITHOS_CLASS_LATENCY_CRITICAL;
    tenant.quota_tpcs = static_cast<std::uint32_t>(tracks.joined->number("quota_tpcs"));
    tenant.slo_ns = tracks.joined->number("slo_ns");
  }
  std::vector<Launches> requests = graph_launches(tracks);
  tenant.graph = !requests.empty();
  if (!tenant.graph) requests = eager_launches(tracks);
  if (requests.empty()) return tenant;
  const auto times = times_of(tracks);
  for (const PerfettoEvent* launch : median_by_size(requests)) {
    const std::uint64_t op = launch->number("operator");
    const auto known = times.find(op);
    const auto shape = tracks.operators.find(op);
    if (known == times.end() || tenant.kernels.size() >= kKernelsMax) continue;
    tenant.kernels.push_back(
        kernel_of(shape != tracks.operators.end() ? shape->second : nullptr, *launch, known->second));
  }
  for (const PerfettoEvent* request : tracks.requests)
    tenant.arrivals_us.push_back(static_cast<double>(request->from_ns - tracks.requests.front()->from_ns) / 1e3);
  return tenant;
}

// TPC counts that most kernels were seen on, so that rows have few holes; the widest first.
std::vector<std::uint32_t> columns_of(const RecordedTenant& tenant) {
  std::map<std::uint32_t, std::size_t> seen;
  for (const RecordedKernel& kernel : tenant.kernels)
    for (const auto& [tpcs, us] : kernel.us_on) ++seen[tpcs];
  std::vector<std::uint32_t> columns;
  for (const auto& [tpcs, kernels] : seen) columns.push_back(tpcs);
  std::stable_sort(columns.begin(), columns.end(), [&](std::uint32_t a, std::uint32_t b) { return seen[a] > seen[b]; });
  // Every kernel needs one column at least.
  std::set<std::uint32_t> kept(columns.begin(),
                               columns.begin() + static_cast<std::ptrdiff_t>(std::min(columns.size(), kColumnsMax)));
  for (const RecordedKernel& kernel : tenant.kernels)
    if (std::none_of(kernel.us_on.begin(), kernel.us_on.end(),
                     [&](const auto& one) { return kept.contains(one.first); }))
      kept.insert(kernel.us_on.rbegin()->first);
  return {kept.rbegin(), kept.rend()};
}

std::string quoted(std::string text) {
  for (char& c : text)
    if (c == '"' || c == '\n' || c == '\r') c = '\'';
  return '"' + text + '"';
}

std::string csv_of(const RecordedTenant& tenant) {
  const std::vector<std::uint32_t> columns = columns_of(tenant);
  std::string text =
      "seq,kernel,grid_x,grid_y,grid_z,block_x,block_y,block_z,regs_per_thread,smem_bytes,cluster_x,cluster_y,cluster_"
      "z,full_gpu_us";
  for (const std::uint32_t tpcs : columns) text += fmt::format(",tpc{}_us", tpcs);
  text += "\n";
  std::size_t row = 0;
  for (const RecordedKernel& kernel : tenant.kernels) {
    // A kernel without a name was called "operator N" in the timeline; kernel rules know it by having none.
    text +=
        fmt::format("{},{},{},1,1,{},1,1,{},{},{},1,1,", row++,
                    quoted(kernel.name.starts_with("operator ") ? "" : kernel.name), kernel.blocks,
                    kernel.threads_per_block, kernel.registers_per_thread, kernel.shared_bytes, kernel.cluster_blocks);
    for (const std::uint32_t tpcs : columns) {
      const auto known = kernel.us_on.find(tpcs);
      text += known == kernel.us_on.end() ? "," : fmt::format(",{:.3f}", known->second);
    }
    text += "\n";
  }
  return text;
}

std::string toml_of(const std::vector<RecordedTenant>& tenants) {
  std::string text =
      "# Recorded by lithos trace. Add sets of policies, or quotas, and run it with lithos sim --config.\ngpu = "
      "\"h200\"\n\n[run]\nduration = \"2s\"\nwarmup = \"0s\"\n";
  for (const RecordedTenant& tenant : tenants) {
    text += fmt::format("\n[[tenant]]\nname = {0}\nclass = \"{1}\"\ntrace = {2}\nmode = \"{3}\"\n", quoted(tenant.name),
                        tenant.critical ? "latency_critical" : "best_effort", quoted(tenant.name + ".csv"),
                        tenant.graph ? "graph" : "eager");
    if (tenant.quota_tpcs > 0) text += fmt::format("quota = {}\n", tenant.quota_tpcs);
    if (tenant.slo_ns > 0) text += fmt::format("slo = \"{}us\"\n", tenant.slo_ns / 1000);
    if (tenant.critical && !tenant.arrivals_us.empty())
      text += fmt::format("arrivals = {{ kind = \"file\", path = {} }}\n", quoted(tenant.name + ".arrivals.txt"));
    else text += "arrivals = { kind = \"closed\" }\n";
  }
  return text +
         "\n[[set]]\nname = \"shared\"\nscheduler = \"shared\"\nmasks = false\n\n[[set]]\nname = \"lithos\"\nscheduler "
         "= "
         "\"tpc_borrowing\"\n";
}

Status write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  return file ? Status{} : unavailable(path.string() + ": cannot be written");
}

}  // namespace

Result<std::vector<RecordedTenant>> workload_of(const PerfettoTrace& trace) {
  std::vector<RecordedTenant> tenants;
  const std::map<std::string, Tracks> all = tracks_by_tenant(trace);
  for (const auto& [name, tracks] : all) {
    RecordedTenant tenant = tenant_of(name, tracks);
    if (!tenant.kernels.empty()) tenants.push_back(std::move(tenant));
  }
  if (!tenants.empty()) return tenants;
  return not_found(all.empty() ? "no tenant is in the trace"
                               : "no tenant of the trace has a whole request with single atoms in it");
}

Status write_workload(const std::vector<RecordedTenant>& tenants, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return unavailable(folder + ": " + error.message());
  const std::filesystem::path base = folder;
  for (const RecordedTenant& tenant : tenants) {
    std::string arrivals;
    for (const double us : tenant.arrivals_us) arrivals += fmt::format("{:.3f}\n", us);
    for (const auto& [file, text] :
         {std::pair{tenant.name + ".csv", csv_of(tenant)}, std::pair{tenant.name + ".arrivals.txt", arrivals}})
      if (Status written = write_file(base / file, text); !written.ok()) return written;
  }
  return write_file(base / "workload.toml", toml_of(tenants));
}

}  // namespace lithos
