// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/tpc_ranges.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

Cell count(const Json& json, const std::string& key) { return {std::to_string(json.integer_of(key))}; }

std::string table_of_policies(const Json& policies, bool colour) {
  TextTable table;
  for (const char* title : {"kind", "policy", "version"}) table.add_column(title, "", TextTable::Align::left);
  for (const char* title : {"calls", "fallbacks", "faults"}) table.add_column(title);
  table.add_column("content", "", TextTable::Align::left);
  table.add_column("last fault", "", TextTable::Align::left);
  for (const Json& one : policies.items_or_none()) {
    const bool faulty = one.integer_of("faults") > 0;
    table.add_row({{one.text_of("kind")},
                   {one.text_of("policy"), Tone::strong},
                   {one.text_of("version")},
                   count(one, "calls"),
                   count(one, "fallbacks"),
                   {std::to_string(one.integer_of("faults")), faulty ? Tone::bad : Tone::plain},
                   {one.text_of("hash"), Tone::faint},
                   {one.text_of("last_fault")}});
  }
  return table.render(colour);
}

// One look: who works where, who waits, who is late. `lithos top` shows the same over time.
std::string table_of_tenants(const Json& tenants, bool colour) {
  const auto ms = [](double ns) { return ns > 0 ? fmt::format("{:.3g}", ns / 1e6) : std::string("–"); };
  TextTable table;
  for (const char* title : {"tenant", "class"}) table.add_column(title, "", TextTable::Align::left);
  for (const char* title : {"quota", "leased", "working"}) table.add_column(title, "TPCs");
  table.add_column("queued");
  for (const char* title : {"p50", "p99", "SLO"}) table.add_column(title, "ms");
  table.add_column("SLO met");
  table.add_column("requests");
  for (const Json& one : tenants.items_or_none()) {
    const double met = one.number_of("slo_attainment");
    const bool has_slo = one.integer_of("slo_ns") > 0 && !one["slo_attainment"].is_null();
    const auto working = from_ranges(one.text_of("working"));
    table.add_row({{one.text_of("name"), Tone::strong},
                   {one.text_of("class")},
                   count(one, "quota_tpcs"),
                   count(one, "leased_tpcs"),
                   {fmt::format("{}", working.has_value() ? working->count() : 0)},
                   {one["queued"].is_null() ? "–" : std::to_string(one.integer_of("queued"))},
                   {ms(one["latency_ns"].number_of("p50"))},
                   {ms(one["latency_ns"].number_of("p99"))},
                   {ms(one.number_of("slo_ns"))},
                   {has_slo ? fmt::format("{:.1f}%", 100 * met) : "–", has_slo && met < 0.99 ? Tone::bad : Tone::plain},
                   count(one, "requests_completed")});
  }
  return table.render(colour);
}

std::string render_status(const Json& status, bool colour) {
  const Json& policies = status["policies"];
  std::string text =
      fmt::format("lithosd, process {}, up {:.0f} s; {} ({} GPU, {} TPCs); set \"{}\" of {}\n",
                  status.integer_of("pid"), status.number_of("uptime_s"), status.text_of("gpu"),
                  status.text_of("device"), status.integer_of("tpcs"), status.text_of("set"), status.text_of("config"));
  text += fmt::format("tenants {} (of {} that ever joined); decisions {}; completions {}\n",
                      status.integer_of("tenants"), status.integer_of("tenants_joined"), status.integer_of("decisions"),
                      status.integer_of("device_completions"));
  const bool probation = policies.flag_of("in_probation");
  text += fmt::format("policies: generation {}{}; swaps {}, refused {}, rolled back {}, demoted {}\n\n",
                      policies.integer_of("generation"), probation ? ", in probation: the old ones are warm" : "",
                      policies.integer_of("swaps"), policies.integer_of("failed_changes"),
                      policies.integer_of("rollbacks"), policies.integer_of("demotions"));
  text += table_of_policies(policies["policies"], colour);
  if (!status["tenant_list"].items_or_none().empty()) text += "\n" + table_of_tenants(status["tenant_list"], colour);
  const auto remark = [&](bool shown, const std::string& sentence) {
    if (shown) text += styled(sentence, Tone::fair, colour) + "\n";
  };
  text += "\n";
  const Json& prediction = policies["prediction"];
  remark(prediction.integer_of("bad_windows") > 0,
         fmt::format("predictor: off by {:.0f} %, the built-in one by {:.0f} %",
                     100 * prediction.number_of("off_share"), 100 * prediction.number_of("builtin_off_share")));
  remark(!policies.text_of("last_event").empty(), "guard: " + policies.text_of("last_event"));
  remark(status.integer_of("quarantined") > 0,
         fmt::format("quarantined libraries: {} (lithos policy quarantine)", status.integer_of("quarantined")));
  remark(policies.integer_of("modules_leaked") + policies.integer_of("modules_pinned") > 0,
         fmt::format("libraries that could not be unloaded: {}",
                     policies.integer_of("modules_leaked") + policies.integer_of("modules_pinned")));
  remark(status.text_of("last_daemon") != "ended in an orderly way",
         "the daemon before this one " + status.text_of("last_daemon") + " (lithos policy exits)");
  return text;
}

std::string render_tenants(const Json& tenants, bool colour) {
  if (tenants.items_or_none().empty()) return "no tenant is attached\n";
  TextTable table;
  for (const char* title : {"tenant", "class", "pressure"}) table.add_column(title, "", TextTable::Align::left);
  table.add_column("pid");
  for (const char* title : {"quota", "own", "leased"}) table.add_column(title, "TPCs");
  for (const char* title : {"submitted", "completed", "in flight"}) table.add_column(title, "atoms");
  for (const char* title : {"taken", "bad", "dropped"}) table.add_column(title, "records");
  for (const Json& one : tenants.items_or_none())
    table.add_row({{one.text_of("name"), Tone::strong},
                   {one.text_of("class")},
                   {one.text_of("pressure")},
                   count(one, "pid"),
                   count(one, "quota_tpcs"),
                   count(one, "own_tpcs"),
                   count(one, "leased_tpcs"),
                   count(one, "atoms_submitted"),
                   count(one, "atoms_completed"),
                   count(one, "device_in_flight"),
                   count(one, "records"),
                   count(one, "records_bad"),
                   count(one, "records_dropped")});
  return table.render(colour);
}

std::string render_list(const Json& answer, bool colour) {
  TextTable table;
  for (const char* title : {"kind", "policy", "version", "content", "library"})
    table.add_column(title, "", TextTable::Align::left);
  for (const Json& one : answer["policies"].items_or_none()) {
    const bool out = one.flag_of("quarantined");
    table.add_row({{one.text_of("kind")},
                   {one.text_of("policy"), Tone::strong},
                   {one.text_of("version")},
                   {one.text_of("hash"), Tone::faint},
                   {(one.text_of("path").empty() ? "compiled in" : one.text_of("path")) + (out ? " (quarantined)" : ""),
                    out ? Tone::bad : Tone::plain}});
  }
  std::string text = table.render(colour);
  for (const Json& problem : answer["unusable"].items_or_none())
    if (problem.text() != nullptr) text += styled("not usable: " + *problem.text(), Tone::fair, colour) + "\n";
  return text;
}

std::string render_change(const Json& report) {
  std::string text;
  for (const Json& change : report["changes"].items_or_none())
    if (change.text() != nullptr) text += *change.text() + "\n";
  text += fmt::format("generation {}: prepared in {:.1f} ms beside the running policies; decisions waited {:.1f} us\n",
                      report.integer_of("generation"), report.number_of("prepare_us") / 1000,
                      std::max(report.number_of("pause_us"), report.number_of("longest_refresh_us")));
  if (const double probation_s = report.number_of("probation_s"); probation_s > 0)
    text += fmt::format("in probation for {:g} s: the old policies stay warm (lithos policy rollback)\n", probation_s);
  return text;
}

std::string render_plan(const Json& plan) {
  if (plan.items_or_none().empty()) return "nothing to do\n";
  std::string text;
  for (const Json& sentence : plan.items_or_none())
    if (sentence.text() != nullptr) text += *sentence.text() + "\n";
  return text;
}

std::string render_exits(const Json& exits) {
  if (exits.items_or_none().empty()) return "nothing has ended\n";
  std::string text;
  for (const Json& one : exits.items_or_none()) {
    const std::string who =
        one.text_of("policy").empty() ? "no policy" : one.text_of("kind") + " " + one.text_of("policy");
    text += fmt::format("{}: {}: {} ({}); {} decisions kept\n", one.integer_of("number"), one.text_of("what"), who,
                        one.text_of("message"), one["last_decisions"].items_or_none().size());
  }
  return text;
}

}  // namespace

std::string render_answer(const std::string& request, const Json& answer, bool colour) {
  if (request == "status") return render_status(answer, colour);
  if (request == "tenants") return render_tenants(answer, colour);
  if (request == "policy.list") return render_list(answer, colour);
  if (request == "config.plan") return render_plan(answer);
  if (request == "policy.exits") return render_exits(answer);
  if (answer["generation"].integer() != nullptr) return render_change(answer);
  if (answer.text() != nullptr) return *answer.text() + "\n";
  return answer.dump() + "\n";
}

}  // namespace lithos
