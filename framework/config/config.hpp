// SPDX-License-Identifier: Apache-2.0
// A LithOS configuration as values: what a TOML file says after every check that needs no policy library.
//
// Reading is all or nothing: parse_config() reports every mistake at once, each with file:line:column, what was expected and
// where possible a suggestion, or returns a complete Config. Policy parameters stay as text-with-position (RawValue) here, because their
// types and ranges are declared by the policy; policy_host checks them, still before anything starts.
// Pure functions and values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/status.hpp"
#include "base/time.hpp"

namespace lithos {

// Where in a file something stands, for messages: "demo.toml:12:8".
struct SourcePosition {
  std::string file;
  int line = 0;
  int column = 0;
};

// One thing wrong with a configuration. to_string(): "demo.toml:12:8: scheduler.params.slice = "abc": expected a duration
// (20us … 5ms), for example "250us"".
struct Diagnostic {
  SourcePosition where;
  std::string message;
};
std::string to_string(const Diagnostic& diagnostic);

// A scalar as written, kept with its position until somebody knows which type it should have.
struct RawValue {
  std::variant<bool, std::int64_t, double, std::string> value;
  SourcePosition where;
};

// Which policy takes a role, and its parameters. `id` is reverse DNS, or its last part when unambiguous ("tpc_borrowing").
struct PolicyChoice {
  std::string id;
  std::string path;  // a library outside the search path; empty: search
  SourcePosition where;
  std::map<std::string, RawValue> params;
};

// How the hardware shares the GPU between processes before anybody masks anything.
enum class Sharing { mps, time_slicing };

// One set of policies to compare: `[[set]]`.
struct PolicySetConfig {
  std::string name;
  Sharing sharing = Sharing::mps;
  bool masks = true;                              // false: no launch is confined and nobody owns TPCs; quotas do not count
  PolicyChoice scheduler, predictor, right_sizer, dvfs;
  double slip = 1.1;                              // slowdown that right-sizer and dvfs may cause
  Nanoseconds starvation_limit{200'000'000};      // a launch that waited this long runs anyway (DESIGN.md §5.1)
  Nanoseconds submit_ahead{20'000};               // predicted work that executors keep on the device on the queued path
  std::map<std::string, std::uint32_t> quotas;    // TPCs by tenant name, in place of the tenant's own entry
  std::map<std::string, Nanoseconds> tolerates;   // likewise
  std::vector<std::string> only;                  // tenants that take part; empty: all (["hp"] runs hp alone)
  SourcePosition where;
};

enum class ArrivalKind { closed_loop, poisson, file, bursts };
struct ArrivalConfig {
  ArrivalKind kind = ArrivalKind::closed_loop;
  double rate_per_s = 0;       // poisson; mean rate within a burst for bursts
  std::string path;            // file: one arrival time in microseconds per line
  Nanoseconds burst_length{0}; // bursts: on this long …
  Nanoseconds burst_gap{0};    // … then off this long
  std::uint64_t seed = 0;      // 0: derived from the run's seed and the tenant's name
};

enum class LaunchMode { graph, eager };
struct TenantConfig {
  std::string name;
  TenantClass tenant_class = TenantClass::best_effort;
  std::uint32_t quota_tpcs = 0;
  Nanoseconds slo{0};                    // 0: none
  Nanoseconds tolerates{1'000'000};
  std::uint64_t memory_limit_bytes = 0;  // 0: none
  std::uint32_t advertised_tpcs = 0;     // 0: all
  std::string trace;                     // CSV of kernels of one request or iteration, as a path that can be opened
  LaunchMode mode = LaunchMode::eager;
  ArrivalConfig arrivals;
  std::uint32_t pipeline_depth = 1;      // requests handed to the GPU before the first has completed
  Nanoseconds host_gap{0};               // CPU time between the end of an iteration and the next launch (synchronise, prepare)
  Nanoseconds launch_gap{0};             // eager: CPU time per launch; 0: the device model's default
  // A CUDA program on a real GPU: what starts it (lithos bench colocate), and what MPS is told of it before it starts.
  std::vector<std::string> command;
  double thread_limit = 0;               // percent of the GPU's SMs; 0: none
  std::uint32_t connections = 0;         // hardware work queues; 0: connections_of()
  bool queued = false;                   // best effort: its launches wait for their lease while it goes on
  SourcePosition where;
};

// The in-process transport's imperfections (DESIGN.md §1). Defaults are those of the real one, measured: docs/design/virtual-gpu.md, "Transport".
struct TransportConfig {
  Nanoseconds delay{500};             // a record or lease becomes visible after this
  Nanoseconds jitter{500};            // plus up to this, uniformly
  Nanoseconds reclaim_delay{150};     // a lender's pressure word: one cache line
  Nanoseconds completion_delay{2'000};  // from a kernel's end until the tenant's dispatcher has seen it
  Nanoseconds decision_delay{3'000};  // the daemon wakes, decides, publishes
  double loss = 0;                    // share of records that never arrive (a full ring drops)
  double reorder = 0;                 // share of records that are overtaken by the next
  Nanoseconds clock_offset{0};        // tenant's clock minus the engine's
};

struct RunConfig {
  Nanoseconds duration{10'000'000'000};
  Nanoseconds warmup{500'000'000};     // not counted
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;             // so many runs of each set: seed, seed + 1, …
  std::uint64_t max_requests = 0;      // stop after so many requests of open-loop tenants; 0: by duration only
};

// A plugin to load at start: `[[plugin]]`. It acts and decides nothing.
enum class PluginKind { exporter, power };
struct PluginConfig {
  PluginKind kind = PluginKind::exporter;
  PolicyChoice choice;
  std::string set;  // lithos sim: loaded for this set's first run; empty: the first set's
};

struct Config {
  std::string file;
  std::string gpu = "h200";            // built-in name, or path of a device file
  std::string kernel_rules;            // path of kernels.toml; empty: the shipped one
  RunConfig run;
  TransportConfig transport;
  std::vector<TenantConfig> tenants;
  std::vector<PolicySetConfig> sets;
  std::vector<PluginConfig> plugins;
  std::string baseline;                // name of the set that others are compared with; empty: none
  std::vector<std::string> policy_path;  // folders searched for policies, besides the installed ones
};

// A setting that a [[sweep]] made.
struct Setting {
  std::string key;    // "set.lithos.scheduler.params.atom"
  std::string label;  // "atom"
  std::string value;  // "400us"
  std::vector<std::string> sets;  // the only sets that it changes; empty: all
};

// One configuration of several that a file describes with [[case]] and [[sweep]]. A set that is the same at several points is in
// the first of them only.
struct ConfigPoint {
  std::string case_name;          // empty: the file has no cases
  std::vector<Setting> settings;
  Config config;
};

struct ParsedConfig {
  std::optional<Config> config;        // present only if there are no diagnostics; without cases and sweeps
  std::vector<Diagnostic> diagnostics;
  std::vector<ConfigPoint> points = {};  // at least one if config is present: itself, where the file has neither
};

// What a [[case]] of the file comes to. Not found: no such case, said with those that there are.
Result<Config> config_of_case(const std::vector<ConfigPoint>& points, const std::string& name);

// Paths inside the file are relative to the file.
ParsedConfig parse_config_file(const std::string& path);
ParsedConfig parse_config_text(const std::string& text, const std::string& file_name);

// What only the device can tell: the quotas of each set's tenants must fit on its TPCs.
std::vector<Diagnostic> check_against_device(const Config& config, unsigned tpcs);

// What holds for a tenant in a set: the set's own entry if it has one, else the tenant's. Without masks every quota is 0.
bool takes_part(const PolicySetConfig& set, const TenantConfig& tenant);
std::uint32_t quota_of(const PolicySetConfig& set, const TenantConfig& tenant);
// Hardware work queues of a CUDA program: the GPU has them for all, and who comes when there are none left is refused by the driver.
std::uint32_t connections_of(const Config& config, const TenantConfig& tenant);
Nanoseconds tolerates_of(const PolicySetConfig& set, const TenantConfig& tenant);

// How the audited rules treat a kernel, by the first pattern that its name matches (DESIGN.md §5.1).
enum class KernelNature { unknown, independent, co_resident, never_touch };
struct KernelRule {
  std::string pattern;  // ECMAScript regular expression, searched for in the name
  KernelNature nature = KernelNature::unknown;
  bool persistent = false;
  std::string reason;
};
struct KernelRules {
  std::vector<KernelRule> rules;
};
struct ParsedKernelRules {
  std::optional<KernelRules> rules;
  std::vector<Diagnostic> diagnostics;
};
ParsedKernelRules parse_kernel_rules_file(const std::string& path);
ParsedKernelRules parse_kernel_rules_text(const std::string& text, const std::string& file_name);

// "250us" → 250 000 ns, "40GiB", "300/s", "1980MHz". A number without a unit is an error whose message shows how to write it.
Result<Nanoseconds> parse_duration(const std::string& text);
Result<std::uint64_t> parse_bytes(const std::string& text);
Result<double> parse_rate(const std::string& text);
Result<double> parse_frequency_hz(const std::string& text);
std::string format_duration(Nanoseconds duration);  // shortest exact form: "250us"

// The closest of `known` to a misspelt word, or empty if none is near.
std::string closest_word(const std::string& word, const std::vector<std::string>& known);

}  // namespace lithos
