// Watches a run from outside without changing it: ends it at an interrupt (InterruptGuard) or at a
// limit of simulated time, and says on a terminal how far it is once that takes a while. It looks
// from a calendar event whose distance follows the host's clock; nothing of the machine depends on
// it.
#pragma once

#include <chrono>
#include <cstdint>

#include "tools/run/system.hpp"

namespace kt::cli {

class Monitor {
 public:
  /// A run "idle" that is still busy after so much simulated time will not end.
  static constexpr sim::Time kIdleLimit = 3'600'000'000'000;  // ns

  /// To be made before the run. With `progress` it writes to standard error.
  Monitor(run::System& system, bool progress);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Events of its own that the calendar has dispatched.
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] bool limit_reached() const { return limit_reached_; }

 private:
  using Clock = std::chrono::steady_clock;
  static void look(void* self, std::uint64_t);
  static void limit(void* self, std::uint64_t);
  void show(Clock::time_point now);

  run::System& system_;
  bool progress_;
  bool shown_ = false;
  bool limit_reached_ = false;
  std::uint64_t events_ = 0;
  sim::Time distance_ = 100'000;  // ns of simulated time to the next look
  Clock::time_point start_;
  Clock::time_point last_look_;
  Clock::time_point last_shown_;
};

}  // namespace kt::cli
