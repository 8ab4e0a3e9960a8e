// SPDX-License-Identifier: Apache-2.0
// lithos report: a result file in, an HTML file out.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/html_report.hpp"
#include "cli/output_file.hpp"
#include "config/read_file.hpp"

namespace lithos {

ExitCode run_report(const ReportArguments& arguments, Console& console) {
  const Result<std::string> json = read_text_file(arguments.result, kMaxResultBytes);
  if (!json.ok()) {
    console.err << fmt::format("lithos report: {}: {}\n", arguments.result, json.status().message());
    return ExitCode::bad_input;
  }
  const Result<std::string> page = render_html(json.value());
  if (!page.ok()) {
    console.err << fmt::format("lithos report: {}: {}\n", arguments.result, page.status().message());
    return ExitCode::bad_input;
  }
  if (const Status written = write_output(arguments.out, page.value(), "-o", console); !written.ok()) {
    console.err << "lithos report: " << written.message() << "\n";
    return ExitCode::failed;
  }
  if (arguments.out != "-")
    console.err << fmt::format("{}: {} kB, one file, opens in any browser\n", arguments.out,
                               page.value().size() / 1000);
  return ExitCode::ok;
}

}  // namespace lithos
