// Appending to a char cursor: the few number formats that trace text needs, without streams, locale
// or allocation. Every function writes at `at` and returns the end; the caller provides the room.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kt::trace::text {

inline char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

/// 00 … 99, and 00 … ff: two characters each.
inline constexpr std::array<char, 200> kDecimalPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();
inline constexpr std::array<char, 512> kHexPairs = [] {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = kDigits[i / 16];
    pairs[2 * i + 1] = kDigits[i % 16];
  }
  return pairs;
}();

/// Exactly kDigits decimal digits of value modulo 10^kDigits.
template <int kDigits>
char* put_digits(char* at, std::uint64_t value) {
  int left = kDigits;
  for (; left >= 2; left -= 2) {
    std::memcpy(at + left - 2, &kDecimalPairs[value % 100 * 2], 2);
    value /= 100;
  }
  if (left == 1) *at = static_cast<char>('0' + value % 10);
  return at + kDigits;
}

/// Decimal, as %lu and %ld.
template <std::integral Integer>
char* put_number(char* at, Integer value) {
  const auto small = static_cast<std::uint64_t>(value);
  if (small < 1000) {  // PIDs, CPUs, priorities
    if (small >= 100) return put_digits<3>(at, small);
    return small >= 10 ? put_digits<2>(at, small) : put_digits<1>(at, small);
  }
  return std::to_chars(at, at + 20, value).ptr;
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
  for (int shift = 56; shift >= 0; shift -= 8) {
    std::memcpy(at, &kHexPairs[(value >> shift & 0xff) * 2], 2);
    at += 2;
  }
  return at;
}

/// As 0x%lx.
inline char* put_hex(char* at, std::uint64_t value) {
  return std::to_chars(put(at, "0x"), at + 18, value, 16).ptr;
}

}  // namespace kt::trace::text
