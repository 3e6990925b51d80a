// Ticks: the grid that all CPUs' ticks lie on, and what a count of them would be. The kernel's own
// count, jiffies, is a variable that lags behind it until somebody brings it up to date
// (Timers::jiffies(), jiffies.cpp).
#pragma once

#include "models/timers/timer_wheel.hpp"
#include "sim/time.hpp"

namespace kt::timers {

struct Ticks {
  sim::Time period = 4'000'000;  ///< ns, TICK_NSEC
  sim::Time offset = 0;          ///< t = 0 lies so many ns after a tick; 0 … period - 1
  Jiffies initial = 0;           ///< jiffies at t = 0

  /// How many there have been, the one at `now` included.
  [[nodiscard]] Jiffies at(sim::Time now) const {
    return initial + static_cast<Jiffies>((now + offset) / period);
  }
  /// The instant of the tick that makes jiffies reach `when`; not before `now`'s tick.
  [[nodiscard]] sim::Time instant(Jiffies when) const {
    return static_cast<sim::Time>(when - initial) * period - offset;
  }
  /// The last tick, at `now` or before it, and the first one after it.
  [[nodiscard]] sim::Time last(sim::Time now) const {
    return (now + offset) / period * period - offset;
  }
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
