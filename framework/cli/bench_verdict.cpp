// SPDX-License-Identifier: Apache-2.0
// "Against the best of the others", in both readings of "best": of all, and of those that keep the SLO.
#include <fmt/format.h>

#include <cmath>

#include "cli/bench_rows.hpp"
#include "cli/comparison.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

constexpr std::string_view kOnLithos = "_on_lithos";

bool is_variant(const BenchRow& row, const std::string& subject) { return row.set == subject || row.set.starts_with(subject + "_"); }

std::vector<const BenchRow*> rivals(const BenchFile& file, const std::string& subject, bool on_lithos) {
  std::vector<const BenchRow*> rows;
  for (const BenchRow& row : file.rows)
    if (row.set != "alone" && !is_variant(row, subject) && row.set.ends_with(kOnLithos) == on_lithos) rows.push_back(&row);
  return rows;
}

// "×1.21 (static)" against the best of `others` that `counts`; "–" where there is none.
template <class Of, class Better, class Counts>
Cell against(const BenchRow& self, const std::vector<const BenchRow*>& others, Of&& of, Better&& better, Counts&& counts) {
  const BenchRow* best = nullptr;
  for (const BenchRow* row : others)
    if (counts(*row) && (best == nullptr || better(of(*row), of(*best)))) best = row;
  if (best == nullptr) return {"none", Tone::faint};
  return {fmt::format("×{} ({})", short_number(of(self) / of(*best)), best->set)};
}

// In each case against whoever is best there of those that keep the SLO there; then the geometric mean over the cases that have one.
Cell case_by_case(const BenchRow& self, const std::vector<const BenchRow*>& others) {
  double log_ratio = 0;
  int cases = 0;
  for (std::size_t c = 0; c < self.cases.size(); ++c) {
    double best = 0;
    for (const BenchRow* row : others)
      if (c < row->cases.size() && row->cases[c].attainment >= kKeepsSlo) best = std::max(best, row->cases[c].goodput);
    if (best <= 0) continue;
    log_ratio += std::log(self.cases[c].goodput / best);
    ++cases;
  }
  if (cases == 0) return {"none", Tone::faint};
  return {fmt::format("×{} ({} of {})", short_number(std::exp(log_ratio / cases)), cases, self.cases.size())};
}

void add_verdict(TextTable& table, const BenchFile& file, const BenchRow& self, const std::string& subject, bool on_lithos) {
  const std::vector<const BenchRow*> others = rivals(file, subject, on_lithos);
  if (others.empty()) return;
  const auto any = [](const BenchRow&) { return true; };
  const auto keeps = [](const BenchRow& row) { return row.attainment.mean >= kKeepsSlo; };
  const auto more = [](double a, double b) { return a > b; };
  const auto less = [](double a, double b) { return a < b; };
  const auto goodput = [](const BenchRow& row) { return row.goodput.mean; };
  table.add_row({{file.name + ": " + self.set, Tone::strong},
                 {on_lithos ? "ideas on LithOS" : "systems"},
                 against(self, others, [](const BenchRow& row) { return row.tail.mean; }, less, any),
                 against(self, others, [](const BenchRow& row) { return row.throughput.mean; }, more, keeps),
                 against(self, others, goodput, more, any),
                 against(self, others, goodput, more, keeps),
                 case_by_case(self, others)});
}

}  // namespace

std::string render_verdicts(const std::vector<BenchFile>& files, const std::string& subject, bool colour) {
  TextTable table;
  table.add_column("set", "", TextTable::Align::left);
  table.add_column("against the best of", "", TextTable::Align::left);
  table.add_column("p99");
  table.add_column("throughput, SLO kept");
  for (const char* title : {"any", "SLO kept", "case by case"}) table.add_column(title, "goodput");
  bool empty = true;
  for (const BenchFile& file : files)
    for (const BenchRow& row : file.rows) {
      if (!is_variant(row, subject)) continue;
      for (const bool on_lithos : {false, true}) add_verdict(table, file, row, subject, on_lithos);
      empty = false;
    }
  if (empty) return "";
  return table.render(colour) +
         fmt::format("\nSLO kept: only rivals that keep the SLO for {:g} % of the requests, on average over the cases; case by case: in each case\n"
                     "the best of those that keep it there, and in how many cases there is one. Systems: as they are. Ideas on LithOS: others'\n"
                     "ideas with LithOS's masks, holds, limits and priorities.\n", kKeepsSlo * 100);
}

}  // namespace lithos
