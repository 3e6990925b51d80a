// Ticks: the grid that all CPUs' ticks lie on, and the count of them (jiffies). The kernel's counter
// is advanced by one CPU's tick handler, a few microseconds after the grid; here it is read off the
// clock, so that an idle machine needs no events to keep it.
#pragma once

#include "models/timers/timer_wheel.hpp"
#include "sim/time.hpp"

namespace kt::timers {

struct Ticks {
  sim::Time period = 4'000'000;  ///< ns, TICK_NSEC
  sim::Time offset = 0;          ///< t = 0 lies so many ns after a tick; 0 … period - 1
  Jiffies initial = 0;           ///< jiffies at t = 0

  [[nodiscard]] Jiffies at(sim::Time now) const {
    return initial + static_cast<Jiffies>((now + offset) / period);
  }
  /// The instant of the tick that makes jiffies reach `when`; not before `now`'s tick.
  [[nodiscard]] sim::Time instant(Jiffies when) const {
    return static_cast<sim::Time>(when - initial) * period - offset;
  }
  /// The first tick after `now`.
  [[nodiscard]] sim::Time next(sim::Time now) const {
    return ((now + offset) / period + 1) * period - offset;
  }
  /// msecs_to_jiffies(), nsecs: rounded up.
  [[nodiscard]] Jiffies from_time(sim::Time duration) const {
    return static_cast<Jiffies>((duration + period - 1) / period);
  }
};

/// INITIAL_JIFFIES: the low 32 bits wrap five minutes after boot.
constexpr Jiffies initial_jiffies(int hz) {
  return static_cast<Jiffies>(static_cast<std::uint32_t>(-300 * hz));
}

}  // namespace kt::timers
