// A schedule: what is different from the run that time alone would give. Each entry has a physical
// reading: a CPU stalls before a step, an interrupt lands late, a question is answered otherwise.
// So a schedule that an exploration found repeats in a timed run, with a trace, and says what to
// force on a real machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/chooser.hpp"
#include "sim/time.hpp"

namespace kt::explore {

using sim::Time;

struct Deviation {
  enum class Kind : std::uint8_t {
    kStall,   ///< the CPU takes `time` ns longer to get to its step `index`
    kLate,    ///< the `index`-th interrupt that arrives at the CPU lands `time` ns later
    kAnswer,  ///< the `index`-th question of the run is answered with 1
  };
  Kind kind = Kind::kStall;
  std::uint16_t cpu = 0;    ///< kAnswer: 0
  std::uint32_t index = 0;  ///< counted from 1, from the first wakeup of a thread of the scenario
  Time time = 0;            ///< kAnswer: 0

  [[nodiscard]] bool same_place(const Deviation& other) const {
    return kind == other.kind && cpu == other.cpu && index == other.index;
  }
  auto operator<=>(const Deviation&) const = default;
};

/// Sorted by kind, CPU and index; at most one entry for each place.
using Schedule = std::vector<Deviation>;

/// Adds one; at a place that has one already the times add up.
Schedule with(const Schedule& schedule, const Deviation& deviation);

/// A number that differs for different schedules, but for one case in 2^64.
std::uint64_t hash_of(const Schedule& schedule);

/// What the k-th question was about, in words ("a spurious wakeup").
std::string question_text(sim::Question question);

}  // namespace kt::explore
