// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "observe/metric_catalogue.hpp"

int main() { std::fputs(lithos::metric_reference().c_str(), stdout); }
