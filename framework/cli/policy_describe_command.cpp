// SPDX-License-Identifier: Apache-2.0
// lithos policy describe: everything a library says about itself, for people, machines and the reference page.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "cli/policy_check/elf_facts.hpp"
#include "cli/policy_facts.hpp"
#include "cli/report_json_policy.hpp"
#include "cli/text_table.hpp"
#include "policy_host/catalog.hpp"
#include "policy_host/kinds.hpp"
#include "policy_host/params.hpp"

namespace lithos {
namespace {

const char* type_name(std::uint32_t type) {
  switch (type) {
    case LITHOS_TYPE_BOOL: return "bool";
    case LITHOS_TYPE_I64: return "integer";
    case LITHOS_TYPE_F64: return "number";
    case LITHOS_TYPE_DURATION_NS: return "duration";
    case LITHOS_TYPE_BYTES: return "bytes";
    case LITHOS_TYPE_RATE_HZ: return "rate";
    case LITHOS_TYPE_FREQUENCY_HZ: return "frequency";
    case LITHOS_TYPE_ENUM: return "choice";
    default: return "text";
  }
}

std::vector<std::string> operations_of(const lithos_policy& policy) {
  std::vector<std::string> operations;
  switch (policy.kind) {
    case LITHOS_KIND_SCHEDULER:
      operations = {"decide"};
      if (static_cast<const lithos_scheduler_ops*>(policy.ops)->tenant_left != nullptr)
        operations.push_back("tenant_left");
      break;
    case LITHOS_KIND_PREDICTOR:
      operations = {"predict"};
      if (static_cast<const lithos_predictor_ops*>(policy.ops)->observe != nullptr) operations.push_back("observe");
      break;
    case LITHOS_KIND_RIGHT_SIZER:
      operations = {"choose"};
      if (static_cast<const lithos_right_sizer_ops*>(policy.ops)->observe != nullptr) operations.push_back("observe");
      break;
    default: operations = {"plan"}; break;
  }
  if (policy.set_param != nullptr) operations.push_back("set_param");
  return operations;
}

std::string as_toml(const lithos_param& param, const lithos_value& value) {
  const bool bare = param.type == LITHOS_TYPE_BOOL || param.type == LITHOS_TYPE_I64 || param.type == LITHOS_TYPE_F64;
  const std::string text = format_value(param, value);
  return bare ? text : '"' + text + '"';
}

void print_policy(const PolicyFacts& policy, bool colour, std::string& out) {
  out += "\n" + styled(policy.id, Tone::strong, colour) + fmt::format(" {}  {}", policy.version, policy.kind);
  if (!policy.license.empty()) out += "  " + policy.license;
  out += fmt::format("\n  {}\n  operations: {}\n", policy.summary, fmt::join(policy.operations, ", "));
  if (!policy.params.empty()) {
    TextTable table;
    for (const char* title : {"  parameter", "default", "range", "unit", "live", "meaning"})
      table.add_column(title, "", TextTable::Align::left);
    for (const ParamFacts& param : policy.params)
      table.add_row({{"  " + param.key, Tone::strong},
                     {param.def},
                     {param.range},
                     {param.unit},
                     {param.live ? "yes" : "no"},
                     {param.doc}});
    out += table.render(colour);
  }
  if (!policy.metrics.empty()) {
    TextTable table;
    for (const char* title : {"  metric", "type", "unit", "meaning"})
      table.add_column(title, "", TextTable::Align::left);
    for (const MetricFacts& metric : policy.metrics)
      table.add_row({{"  " + metric.name, Tone::strong}, {metric.type}, {metric.unit}, {metric.doc}});
    out += table.render(colour);
  }
}

std::string print_library(const LibraryFacts& library, bool colour) {
  std::string out =
      styled(library.path, Tone::strong, colour) +
      fmt::format("  {:.0f} KiB, hash {}\n  ABI {}, SDK {}, needs {}\n", static_cast<double>(library.bytes) / 1024,
                  library.hash, library.abi, library.sdk,
                  library.needed.empty() ? "nothing" : fmt::format("{}", fmt::join(library.needed, ", ")));
  for (const PolicyFacts& policy : library.policies) print_policy(policy, colour, out);
  return out;
}

std::string print_markdown(const std::vector<LibraryFacts>& libraries) {
  std::string out =
      "# Shipped policies\n\nMade by `lithos policy describe --all --markdown`; every word comes from the policies' "
      "own tables.\n";
  std::vector<const PolicyFacts*> policies;
  for (const LibraryFacts& library : libraries)
    for (const PolicyFacts& policy : library.policies) policies.push_back(&policy);
  for (const PolicyKind kind : kAllPolicyKinds) {
    out += fmt::format("\n## {}\n", name_of(kind));
    for (const PolicyFacts* policy : policies) {
      if (policy->kind != name_of(kind)) continue;
      out += fmt::format("\n### {}\n{}\n", policy->id, policy->summary);
      if (!policy->params.empty()) out += "\n| parameter | default | range | live | meaning |\n|---|---|---|---|---|\n";
      for (const ParamFacts& param : policy->params)
        out += fmt::format("| `{}` | `{}` | {} | {} | {} |\n", param.key, param.def, param.range,
                           param.live ? "yes" : "no", param.doc);
      if (!policy->metrics.empty()) out += "\n| metric | type | unit | meaning |\n|---|---|---|---|\n";
      for (const MetricFacts& metric : policy->metrics)
        out += fmt::format("| `{}` | {} | {} | {} |\n", metric.name, metric.type, metric.unit, metric.doc);
    }
  }
  return out;
}

// What to describe: the files named, or every library of the search folders once.
Result<std::vector<LibraryFacts>> gather(const PolicyDescribeArguments& arguments) {
  std::vector<std::shared_ptr<const PolicyLibrary>> libraries;
  for (const std::string& file : arguments.files) {
    auto library = PolicyLibrary::load(file);
    if (!library.ok()) return library.status();
    libraries.push_back(library.value());
  }
  PolicyCatalog catalog(policy_folders(Config{}, arguments.policy_path));
  if (arguments.all)
    for (const FoundPolicy& found : catalog.list())
      if (found.library != nullptr && std::find(libraries.begin(), libraries.end(), found.library) == libraries.end())
        libraries.push_back(found.library);
  std::vector<LibraryFacts> facts;
  for (const auto& library : libraries) {
    Result<LibraryFacts> read = facts_of(*library);
    if (!read.ok()) return read.status();
    facts.push_back(std::move(read).value());
  }
  return facts;
}

}  // namespace

PolicyFacts facts_of(const lithos_policy& policy) {
  PolicyFacts facts{policy.id,
                    policy.version,
                    name_of(static_cast<PolicyKind>(policy.kind)),
                    policy.summary,
                    policy.license,
                    operations_of(policy),
                    {},
                    {}};
  for (std::uint32_t i = 0; i < policy.n_params; ++i) {
    const lithos_param& param = *policy.params[i];
    facts.params.push_back({param.key, type_name(param.type), param.unit, as_toml(param, param.def),
                            format_range(param), param.doc, (param.flags & LITHOS_PARAM_LIVE) != 0});
  }
  for (std::uint32_t i = 0; i < policy.n_metrics; ++i) {
    const lithos_metric& metric = *policy.metrics[i];
    facts.metrics.push_back(
        {metric.name, metric.type == LITHOS_METRIC_COUNTER ? "counter" : "gauge", metric.unit, metric.doc});
  }
  return facts;
}

Result<LibraryFacts> facts_of(const PolicyLibrary& library) {
  const Result<ElfFacts> elf = read_elf_facts(library.module().path());
  if (!elf.ok()) return elf.status();
  const lithos_policy_library& table = library.table();
  LibraryFacts facts{library.module().path(),
                     library.module().hash(),
                     fmt::format("{}.{}", table.abi_major, table.abi_minor),
                     table.sdk_version != nullptr ? table.sdk_version : "unknown",
                     elf.value().bytes,
                     elf.value().needed,
                     {}};
  for (const lithos_policy* policy : library.policies()) facts.policies.push_back(facts_of(*policy));
  return facts;
}

ExitCode run_policy_describe(const PolicyDescribeArguments& arguments, Console& console) {
  if (arguments.files.empty() && !arguments.all) {
    console.err << "lithos policy describe: name a library, or --all\n";
    return ExitCode::usage;
  }
  const Result<std::vector<LibraryFacts>> libraries = gather(arguments);
  if (!libraries.ok()) {
    console.err << "lithos policy describe: " << libraries.status().message() << "\n";
    return ExitCode::bad_input;
  }
  std::string text;
  if (arguments.json) text = to_json(libraries.value());
  else if (arguments.markdown) text = print_markdown(libraries.value());
  else
    for (const LibraryFacts& library : libraries.value())
      text += (text.empty() ? "" : "\n") + print_library(library, console.colour);
  console.out << text << std::flush;
  return ExitCode::ok;
}

}  // namespace lithos
