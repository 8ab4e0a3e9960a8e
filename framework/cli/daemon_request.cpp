// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_request.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace lithos {
namespace {

// A TOML scalar as a person types it: 4, 0.5, true, "250us" without its quotes.
Json scalar_of(const std::string& text) {
  if (Result<Json> json = Json::parse(text);
      json.ok() && json.value().items() == nullptr && !json.value().is_object() && !json.value().is_null())
    return std::move(json).value();
  return text;
}

// "scheduler.slice=250us" into its parts; false: not of that form.
bool split_param(const std::string& text, std::string& kind, std::string& key, std::string& value) {
  const std::size_t dot = text.find('.'), equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot > equals) return false;
  kind = text.substr(0, dot);
  key = text.substr(dot + 1, equals - dot - 1);
  value = text.substr(equals + 1);
  return true;
}

Result<Json> swap_arguments(const DaemonArguments& arguments) {
  Json changes = Json::array();
  for (const std::string& word : arguments.words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos)
      return invalid_argument(fmt::format("\"{}\": expected KIND=POLICY, for example scheduler=tpc_borrowing", word));
    const std::string kind = word.substr(0, equals), policy = word.substr(equals + 1);
    Json params = Json::object();
    for (const std::string& text : arguments.params) {
      std::string of, key, value;
      if (!split_param(text, of, key, value))
        return invalid_argument(fmt::format("--param {}: expected KIND.KEY=VALUE", text));
      if (of == kind) params.set(key, scalar_of(value));
    }
    const bool is_path = policy.find('/') != std::string::npos || policy.ends_with(".so");
    Json change = Json::object();
    change.set("kind", kind).set("params", params);
    changes.add(is_path ? change.set("path", std::filesystem::absolute(policy).string())
                        : change.set("policy", policy));
  }
  Json json = Json::object();
  return json.set("changes", changes);
}

}  // namespace

Result<Json> request_arguments(const DaemonArguments& arguments) {
  Json json = Json::object();
  const std::string first = arguments.words.empty() ? "" : arguments.words.front();
  if (arguments.request == "policy.swap") return swap_arguments(arguments);
  if (arguments.request == "config.plan" || arguments.request == "config.apply") {
    if (!first.empty()) json.set("path", std::filesystem::absolute(first).string());
    return arguments.set.empty() ? json : json.set("set", arguments.set);
  }
  if (arguments.request == "policy.fallback") return first.empty() ? json : json.set("kind", first);
  if (arguments.request == "policy.release") return json.set("which", first);
  if (arguments.request == "params.set") {
    std::string kind, key, value;
    if (arguments.words.size() != 2 || !split_param(first + "=" + arguments.words[1], kind, key, value))
      return invalid_argument("expected KIND.KEY VALUE, for example scheduler.atom_length 500us");
    return json.set("kind", kind).set("key", key).set("value", scalar_of(value));
  }
  return json;
}

}  // namespace lithos
