// SPDX-License-Identifier: Apache-2.0
// Protocol Buffers, the little that a trace needs to be written (https://protobuf.dev/programming-guides/encoding): fields
// are appended to a string, a nested message is measured when it is closed. One thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lithos_perfetto {

class Message {
 public:
  explicit Message(std::string& out) : out_(out) {}

  void number(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3 | 0);
    varint(value);
  }
  void fixed(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3 | 1);
    for (unsigned byte = 0; byte < 8; ++byte) out_ += static_cast<char>(value >> (8 * byte) & 0xff);
  }
  void real(unsigned field, double value) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    fixed(field, bits);
  }
  void text(unsigned field, std::string_view value) {
    varint(std::uint64_t{field} << 3 | 2);
    varint(value.size());
    out_ += value;
  }
  // Calls fill(Message&) for the content. Its length takes as many bytes as needed, known afterwards: short messages,
  // nearly all here, take one, and a long one is moved by another.
  template <class Fill>
  void nested(unsigned field, Fill&& fill) {
    varint(std::uint64_t{field} << 3 | 2);
    const std::size_t at = out_.size();
    out_ += '\0';
    fill(*this);
    std::uint64_t length = out_.size() - at - 1;
    if (length < 0x80) {
      out_[at] = static_cast<char>(length);
      return;
    }
    char bytes[10];
    std::size_t count = 0;
    for (; length >= 0x80; length >>= 7) bytes[count++] = static_cast<char>(length | 0x80);
    bytes[count++] = static_cast<char>(length);
    out_.replace(at, 1, bytes, count);
  }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }

  std::string& out_;
};

}  // namespace lithos_perfetto
