// SPDX-License-Identifier: Apache-2.0
#include "policy_host/params.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

namespace lithos {
namespace {

constexpr double kUnboundedReal = std::numeric_limits<double>::max();

std::string as_written(const RawValue& raw) {
  struct Printer {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return '"' + v + '"'; }
  };
  return std::visit(Printer{}, raw.value);
}

std::string format_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (unit < 4 && bytes != 0 && bytes % 1024 == 0) bytes /= 1024, ++unit;
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

std::string format_frequency(double hertz) {
  if (hertz >= 1e9 && std::fmod(hertz, 1e9) == 0) return fmt::format("{}GHz", hertz / 1e9);
  if (hertz >= 1e6) return fmt::format("{}MHz", hertz / 1e6);
  if (hertz >= 1e3) return fmt::format("{}kHz", hertz / 1e3);
  return fmt::format("{}Hz", hertz);
}

bool has_bounds(const lithos_param& param) {
  if (param.type == LITHOS_TYPE_BOOL || param.type == LITHOS_TYPE_STRING) return false;
  if (param.type == LITHOS_TYPE_ENUM) return true;
  if (is_real(param.type)) return param.max.as.f64 < kUnboundedReal || param.min.as.f64 > -kUnboundedReal;
  return param.max.as.i64 < std::numeric_limits<std::int64_t>::max() ||
         param.min.as.i64 > std::numeric_limits<std::int64_t>::min();
}

// "a duration", for "expected a duration (20us … 5ms), for example "250us"".
const char* name_of_type(std::uint32_t type) {
  switch (type) {
    case LITHOS_TYPE_BOOL: return "true or false";
    case LITHOS_TYPE_I64: return "a whole number";
    case LITHOS_TYPE_F64: return "a number";
    case LITHOS_TYPE_DURATION_NS: return "a duration";
    case LITHOS_TYPE_BYTES: return "a size in bytes";
    case LITHOS_TYPE_RATE_HZ: return "a rate";
    case LITHOS_TYPE_FREQUENCY_HZ: return "a frequency";
    case LITHOS_TYPE_ENUM: return "one of";
    default: return "text";
  }
}

bool written_as_text(std::uint32_t type) { return type >= LITHOS_TYPE_DURATION_NS && type <= LITHOS_TYPE_STRING; }

std::string expected(const lithos_param& param) {
  std::string text = name_of_type(param.type);
  const std::string range = format_range(param);
  if (param.type == LITHOS_TYPE_ENUM) return fmt::format("{} {}", text, range);
  if (param.unit[0] != '\0' && (param.type == LITHOS_TYPE_I64 || param.type == LITHOS_TYPE_F64))
    text += fmt::format(" of {}", param.unit);
  if (!range.empty()) text += fmt::format(" ({})", range);
  if (param.type == LITHOS_TYPE_BOOL || param.type == LITHOS_TYPE_STRING) return text;
  const std::string example = format_value(param, param.def);
  const char* quote = written_as_text(param.type) ? "\"" : "";
  return text + fmt::format(", for example {}{}{}", quote, example, quote);
}

// A number in the parameter's own type, or nothing when what is written is of another type.
std::optional<double> read_real(const lithos_param& param, const RawValue& raw) {
  if (param.type == LITHOS_TYPE_F64) {
    if (const auto* real = std::get_if<double>(&raw.value)) return *real;
    if (const auto* whole = std::get_if<std::int64_t>(&raw.value)) return static_cast<double>(*whole);
    return std::nullopt;
  }
  const auto* text = std::get_if<std::string>(&raw.value);
  if (text == nullptr) return std::nullopt;
  const Result<double> parsed = param.type == LITHOS_TYPE_RATE_HZ ? parse_rate(*text) : parse_frequency_hz(*text);
  return parsed.ok() ? std::optional(parsed.value()) : std::nullopt;
}

std::optional<std::int64_t> read_integer(const lithos_param& param, const RawValue& raw) {
  if (param.type == LITHOS_TYPE_I64) {
    const auto* whole = std::get_if<std::int64_t>(&raw.value);
    return whole != nullptr ? std::optional(*whole) : std::nullopt;
  }
  const auto* text = std::get_if<std::string>(&raw.value);
  if (text == nullptr) return std::nullopt;
  if (param.type == LITHOS_TYPE_DURATION_NS) {
    const Result<Nanoseconds> parsed = parse_duration(*text);
    return parsed.ok() ? std::optional<std::int64_t>(parsed.value().count()) : std::nullopt;
  }
  const Result<std::uint64_t> parsed = parse_bytes(*text);
  if (!parsed.ok() || parsed.value() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return static_cast<std::int64_t>(parsed.value());
}

// Reads one value; the returned text says what was expected, empty when all is well.
std::string read_value(const lithos_param& param, const RawValue& raw, lithos_value& out,
                       std::deque<std::string>& texts) {
  out = {param.type, 0, {}};
  if (param.type == LITHOS_TYPE_BOOL) {
    const bool* flag = std::get_if<bool>(&raw.value);
    if (flag == nullptr) return expected(param);
    out.as.i64 = *flag ? 1 : 0;
    return {};
  }
  if (param.type == LITHOS_TYPE_STRING) {
    const auto* text = std::get_if<std::string>(&raw.value);
    if (text == nullptr) return expected(param);
    out.as.text = texts.emplace_back(*text).c_str();
    return {};
  }
  if (param.type == LITHOS_TYPE_ENUM) {
    const auto* text = std::get_if<std::string>(&raw.value);
    std::vector<std::string> known;
    for (std::int64_t i = 0; param.choices[i] != nullptr; ++i) {
      known.emplace_back(param.choices[i]);
      if (text == nullptr || *text != known.back()) continue;
      out.as.i64 = i;
      return {};
    }
    const std::string near = text != nullptr ? closest_word(*text, known) : std::string();
    return expected(param) + (near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near));
  }
  if (is_real(param.type)) {
    const std::optional<double> real = read_real(param, raw);
    // Written so that NaN fails.
    if (!real || !(*real >= param.min.as.f64 && *real <= param.max.as.f64)) return expected(param);
    out.as.f64 = *real;
    return {};
  }
  const std::optional<std::int64_t> whole = read_integer(param, raw);
  if (!whole || *whole < param.min.as.i64 || *whole > param.max.as.i64) return expected(param);
  out.as.i64 = *whole;
  return {};
}

Diagnostic unknown_key(const std::string& key, const RawValue& raw, const lithos_param* const* table,
                       std::uint32_t count, const std::string& context) {
  if (count == 0) return {raw.where, fmt::format("{}.{}: this policy has no parameters", context, key)};
  std::vector<std::string> known;
  for (std::uint32_t i = 0; i < count; ++i) known.emplace_back(table[i]->key);
  const std::string near = closest_word(key, known);
  if (!near.empty())
    return {raw.where, fmt::format("{}.{}: unknown parameter; did you mean \"{}\"?", context, key, near)};
  return {raw.where, fmt::format("{}.{}: unknown parameter; known are {}", context, key, fmt::join(known, ", "))};
}

}  // namespace

std::string format_value(const lithos_param& param, const lithos_value& value) {
  switch (param.type) {
    case LITHOS_TYPE_BOOL: return value.as.i64 != 0 ? "true" : "false";
    case LITHOS_TYPE_F64: return fmt::format("{}", value.as.f64);
    case LITHOS_TYPE_DURATION_NS: return format_duration(Nanoseconds(value.as.i64));
    case LITHOS_TYPE_BYTES: return format_bytes(value.as.i64);
    case LITHOS_TYPE_RATE_HZ: return fmt::format("{}/s", value.as.f64);
    case LITHOS_TYPE_FREQUENCY_HZ: return format_frequency(value.as.f64);
    case LITHOS_TYPE_ENUM: return param.choices[value.as.i64];
    case LITHOS_TYPE_STRING: return value.as.text;
    default: return std::to_string(value.as.i64);
  }
}

std::string format_range(const lithos_param& param) {
  if (!has_bounds(param)) return {};
  if (param.type == LITHOS_TYPE_ENUM) {
    std::string all;
    for (std::int64_t i = 0; param.choices[i] != nullptr; ++i)
      all += (i == 0 ? "\"" : ", \"") + std::string(param.choices[i]) + "\"";
    return all;
  }
  const bool open_above = is_real(param.type) ? param.max.as.f64 >= kUnboundedReal
                                              : param.max.as.i64 == std::numeric_limits<std::int64_t>::max();
  const bool open_below = is_real(param.type) ? param.min.as.f64 <= -kUnboundedReal
                                              : param.min.as.i64 == std::numeric_limits<std::int64_t>::min();
  if (open_above) return "at least " + format_value(param, param.min);
  if (open_below) return "at most " + format_value(param, param.max);
  return fmt::format("{} … {}", format_value(param, param.min), format_value(param, param.max));
}

std::vector<Diagnostic> resolve_params(const std::map<std::string, RawValue>& given, const lithos_param* const* table,
                                       std::uint32_t count, const std::string& context, ResolvedParams& result) {
  std::vector<Diagnostic> wrong;
  result.values.clear();
  for (std::uint32_t i = 0; i < count; ++i) result.values.push_back(table[i]->def);
  for (const auto& [key, raw] : given) {
    std::uint32_t index = 0;
    while (index < count && key != table[index]->key) ++index;
    if (index == count) {
      wrong.push_back(unknown_key(key, raw, table, count, context));
      continue;
    }
    const std::string complaint = read_value(*table[index], raw, result.values[index], result.texts);
    if (!complaint.empty())
      wrong.push_back({raw.where, fmt::format("{}.{} = {}: expected {}", context, key, as_written(raw), complaint)});
  }
  return wrong;
}

}  // namespace lithos
