// A load signal of a run queue or of a task: a value averaged over geometric history, where 32
// periods of 1,024 us halve the weight of the past (kernel/sched/pelt.c). Integer arithmetic; the
// value that holds since the last call is accumulated when it changes or is read.
#pragma once

#include <cstdint>

#include "sim/time.hpp"

namespace kt::sched {

class Pelt {
 public:
  /// As if `value` had held for ever until `now` (kernel/sched/fair.c:
  /// init_entity_runnable_average).
  void start(sim::Time now, std::uint64_t value);
  /// Accounts `value` from the last call until `now`.
  void accumulate(sim::Time now, std::uint64_t value);
  /// The average, in the unit of the values.
  [[nodiscard]] std::uint64_t average() const;

 private:
  sim::Time last_ = 0;             // ns, aligned down to whole 1.024 us units
  std::uint32_t contribution_ = 0; // units into the current period, 0 … 1023
  std::uint64_t sum_ = 0;
};

}  // namespace kt::sched
