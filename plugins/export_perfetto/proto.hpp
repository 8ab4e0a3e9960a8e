// SPDX-License-Identifier: Apache-2.0
// Protocol Buffers, the little that a trace needs to be written (https://protobuf.dev/programming-guides/encoding): fields
// are appended to a buffer, a nested message is measured when it is closed. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace lithos_perfetto {

// Bytes that are appended to. A trace is made of very short pieces, for which std::string asks about room too often.
class Buffer {
 public:
  explicit Buffer(std::size_t capacity) : bytes_(new char[capacity]), capacity_(capacity) {}

  // Room for at least so many bytes at the end; of it, those up to `end` are kept by keep().
  char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) [[unlikely]] grow(bytes);
    return bytes_.get() + size_;
  }
  void keep(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }
  void append(std::string_view text) {
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void move_up(std::size_t from, std::size_t by) {
    (void)room(by);
    std::memmove(bytes_.get() + from + by, bytes_.get() + from, size_ - from);
    size_ += by;
  }

  const char* data() const { return bytes_.get(); }
  char* at(std::size_t place) { return bytes_.get() + place; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

 private:
  [[gnu::noinline]] void grow(std::size_t bytes) {
    capacity_ = std::max(2 * capacity_, size_ + bytes);
    std::unique_ptr<char[]> larger(new char[capacity_]);
    std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
  }
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, capacity_;
};

class Message {
 public:
  explicit Message(Buffer& out) : out_(out) {}

  void number(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3 | 0);
    varint(value);
  }
  void fixed(unsigned field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3 | 1);
    char* const at = out_.room(8);
    for (unsigned byte = 0; byte < 8; ++byte) at[byte] = static_cast<char>(value >> (8 * byte) & 0xff);
    out_.keep(at + 8);
  }
  void real(unsigned field, double value) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    fixed(field, bits);
  }
  void text(unsigned field, std::string_view value) {
    varint(std::uint64_t{field} << 3 | 2);
    varint(value.size());
    out_.append(value);
  }
  // Calls fill(Message&) for the content. Its length takes as many bytes as needed, known afterwards: short messages,
  // nearly all here, take one, and a long one is moved by another.
  template <class Fill>
  void nested(unsigned field, Fill&& fill) {
    varint(std::uint64_t{field} << 3 | 2);
    const std::size_t at = out_.size();
    out_.keep(out_.room(1) + 1);
    fill(*this);
    const std::uint64_t length = out_.size() - at - 1;
    std::size_t more = 0;
    for (std::uint64_t rest = length >> 7; rest != 0; rest >>= 7) ++more;
    if (more != 0) out_.move_up(at + 1, more);
    write(out_.at(at), length);
  }

 private:
  static constexpr std::size_t kLongest = 10;  // of a varint

  static char* write(char* at, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
    *at++ = static_cast<char>(value);
    return at;
  }
  void varint(std::uint64_t value) { out_.keep(write(out_.room(kLongest), value)); }

  Buffer& out_;
};

}  // namespace lithos_perfetto
