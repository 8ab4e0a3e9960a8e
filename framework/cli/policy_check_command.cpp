// SPDX-License-Identifier: Apache-2.0
// lithos policy check: runs the checks, says what was found and what to do about it.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <regex>

#include "cli/commands.hpp"
#include "cli/policy_check/check.hpp"
#include "cli/report_json_policy.hpp"

namespace lithos {
namespace {

constexpr std::array<const char*, 6> kLevels{"", "library", "parameters", "lifecycle", "decisions", "kind"};

Tone tone_of(CheckStatus status) {
  switch (status) {
    case CheckStatus::pass: return Tone::good;
    case CheckStatus::skip: return Tone::faint;
    case CheckStatus::warn: return Tone::fair;
    default: return Tone::bad;
  }
}

std::string render(const Finding& finding, const CheckOptions& options, bool colour) {
  const CheckStatus status = finding.verdict.status;
  std::string line = styled(fmt::format("{:<8}", name_of(status)), tone_of(status), colour) +
                     fmt::format("{:<40}", finding.check->name) + finding.verdict.found;
  while (line.back() == ' ') line.pop_back();
  line += "\n";
  if (status == CheckStatus::pass || status == CheckStatus::skip) return line;
  line += fmt::format("        rule     {}\n        remedy   {}\n", finding.check->rule, finding.check->remedy);
  if (!finding.policy_id.empty())
    line += fmt::format("        again    --include '^{}$' --seed {}{}\n", finding.check->name, options.seed,
                        status == CheckStatus::crash ? " --in-process, in a debugger" : "");
  return line;
}

std::string summary(const std::vector<Finding>& findings, bool colour) {
  std::array<unsigned, 6> count{};
  for (const Finding& finding : findings) ++count[static_cast<std::size_t>(finding.verdict.status)];
  std::string text;
  for (std::size_t i = 0; i < count.size(); ++i)
    if (count[i] > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count[i], name_of(static_cast<CheckStatus>(i)));
  return styled(acceptable(findings) ? "conforms" : "does not conform", acceptable(findings) ? Tone::good : Tone::bad,
                colour) +
         ": " + text + "\n";
}

std::string render(const std::vector<Finding>& findings, const CheckOptions& options, bool colour) {
  std::string text, policy;
  int level = 0;
  for (const Finding& finding : findings) {
    if (finding.level != level || finding.policy_id != policy) {
      level = finding.level;
      policy = finding.policy_id;
      text += styled(fmt::format("{} {}{}{}", level, kLevels[static_cast<std::size_t>(level)],
                                 policy.empty() ? "" : ": ", policy),
                     Tone::strong, colour) +
              "\n";
    }
    text += render(finding, options, colour);
  }
  return text + summary(findings, colour);
}

// The message for an expression that is none; empty: it is one, or nothing was given.
std::string wrong_expression(const char* option, const std::string& text) {
  try {
    (void)std::regex(text);
    return {};
  } catch (const std::regex_error&) { return fmt::format("{} {}: not a regular expression\n", option, text); }
}

}  // namespace

ExitCode run_policy_check(const PolicyCheckArguments& arguments, Console& console) {
  const std::string wrong =
      wrong_expression("--include", arguments.include) + wrong_expression("--exclude", arguments.exclude);
  if (!wrong.empty()) {
    console.err << wrong;
    return ExitCode::usage;
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(arguments.file, error)) {
    console.err << fmt::format("lithos policy check: {}: no such file\n", arguments.file);
    return ExitCode::bad_input;
  }
  const CheckOptions options{arguments.level, arguments.include, arguments.exclude,
                             arguments.seed,  arguments.timeout, arguments.in_process};
  const std::vector<Finding> findings = check_policy_library_file(arguments.file, options);
  if (arguments.json) console.out << to_json(arguments.file, arguments.seed, findings);
  else console.out << render(findings, options, console.colour);
  console.out << std::flush;
  return acceptable(findings) ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lithos
