// When a device of a scenario signals: the arrival process of one `irqs` entry as a sequence of
// times. Each has a random stream of its own.
#pragma once

#include <optional>

#include "sim/distribution.hpp"
#include "sim/random.hpp"
#include "tools/scenario/scenario.hpp"

namespace kt::run {

using sim::Time;

class Arrivals {
 public:
  /// `irq` must outlive this. Reads the file of a trace: throws sim::UserError if it cannot, or if
  /// its times are none or not in order.
  Arrivals(const scenario::Scenario& scenario, const scenario::Irq& irq, std::uint64_t seed);

  /// The next arrival, ns from the start, never before the one before it; kNever after the last.
  Time next();
  /// Whether there is always another one.
  [[nodiscard]] static bool endless(const scenario::Arrival& arrival);

 private:
  Time exponential(double rate);
  Time next_mmpp();

  const scenario::Arrival& arrival_;
  sim::RandomStream stream_;
  std::optional<sim::Distribution> jitter_;
  std::vector<Time> times_;  // of "at" and "trace"
  std::size_t count_ = 0;
  Time last_ = 0;
  std::size_t state_ = 0;     // mmpp
  Time state_ends_ = 0;
};

}  // namespace kt::run
