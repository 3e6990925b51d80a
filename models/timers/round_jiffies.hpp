// Timeouts that fall on whole seconds, so that what is not urgent wakes a CPU once for all of it
// (kernel/time/timer.c: round_jiffies_common).
#pragma once

#include "models/timers/jiffies.hpp"

namespace kt::timers {

/// A delay near `delay` that ends on a whole second, three jiffies later for each CPU before this
/// one. kernel/time/timer.c: __round_jiffies_relative
constexpr Jiffies round_jiffies_relative(Jiffies now, Jiffies delay, int cpu, Jiffies hz) {
  const Jiffies skew = static_cast<Jiffies>(cpu) * 3;
  const Jiffies original = now + delay;
  Jiffies rounded = original + skew;
  const Jiffies rest = rounded % hz;
  rounded = rest < hz / 4 ? rounded - rest : rounded - rest + hz;
  rounded -= skew;
  return time_before(now, rounded) ? rounded - now : delay;
}

}  // namespace kt::timers
