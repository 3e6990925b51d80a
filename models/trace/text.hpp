// Appending to a char cursor: the few number formats that trace text needs, without streams, locale
// or allocation. Every function writes at `at` and returns the end; the caller provides the room.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kt::trace::text {

inline char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

/// Decimal, as %lu and %ld.
template <typename Integer>
char* put_number(char* at, Integer value) {
  return std::to_chars(at, at + 20, value).ptr;
}

/// Exactly kDigits decimal digits of value modulo 10^kDigits.
template <int kDigits>
char* put_digits(char* at, std::uint64_t value) {
  for (int i = kDigits - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + kDigits;
}

/// As %03u.
inline char* put_cpu(char* at, std::uint64_t cpu) {
  return cpu < 1000 ? put_digits<3>(at, cpu) : put_number(at, cpu);
}

/// As %<width>lu: right-aligned with spaces.
inline char* put_right(char* at, std::uint64_t value, std::ptrdiff_t width) {
  char digits[20];
  const std::ptrdiff_t length = put_number(digits, value) - digits;
  for (std::ptrdiff_t i = length; i < width; ++i) *at++ = ' ';
  std::memcpy(at, digits, static_cast<std::size_t>(length));
  return at + length;
}

/// As %p without hashing: sixteen hexadecimal digits.
inline char* put_address(char* at, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[(value >> shift) & 0xf];
  return at;
}

/// As 0x%lx.
inline char* put_hex(char* at, std::uint64_t value) {
  return std::to_chars(put(at, "0x"), at + 18, value, 16).ptr;
}

}  // namespace kt::trace::text
