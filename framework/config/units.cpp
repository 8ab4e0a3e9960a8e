// SPDX-License-Identifier: Apache-2.0
// Quantities with units. Whole and fraction are kept as integers, so that what a person writes is what is meant:
// "1.5ms" is exactly 1 500 000 ns, and what does not come out even ("0.3ns") is an error and not a rounding.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "config/config.hpp"
#include "config/reference.hpp"

namespace lithos {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::int64_t kKilo = 1'000, kMega = 1'000'000, kGiga = 1'000'000'000;
constexpr std::array kTimeUnits{Unit{"ns", 1},    Unit{"us", kKilo},       Unit{"µs", kKilo},      Unit{"ms", kMega},
                                Unit{"s", kGiga}, Unit{"min", 60 * kGiga}, Unit{"h", 3600 * kGiga}};
constexpr std::array kByteUnits{Unit{"B", 1},
                                Unit{"KiB", std::int64_t{1} << 10},
                                Unit{"MiB", std::int64_t{1} << 20},
                                Unit{"GiB", std::int64_t{1} << 30},
                                Unit{"TiB", std::int64_t{1} << 40},
                                Unit{"kB", kKilo},
                                Unit{"MB", kMega},
                                Unit{"GB", kGiga}};
constexpr std::array kFrequencyUnits{Unit{"Hz", 1}, Unit{"kHz", kKilo}, Unit{"MHz", kMega}, Unit{"GHz", kGiga}};
// Rates are "per" a time: the factor is that time in milliseconds.
constexpr std::array kRateUnits{Unit{"/ms", 1}, Unit{"/s", kKilo}, Unit{"/min", 60 * kKilo}};

constexpr int kMaxFractionDigits = 12;

struct Quantity {
  bool negative = false;
  std::int64_t whole = 0;
  std::int64_t fraction = 0;        // digits after the point as a number …
  std::int64_t fraction_scale = 1;  // … over this
  Unit unit{"", 1};
};

std::string unit_list(std::span<const Unit> units, std::string_view between = ", ") {
  std::string list;
  for (const Unit& unit : units)
    if (unit.name != "µs") list.append(list.empty() ? "" : between).append(unit.name);
  return list;
}

// "-12.5ms" → sign, digits, digits, unit.
Result<Quantity> parse_quantity(const std::string& text, std::string_view what, std::string_view example,
                                std::span<const Unit> units) {
  const auto wrong = [&](std::string_view why) {
    return invalid_argument(fmt::format("{}, for example \"{}\" (units: {})", why, example, unit_list(units)));
  };
  Quantity q;
  std::string_view rest = text;
  if (rest.starts_with('-')) {
    q.negative = true;
    rest.remove_prefix(1);
  }
  const auto digits = [&rest](std::int64_t& into) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), into);
    const std::size_t used =
        error == std::errc{} && rest.front() != '-' ? static_cast<std::size_t>(end - rest.data()) : 0;
    rest.remove_prefix(used);
    return used;
  };
  if (rest.empty() || digits(q.whole) == 0) return wrong(fmt::format("expected {}", what));
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t count = rest.empty() ? 0 : digits(q.fraction);
    if (count == 0 || count > kMaxFractionDigits) return wrong(fmt::format("expected {}", what));
    for (std::size_t i = 0; i < count; ++i) q.fraction_scale *= 10;
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty()) return wrong(fmt::format("{} needs a unit", what));
  for (const Unit& unit : units)
    if (unit.name == rest) {
      q.unit = unit;
      return q;
    }
  return wrong(fmt::format("unknown unit \"{}\" for {}", rest, what));
}

// The quantity in its base unit as a whole number.
Result<std::int64_t> to_whole(const Quantity& q, const std::string& text, std::string_view base_unit) {
  std::int64_t whole = 0, part = 0, total = 0;
  const bool overflow = __builtin_mul_overflow(q.whole, q.unit.factor, &whole) ||
                        __builtin_mul_overflow(q.fraction, q.unit.factor, &part);
  if (!overflow && part % q.fraction_scale != 0)
    return invalid_argument(fmt::format("\"{}\" is not a whole number of {}", text, base_unit));
  if (overflow || __builtin_add_overflow(whole, part / q.fraction_scale, &total))
    return invalid_argument(fmt::format("\"{}\" is too large", text));
  return q.negative ? -total : total;
}

double to_double(const Quantity& q) {
  const double magnitude =
      static_cast<double>(q.whole) + static_cast<double>(q.fraction) / static_cast<double>(q.fraction_scale);
  return q.negative ? -magnitude : magnitude;
}

}  // namespace

Result<Nanoseconds> parse_duration(const std::string& text) {
  const auto quantity = parse_quantity(text, "a duration", "250us", kTimeUnits);
  if (!quantity.ok()) return quantity.status();
  const auto ns = to_whole(quantity.value(), text, "nanoseconds");
  if (!ns.ok()) return ns.status();
  return Nanoseconds{ns.value()};
}

Result<std::uint64_t> parse_bytes(const std::string& text) {
  const auto quantity = parse_quantity(text, "a size", "40GiB", kByteUnits);
  if (!quantity.ok()) return quantity.status();
  const auto bytes = to_whole(quantity.value(), text, "bytes");
  if (!bytes.ok()) return bytes.status();
  if (bytes.value() < 0) return invalid_argument("a size cannot be negative");
  return static_cast<std::uint64_t>(bytes.value());
}

Result<double> parse_rate(const std::string& text) {
  const auto quantity = parse_quantity(text, "a rate", "300/s", kRateUnits);
  if (!quantity.ok()) return quantity.status();
  return to_double(quantity.value()) * 1000.0 / static_cast<double>(quantity.value().unit.factor);
}

Result<double> parse_frequency_hz(const std::string& text) {
  const auto quantity = parse_quantity(text, "a frequency", "1980MHz", kFrequencyUnits);
  if (!quantity.ok()) return quantity.status();
  return to_double(quantity.value()) * static_cast<double>(quantity.value().unit.factor);
}

std::vector<QuantityFacts> quantities() {
  return {{"time", unit_list(kTimeUnits, " "), "250us"},
          {"size", unit_list(kByteUnits, " "), "40GiB"},
          {"rate", unit_list(kRateUnits, " "), "300/s"},
          {"frequency", unit_list(kFrequencyUnits, " "), "1980MHz"}};
}

std::string format_duration(Nanoseconds duration) {
  const std::int64_t ns = duration.count();
  if (ns == 0) return "0s";
  const std::uint64_t magnitude = ns < 0 ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  std::string shortest;
  for (const Unit& unit : std::array{Unit{"ns", 1}, Unit{"us", kKilo}, Unit{"ms", kMega}, Unit{"s", kGiga}}) {
    const auto factor = static_cast<std::uint64_t>(unit.factor);
    std::string text = fmt::format("{}", magnitude / factor);
    if (const std::uint64_t rest = magnitude % factor; rest != 0) {
      std::string fraction = fmt::format("{:0{}}", rest, fmt::formatted_size("{}", factor) - 1);
      fraction.erase(fraction.find_last_not_of('0') + 1);
      text += "." + fraction;
    }
    text += unit.name;
    // Of two equally short forms the one without a point, which comes first.
    const bool whole = text.find('.') == std::string::npos;
    if (shortest.empty() || text.size() < shortest.size() || (whole && text.size() <= shortest.size())) shortest = text;
  }
  return ns < 0 ? "-" + shortest : shortest;
}

}  // namespace lithos
