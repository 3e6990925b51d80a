// Arithmetic on virtual times, which are unsigned, may wrap, and are compared by signed difference:
// the kernel is built with wrapping signed arithmetic.
#pragma once

#include <cstdint>

namespace kt::sched {

/// a - b, negative if a is the earlier.
[[nodiscard]] constexpr std::int64_t difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b);
}

[[nodiscard]] constexpr bool before(std::uint64_t a, std::uint64_t b) {
  return difference(a, b) < 0;
}

/// a * b, wrapping.
[[nodiscard]] constexpr std::int64_t product(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

}  // namespace kt::sched
