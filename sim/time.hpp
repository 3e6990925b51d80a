// Simulated time: a signed 64-bit count of nanoseconds since the start of the run (t = 0). Never a
// double. Durations and instants share the type; 2^63 ns are 292 years.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace sim {

using Time = std::int64_t;

/// Later than every instant: "no deadline".
inline constexpr Time kNever = std::numeric_limits<Time>::max();

inline namespace literals {
constexpr Time operator""_ns(unsigned long long n) { return static_cast<Time>(n); }
constexpr Time operator""_us(unsigned long long n) { return static_cast<Time>(n) * 1'000; }
constexpr Time operator""_ms(unsigned long long n) { return static_cast<Time>(n) * 1'000'000; }
constexpr Time operator""_s(unsigned long long n) { return static_cast<Time>(n) * 1'000'000'000; }
}  // namespace literals

}  // namespace sim
