// SPDX-License-Identifier: Apache-2.0
#include "sim/estimate.hpp"

#include <array>
#include <cmath>

namespace lithos {
namespace {

struct Quantile { std::size_t degrees; double t; };
constexpr std::array kTable{Quantile{1, 12.706}, Quantile{2, 4.303},  Quantile{3, 3.182},  Quantile{4, 2.776},  Quantile{5, 2.571},
                            Quantile{6, 2.447},  Quantile{7, 2.365},  Quantile{8, 2.306},  Quantile{9, 2.262},  Quantile{10, 2.228},
                            Quantile{11, 2.201}, Quantile{12, 2.179}, Quantile{13, 2.160}, Quantile{14, 2.145}, Quantile{15, 2.131},
                            Quantile{16, 2.120}, Quantile{17, 2.110}, Quantile{18, 2.101}, Quantile{19, 2.093}, Quantile{20, 2.086},
                            Quantile{24, 2.064}, Quantile{29, 2.045}, Quantile{39, 2.023}, Quantile{59, 2.001}, Quantile{119, 1.980}};
constexpr double kNormal = 1.960;  // with very many

}  // namespace

double student_t_975(std::size_t degrees_of_freedom) {
  if (degrees_of_freedom == 0) return 0;
  const double x = 1.0 / static_cast<double>(degrees_of_freedom);
  for (std::size_t i = 1; i < kTable.size(); ++i) {
    if (degrees_of_freedom > kTable[i].degrees) continue;
    const double x0 = 1.0 / static_cast<double>(kTable[i - 1].degrees), x1 = 1.0 / static_cast<double>(kTable[i].degrees);
    return kTable[i - 1].t + (kTable[i].t - kTable[i - 1].t) * (x - x0) / (x1 - x0);
  }
  return kNormal + (kTable.back().t - kNormal) * x * static_cast<double>(kTable.back().degrees);
}

Estimate estimate(std::span<const double> values) {
  Estimate out;
  out.runs = values.size();
  if (values.empty()) return out;
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  out.mean = sum / n;
  if (values.size() < 2) return out;
  double squares = 0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean);
  out.half_width = student_t_975(values.size() - 1) * std::sqrt(squares / (n - 1) / n);
  return out;
}

double jain_index(std::span<const double> shares) {
  double sum = 0, squares = 0;
  for (const double share : shares) sum += share, squares += share * share;
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 1.0;
}

}  // namespace lithos
