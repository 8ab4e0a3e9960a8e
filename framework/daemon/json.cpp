// SPDX-License-Identifier: Apache-2.0
#include "daemon/json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace lithos {
namespace {

using Library = nlohmann::ordered_json;
constexpr int kDepthMax = 64;

Json from_library(const Library& value) {
  switch (value.type()) {
    case Library::value_t::boolean: return value.get<bool>();
    case Library::value_t::number_integer: return value.get<std::int64_t>();
    case Library::value_t::number_unsigned: return value.get<std::uint64_t>();
    case Library::value_t::number_float: return value.get<double>();
    case Library::value_t::string: return value.get<std::string>();
    case Library::value_t::array: {
      Json array = Json::array();
      for (const Library& item : value) array.add(from_library(item));
      return array;
    }
    case Library::value_t::object: {
      Json object = Json::object();
      for (const auto& [key, member] : value.items()) object.set(key, from_library(member));
      return object;
    }
    default: return {};
  }
}

Library to_library(const Json& value) {
  if (const bool* boolean = value.boolean()) return *boolean;
  if (const std::int64_t* integer = value.integer()) return *integer;
  if (const double* number = value.number()) return std::isfinite(*number) ? Library(*number) : Library(nullptr);
  if (const std::string* text = value.text()) return *text;
  if (const Json::Array* items = value.items()) {
    Library array = Library::array();
    for (const Json& item : *items) array.push_back(to_library(item));
    return array;
  }
  if (const Json::Object* members = value.members()) {
    Library object = Library::object();
    for (const auto& [key, member] : *members) object[key] = to_library(member);
    return object;
  }
  return nullptr;
}

}  // namespace

Result<Json> Json::parse(const std::string& text) {
  bool too_deep = false;
  const Library::parser_callback_t callback = [&](int depth, Library::parse_event_t, Library&) {
    too_deep = too_deep || depth > kDepthMax;
    return !too_deep;
  };
  const Library value = Library::parse(text, callback, /*allow_exceptions=*/false);
  if (value.is_discarded() || too_deep) return invalid_argument("not JSON");
  return from_library(value);
}

std::string Json::dump() const { return to_library(*this).dump(-1, ' ', false, Library::error_handler_t::replace); }

const Json& Json::operator[](const std::string& key) const {
  static const Json kNull;
  if (const Object* object = members())
    for (const auto& [name, value] : *object)
      if (name == key) return value;
  return kNull;
}

std::string Json::text_of(const std::string& key) const {
  const std::string* found = (*this)[key].text();
  return found != nullptr ? *found : std::string();
}

double Json::number_of(const std::string& key) const {
  const double* found = (*this)[key].number();
  return found != nullptr ? *found : static_cast<double>(integer_of(key));
}

const Json::Array& Json::items_or_none() const {
  static const Array kNone;
  return items() != nullptr ? *items() : kNone;
}

std::int64_t Json::integer_of(const std::string& key, std::int64_t otherwise) const {
  const std::int64_t* found = (*this)[key].integer();
  return found != nullptr ? *found : otherwise;
}

bool Json::flag_of(const std::string& key) const {
  const bool* flag = (*this)[key].boolean();
  return flag != nullptr && *flag;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) data_ = Object{};
  Object& object = std::get<Object>(data_);
  for (auto& [name, old] : object) {
    if (name != key) continue;
    old = std::move(value);
    return *this;
  }
  object.emplace_back(std::move(key), std::move(value));
  return *this;
}

void Json::add(Json value) {
  if (is_null()) data_ = Array{};
  std::get<Array>(data_).push_back(std::move(value));
}

}  // namespace lithos
