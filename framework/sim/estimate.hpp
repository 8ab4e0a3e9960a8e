// SPDX-License-Identifier: Apache-2.0
// A mean over several runs and how far it can be trusted: the 95 % confidence interval by Student's t, which holds for few runs whose
// results are roughly normal. Pure; any thread. The same numbers in the same order give the same bytes.
#pragma once

#include <cstddef>
#include <span>

namespace lithos {

struct Estimate {
  double mean = 0;
  double half_width = 0;  // the interval is mean ± this; 0 for a single run, of which nothing is known
  std::size_t runs = 0;
};

Estimate estimate(std::span<const double> values);

// The 97.5 % quantile of Student's t; between the tabled degrees of freedom interpolated in 1/degrees, exact to three digits.
double student_t_975(std::size_t degrees_of_freedom);

// Jain's index of fairness: 1 when all shares are equal, 1/n when one has everything; 1 for none.
double jain_index(std::span<const double> shares);

}  // namespace lithos
