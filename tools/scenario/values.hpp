// The written forms of single values: times, sizes, rates, CPU lists. Pure functions of the text;
// they throw ValueError, which the reader turns into a sim::UserError with a place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/time.hpp"
#include "tools/scenario/machine.hpp"

namespace kt::scenario {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// What is wrong with a text, and what would be right.
struct ValueError {
  std::string what;
  std::string expected;
  std::string suggestion = {};
};

/// "50us", "1.5ms", "2s", "10ns", "0"; exact, in nanoseconds. At most 2^62 ns (146 years).
sim::Time parse_time(std::string_view text);

/// "4096", "64K", "16M", "2G", "1T" in bytes; powers of 1024. At most 2^62.
std::int64_t parse_size(std::string_view text);

/// "20kHz", "500Hz", "2.4GHz" in 1/s; more than 0.
double parse_rate(std::string_view text);

/// A Linux cpulist (Documentation/admin-guide/kernel-parameters.rst): "0-3,8", "0-15:1/4", "4-N",
/// "all". Numbers from 0 to cpus-1. Not empty.
CpuList parse_cpulist(std::string_view text, std::int32_t cpus);

/// "0-3,8": the shortest cpulist of ascending numbers.
std::string format_cpulist(const CpuList& cpus);

}  // namespace kt::scenario
