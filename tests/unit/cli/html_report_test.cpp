// SPDX-License-Identifier: Apache-2.0
#include "cli/html_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/report_json.hpp"
#include "unit/cli/support.hpp"

namespace lithos {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string page_of(const std::vector<SetReport>& reports) {
  const Result<std::string> page = render_html(to_json(testing::two_tenants(), reports));
  EXPECT_TRUE(page.ok()) << page.status().message();
  return page.ok() ? page.value() : "";
}

TEST(HtmlReport, LoadsNothing) {
  const std::string page = page_of(testing::two_sets());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* loader : {"<link", "<script src", "<img", "@import", "url(http", "{{"})
    EXPECT_THAT(page, Not(HasSubstr(loader)));
}

TEST(HtmlReport, NamesTheLicenceOfWhatItContains) {
  EXPECT_THAT(page_of(testing::two_sets()), HasSubstr("Copyright (c) 2010-2016, Michael Bostock"));
}

TEST(HtmlReport, NamesCannotEndTheDataOrBeScript) {
  std::vector<SetReport> reports = testing::two_sets();
  reports[0].name = "</script><script>alert(1)</script><!--";
  const std::string page = page_of(reports);
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, HasSubstr("\\u003c/script>"));
}

TEST(HtmlReport, SaysWhatItCannotShow) {
  EXPECT_THAT(render_html("no json").status().message(), HasSubstr("not JSON"));
  EXPECT_THAT(render_html("[1]").status().message(), HasSubstr("\"format\" is missing"));
  EXPECT_THAT(render_html(R"({"format": "other"})").status().message(), HasSubstr("lithos sim --json"));
}

}  // namespace
}  // namespace lithos
