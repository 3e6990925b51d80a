// One run of the engine: the calendar and, for a machine with fluids or energy, its platform, their
// clocks in lock step. While no activity is in flight the calendar runs ahead and SimGrid is not
// visited; while one is, SimGrid moves first, to the calendar's next event. Visiting it at every
// event gives the same results (visit_each_step, for tests).
#pragma once

#include <memory>

#include "sim/calendar.hpp"
#include "sim/platform.hpp"

namespace sim {

class Simulation {
 public:
  Simulation() = default;
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Calendar& calendar() { return calendar_; }
  /// Null when the machine needs no SimGrid.
  Platform* platform() { return platform_.get(); }
  /// Gives the machine a platform: once, at t = 0. The argument is Platform's second.
  template <class Description>
  Platform& make_platform(const Description& description) {
    platform_ = std::make_unique<Platform>(calendar_, description);
    return *platform_;
  }

  /// As Calendar::run_until, with the platform's completions among the events.
  void run_until(Time horizon);

  bool visit_each_step = false;

 private:
  Time turn(Time now);

  Calendar calendar_;
  std::unique_ptr<Platform> platform_;
  Time horizon_ = kNever;
};

}  // namespace sim
