// SPDX-License-Identifier: Apache-2.0
// Preparing, committing and retiring sets of policies. What operators and the guard ask for is in
// policy_manager_changes.cpp.
#include "daemon/policy_manager.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "daemon/call_clock.hpp"
#include "daemon/clock.hpp"
#include "daemon/json.hpp"
#include "engine/gpu_info.hpp"
#include "policy_host/builtin.hpp"
#include "policy_host/catalog.hpp"

namespace lithos {
namespace {

constexpr std::chrono::milliseconds kBoundaryLimit{5000};  // the watchdog acts before that
constexpr int kThreadEndTries = 50;

std::size_t count_threads() {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/task", error), end; !error && at != end; at.increment(error))
    ++count;
  return count;
}

bool is_builtin(const PolicyChoice& choice) { return choice.path.empty() && choice.id.starts_with("builtin."); }

Json to_json(const RawValue& raw) {
  return std::visit([](const auto& value) { return Json(value); }, raw.value);
}

}  // namespace

// Slow answers are used and belong to a busy machine; everything else is the policy's doing.
std::uint64_t strikes_of(const PolicyFaults& faults, PolicyKind kind) {
  return faults.of(kind) - faults.of(kind, FaultReason::slow);
}

PolicyManager::PolicyManager(const PolicyManagerOptions& options, const DaemonConfig& config)
    : options_(options),
      config_(config),
      progress_(options.inject),
      quarantine_(options.state_folder),
      quality_(options.quality) {}

PolicyManager::~PolicyManager() { detach(); }

void PolicyManager::detach() {
  thread_ = nullptr;
  if (warm_.set != nullptr) retire(std::move(warm_));
  warm_ = {};
}

void PolicyManager::log(LogEvent event, const std::string& text, int level) const {
  if (options_.log) options_.log(event, text, level);
}

GuardOptions PolicyManager::guard() const {
  GuardOptions guard;
  guard.clock = call_clock();
  guard.soft_limit = options_.soft_limit;
  guard.hard_limit = options_.hard_limit;
  guard.judge_predictor = options_.quality.windows > 0;
  if (options_.black_box != nullptr) guard.mark = &options_.black_box->content().engine;
  guard.log = [sink = options_.log](PolicyKind kind, int level, const std::string& text) {
    if (sink) sink(LogEvent::policy_says, fmt::format("{} policy: {}", name_of(kind), text), level);
  };
  return guard;
}

Result<std::shared_ptr<PolicySet>> PolicyManager::start() {
  const std::vector<PolicyKind> all(kAllPolicyKinds.begin(), kAllPolicyKinds.end());
  for (const PolicyKind kind : all) {
    PolicyChoice& choice = choice_of(config_.set, kind);
    const Result<ResolvedPolicy> resolved = resolve_policy(kind, choice, options_.folders, quarantine_);
    if (resolved.ok() || resolved.status().code() != StatusCode::unavailable) continue;
    totals_.last_event =
        fmt::format("{}: {}; the built-in fallback decides", name_of(kind), resolved.status().message());
    log(LogEvent::policy_replaced_at_start, totals_.last_event);
    choice = PolicyChoice{builtin_policy(kind).id, {}, choice.where, {}};
  }
  Result<Prepared> prepared = prepare(config_.set, all);
  if (!prepared.ok()) return prepared.status();
  current_ = prepared->set;
  quality_.restart(current_->prediction_score(), monotonic_now());
  paths_ = prepared->paths;
  threads_started_ = prepared->threads_started;
  note_next(*current_, paths_);
  if (options_.black_box != nullptr) options_.black_box->next_is_active();
  if (Status status = persist(); !status.ok()) log(LogEvent::policy_not_kept, status.message());
  return current_;
}

// Everything that can fail before the commit. The set in force goes on deciding meanwhile.
Result<PolicyManager::Prepared> PolicyManager::prepare(const PolicySetConfig& next,
                                                       const std::vector<PolicyKind>& kinds) {
  std::vector<ResolvedPolicy> resolved;
  if (Status status = progress_.enter(ChangeStep::resolve); !status.ok()) return status;
  for (const PolicyKind kind : kinds) {
    if (Status status = progress_.enter(ChangeStep::verify); !status.ok()) return status;
    Result<ResolvedPolicy> policy = resolve_policy(kind, choice_of(next, kind), options_.folders, quarantine_);
    if (!policy.ok())
      return Status(policy.status().code(), fmt::format("{}: {}", name_of(kind), policy.status().message()));
    resolved.push_back(std::move(policy).value());
  }
  Prepared prepared;
  prepared.config = next;
  prepared.paths = paths_;
  const std::size_t threads_before = count_threads();
  if (Status status = load(kinds, resolved, prepared); !status.ok()) return status;
  const std::size_t threads_after = count_threads();
  prepared.threads_started = threads_after > threads_before ? threads_after - threads_before : 0;
  return prepared;
}

Status PolicyManager::load(const std::vector<PolicyKind>& kinds, std::vector<ResolvedPolicy>& resolved,
                           Prepared& prepared) {
  if (Status status = progress_.enter(ChangeStep::load); !status.ok()) return status;
  PolicySetConfig loading = prepared.config;
  for (const ResolvedPolicy& policy : resolved) {
    PolicyChoice& choice = choice_of(loading, policy.kind);
    choice.id = policy.id;
    choice.path = policy.copy != nullptr ? policy.copy->path() : "";
    prepared.paths[index_of(policy.kind)] = policy.path;
  }
  // Somebody must be there to blame if this crashes: constructors, the entry function and create() run from here on.
  if (options_.black_box != nullptr && !resolved.empty()) {
    const auto foreign =
        std::find_if(resolved.begin(), resolved.end(), [](const ResolvedPolicy& p) { return p.copy != nullptr; });
    const ResolvedPolicy& blamed = foreign != resolved.end() ? *foreign : resolved.front();
    options_.black_box->set_candidate(blamed.kind, blamed.id, blamed.path, blamed.hash);
  }
  if (Status status = progress_.enter(ChangeStep::create); !status.ok()) {
    if (options_.black_box != nullptr) options_.black_box->clear_candidate();
    return status;
  }
  PolicyCatalog catalog({});  // by path only, and a fresh one each time: it remembers libraries by their path
  CreatedPolicySet created =
      current_ != nullptr
          ? PolicySet::replace(*current_, kinds, loading, catalog)
          : PolicySet::create(loading, catalog, gpu_info(config_.gpu, config_.config.run.seed), guard());
  if (options_.black_box != nullptr) options_.black_box->clear_candidate();
  if (created.set == nullptr) return invalid_argument(join_lines(created.diagnostics));
  for (const ResolvedPolicy& policy : resolved) {
    const PolicyDescription description = created.set->description(policy.kind);
    if (description.id != policy.id || description.version != policy.version)
      return invalid_argument(fmt::format("{}: its manifest says {} {}, its table {} {}", policy.path, policy.id,
                                          policy.version, description.id, description.version));
  }
  prepared.set = std::move(created.set);
  return {};
}

// Writes down beforehand who will be to blame.
void PolicyManager::note_next(const PolicySet& set, const std::array<std::string, kPolicyKinds>& paths) {
  if (options_.black_box == nullptr) return;
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyDescription& description = set.description(kind);
    options_.black_box->set_next(kind, description.id, paths[index_of(kind)], description.hash);
  }
}

// One exchange on the engine thread, between two decisions. Returns how long decisions had to wait, in microseconds.
Result<double> PolicyManager::commit(Prepared prepared, bool keep_old_warm) {
  if (Status status = progress_.enter(ChangeStep::commit); !status.ok()) return status;
  Warm before_old = std::exchange(warm_, {});
  Warm old{current_, config_.set, paths_, threads_started_, monotonic_now() + options_.probation};
  struct Exchanged {
    double pause_us = 0;
    PredictionScore score;  // not 0 if the predictor stays or comes back; the engine's thread writes it meanwhile
  } exchanged;
  const std::shared_ptr<PolicySet> next = prepared.set;
  for (const PolicyKind kind : kAllPolicyKinds) strikes_before_[index_of(kind)] = strikes_of(next->faults(), kind);
  note_next(*next, prepared.paths);
  paths_ = prepared.paths;
  const auto exchange = [room = &thread_->room(), next, box = options_.black_box] {
    const Nanoseconds began = monotonic_now();
    if (box != nullptr) box->next_is_active();  // from now on the new one is to blame
    (void)room->exchange_policies(next, began);
    return Exchanged{to_us(monotonic_now() - began), next->prediction_score()};
  };
  if (!thread_->mailbox().ask<Exchanged>(exchange, exchanged, kBoundaryLimit)) {
    warm_ = std::move(before_old);
    return internal_error("the engine thread does not answer");
  }
  if (!next->shares(PolicyKind::predictor, *current_)) quality_.restart(exchanged.score, monotonic_now());
  current_ = next;
  config_.set = std::move(prepared.config);
  threads_started_ = prepared.threads_started;
  ++generation_;
  ++totals_.swaps;
  window_began_ = monotonic_now();
  prepared.set.reset();
  if (before_old.set != nullptr) retire(std::move(before_old));
  if (keep_old_warm) warm_ = std::move(old);
  else retire(std::move(old));
  return exchanged.pause_us;
}

// Destroys a set that nobody asks any more, and looks whether its libraries are gone.
void PolicyManager::retire(Warm warm) {
  std::vector<std::shared_ptr<const void>> libraries = warm.set->libraries();
  const std::size_t threads_before = count_threads();
  warm.set.reset();
  std::size_t left = count_threads();
  const std::size_t expected = threads_before - std::min(threads_before, warm.threads_started);
  for (int i = 0; warm.threads_started > 0 && left > expected && i < kThreadEndTries; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // a joined thread leaves /proc a moment later
    left = count_threads();
  }
  if (warm.threads_started > 0 && left > expected) {
    // Code that a thread still runs must stay where it is.
    for (std::shared_ptr<const void>& library : libraries)
      if (library.use_count() == 1) pinned_.push_back(std::move(library));
    totals_.modules_pinned = pinned_.size();
    totals_.last_event = "a retired policy left a thread running; its library stays loaded for ever";
    log(LogEvent::policy_thread_left, totals_.last_event);
  }
  const std::uint64_t leaked_before = Module::leaked();
  libraries.clear();
  if (Module::leaked() > leaked_before) log(LogEvent::policy_library_left, "a retired policy's library could not be unloaded");
}

// What a crash must not lose: the configuration as applied, and the policies as swapped since.
Status PolicyManager::persist() {
  if (Status status = progress_.enter(ChangeStep::persist); !status.ok()) return status;
  if (options_.state_folder.empty()) return {};
  Json policies = Json::object();
  policies.set("set", config_.set.name);
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyChoice& choice = choice_of(config_.set, kind);
    Json params = Json::object();
    for (const auto& [key, value] : choice.params) params.set(key, to_json(value));
    Json one = Json::object();
    one.set("policy", choice.id).set("path", choice.path).set("builtin", is_builtin(choice)).set("params", params);
    policies.set(name_of(kind), one);
  }
  if (Status status = write_file_atomically(options_.state_folder + "/in-force.json", policies.dump() + "\n");
      !status.ok())
    return status;
  return write_file_atomically(options_.state_folder + "/last-good.toml", config_.text);
}

}  // namespace lithos
