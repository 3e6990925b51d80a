// Reads ftrace text, the kernel's or ktsim's, with micro- or nanosecond stamps. Names that differ
// between the two are made one: ktoracle_mark and tracing_mark_write become "mark", ktoracle_ret
// and ktsim_return become "return".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.hpp"

namespace support {

struct TraceLine {
  std::size_t number = 0;  ///< in the file, from 1
  std::string text;        ///< the whole line
  std::string comm;        ///< of the current task
  std::int32_t pid = 0;
  unsigned cpu = 0;
  std::string flags;  ///< the five characters
  sim::Time time = 0;
  std::string event;
  std::string payload;

  [[nodiscard]] bool in_hardirq() const { return flags[2] == 'h' || flags[2] == 'H'; }
  [[nodiscard]] bool in_softirq() const { return flags[2] == 's'; }
  [[nodiscard]] bool in_task() const { return flags[2] == '.'; }

  /// The value of "key=value" in the payload, up to the next key; empty if there is none.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view key) const;
  /// The same as a number. Throws std::runtime_error with the line if it is absent or no number.
  [[nodiscard]] std::int64_t number_of(std::string_view key) const;
  /// The same as text. Throws std::runtime_error with the line if it is absent.
  [[nodiscard]] std::string_view text_of(std::string_view key) const;
};

struct TraceText {
  std::uint64_t entries = 0;  ///< as the preamble says
  unsigned online_cpus = 0;   ///< as the preamble says
  std::vector<TraceLine> lines;
  bool preempt_rt = false;  ///< of the kernel that wrote it: not in the text, for who knows it
};

/// Throws std::runtime_error with the line's number for what is no ftrace text.
TraceText parse_trace(std::string_view text);

/// The whole file. Throws std::runtime_error if it cannot be read.
std::string read_text(const std::filesystem::path& path);

}  // namespace support
