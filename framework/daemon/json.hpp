// SPDX-License-Identifier: Apache-2.0
// JSON values for the admin protocol and the state files. json.cpp is the only file here that knows the JSON library.
// Plain values; objects keep the order in which members were added. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.hpp"

namespace lithos {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;                                                       // null
  Json(bool value) : data_(value) {}                                      // NOLINT: implicit by design, all of them
  Json(int value) : data_(std::int64_t{value}) {}                         // NOLINT
  Json(std::int64_t value) : data_(value) {}                              // NOLINT
  Json(std::uint32_t value) : data_(static_cast<std::int64_t>(value)) {}  // NOLINT
  Json(std::uint64_t value) : data_(static_cast<std::int64_t>(value)) {}  // NOLINT
  Json(double value) : data_(value) {}                                    // NOLINT
  Json(const char* value) : data_(std::string(value)) {}                  // NOLINT
  Json(std::string value) : data_(std::move(value)) {}                    // NOLINT
  Json(Array value) : data_(std::move(value)) {}                          // NOLINT
  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  // invalid_argument: not JSON, or nested deeper than 64.
  static Result<Json> parse(const std::string& text);
  // On one line; bytes that are not UTF-8 are replaced.
  std::string dump() const;

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_object() const { return std::holds_alternative<Object>(data_); }
  const std::string* text() const { return std::get_if<std::string>(&data_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  const double* number() const { return std::get_if<double>(&data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const Array* items() const { return std::get_if<Array>(&data_); }
  const Object* members() const { return std::get_if<Object>(&data_); }

  // A member, or null. Of a thing that is no object: null.
  const Json& operator[](const std::string& key) const;
  // Its text, or empty; its number, or 0; its integer, or `otherwise`; whether it is true.
  std::string text_of(const std::string& key) const;
  double number_of(const std::string& key) const;
  std::int64_t integer_of(const std::string& key, std::int64_t otherwise = 0) const;
  bool flag_of(const std::string& key) const;
  // Its items; of a thing that is no array: none.
  const Array& items_or_none() const;

  Json& set(std::string key, Json value);  // of an object; returns *this
  void add(Json value);                    // to an array

 private:
  explicit Json(Object value) : data_(std::move(value)) {}
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data_;
};

}  // namespace lithos
