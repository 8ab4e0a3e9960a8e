// SPDX-License-Identifier: Apache-2.0
// Errors as values. A function that can fail returns Status, or Result<T> when it also yields something. The message is one clear
// sentence for a person; the code says what a caller may do about it:
//   invalid_argument   the input is wrong: show the message, exit code 3 in the programs
//   not_found          a file, policy or name does not exist (also exit code 3)
//   incompatible       a library of another ABI, a descriptor of another version: stand aside
//   exhausted          a named limit was reached: wait or drop, counted
//   unavailable        something this machine lacks (a GPU, a permission): say so and go on without
//   internal           a bug of ours
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace lithos {

enum class StatusCode { ok, invalid_argument, not_found, incompatible, exhausted, unavailable, internal };

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) { assert(code != StatusCode::ok); }

  bool ok() const { return code_ == StatusCode::ok; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::ok;
  std::string message_;
};

inline Status invalid_argument(std::string message) { return {StatusCode::invalid_argument, std::move(message)}; }
inline Status not_found(std::string message) { return {StatusCode::not_found, std::move(message)}; }
inline Status incompatible(std::string message) { return {StatusCode::incompatible, std::move(message)}; }
inline Status exhausted(std::string message) { return {StatusCode::exhausted, std::move(message)}; }
inline Status unavailable(std::string message) { return {StatusCode::unavailable, std::move(message)}; }
inline Status internal_error(std::string message) { return {StatusCode::internal, std::move(message)}; }

// Either a value or a Status that is not ok. value() may be called only if ok().
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}                                      // NOLINT: implicit by design
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) { assert(!std::get<1>(state_).ok()); }  // NOLINT

  bool ok() const { return state_.index() == 0; }
  T& value() & { assert(ok()); return std::get<0>(state_); }
  const T& value() const& { assert(ok()); return std::get<0>(state_); }
  T&& value() && { assert(ok()); return std::get<0>(std::move(state_)); }
  Status status() const { return ok() ? Status{} : std::get<1>(state_); }
  T* operator->() { return &value(); }
  T& operator*() { return value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace lithos
