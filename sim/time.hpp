// Simulated time: a signed 64-bit count of nanoseconds since the start of the run (t = 0). Never a
// double. Durations and instants share the type; 2^63 ns are 292 years.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace sim {

using Time = std::int64_t;

/// Later than every instant: "no deadline".
inline constexpr Time kNever = std::numeric_limits<Time>::max();

inline constexpr Time kUs = 1'000;
inline constexpr Time kMs = 1'000'000;
inline constexpr Time kSecond = 1'000'000'000;

inline namespace literals {
constexpr Time operator""_ns(unsigned long long n) {
  return static_cast<Time>(n);
}
constexpr Time operator""_us(unsigned long long n) {
  return static_cast<Time>(n) * 1'000;
}
constexpr Time operator""_ms(unsigned long long n) {
  return static_cast<Time>(n) * 1'000'000;
}
constexpr Time operator""_s(unsigned long long n) {
  return static_cast<Time>(n) * 1'000'000'000;
}
}  // namespace literals

/// Reads a time as scenarios write it: a decimal number and a unit ("50us", "1.5ms", "2s", "10ns"),
/// or an integer without a unit, in nanoseconds. Exact. Nothing when it is no such text, is
/// negative, is no whole number of nanoseconds, or does not fit (kNever included).
std::optional<Time> parse_time(std::string_view text);

/// The shortest text that parse_time reads back as `time`: "1.5ms", "50us", "0ns". Between two of
/// equal length the larger unit wins. A negative time has a minus sign in front and kNever is
/// "never"; parse_time reads neither.
std::string format_time(Time time);

}  // namespace sim
