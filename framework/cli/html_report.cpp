// SPDX-License-Identifier: Apache-2.0
#include "cli/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "cli/report/assets.hpp"
#include "daemon/json.hpp"
#include "lithos/service_abi.h"

namespace lithos {
namespace {

// What a result says that it is; each has its model in report/model.js or report/bench.js.
struct Kind {
  std::string_view key, value;
};
constexpr Kind kKinds[] = {{"format", "lithos-sim-1"},
                           {"format", "lithos-bench-policies-1"},
                           {"format", "lithos-bench-predict-1"},
                           {"format", "lithos-bench-savings-1"},
                           {"experiment", "colocate"}};

bool known(const Json& result) {
  return std::ranges::any_of(kKinds, [&](const Kind& kind) { return result.text_of(std::string(kind.key)) == kind.value; });
}

// "</script>" and "<!--" in a name would end the data or change how it is read; within JSON text "\u003c" is the same.
std::string safe_in_script(const std::string& json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<') out += "\\u003c";
    else out += c;
  }
  return out;
}

// Each {{name}} of the page replaced once; what is put in is not looked at again.
std::string fill(std::string_view page, const std::array<std::pair<std::string_view, std::string_view>, 6>& parts) {
  std::string out;
  while (!page.empty()) {
    const std::size_t open = page.find("{{"), close = open == page.npos ? page.npos : page.find("}}", open);
    if (close == page.npos) break;
    out += page.substr(0, open);
    for (const auto& [name, text] : parts)
      if (page.substr(open + 2, close - open - 2) == name) out += text;
    page.remove_prefix(close + 2);
  }
  return out += page;
}

std::string outcome_names() {
  Json names = Json::array();
  for (std::uint32_t outcome = 0; outcome < LITHOS_OUTCOMES; ++outcome) names.add(lithos_outcome_name(outcome));
  return names.dump();
}

}  // namespace

Result<std::string> render_html(const std::string& result_json) {
  const Result<Json> result = Json::parse(result_json);
  if (!result.ok()) return invalid_argument("not JSON: " + result.status().message());
  if (!known(result.value())) {
    const std::string format = result.value().text_of("format");
    return invalid_argument(fmt::format("\"format\" is {}: a report is made of what lithos sim --json or lithos bench wrote",
                                        format.empty() ? "missing" : "\"" + format + "\""));
  }
  namespace assets = report_assets;
  const std::string data = safe_in_script(result.value().dump()), outcomes = outcome_names();
  return fill(assets::page, {{{"d3_license", assets::d3_license},
                              {"css", assets::css},
                              {"result", data},
                              {"outcomes", outcomes},
                              {"d3", assets::d3},
                              {"js", assets::js}}});
}

}  // namespace lithos
