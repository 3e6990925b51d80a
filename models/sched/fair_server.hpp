// The fair server of one CPU: a deadline entity that guarantees the fair class 50 ms in each second
// when real-time tasks hog the CPU, and otherwise stays out of the way (kernel/sched/deadline.c:
// dl_server_*). While fair tasks are queued a deferred period runs: whatever they get in the
// background is charged to it. Only if the zero-laxity point (deadline minus what is left of the
// runtime) is reached does the server compete, above real-time, until its runtime is used up; while
// the starvation lasts it does so again in each period without deferring.
//
// Its timer is armed lazily: starting and stopping, which happens at every sleep and wakeup of a
// lonely fair task, touches no timer.
#pragma once

#include "models/cpu/cpu.hpp"
#include "sim/calendar.hpp"

namespace kt::sched {

class FairServer {
 public:
  static constexpr sim::Time kRuntime = 50'000'000;       ///< ns a period
  static constexpr sim::Time kPeriod = 1'000'000'000;     ///< ns, also the relative deadline
  static constexpr sim::Time kLeastUse = 1'000'000;       ///< background use that moves the timer

  explicit FairServer(cpu::Cpu& cpu) : cpu_(&cpu) {}

  /// The first fair task was queued (dl_server_start).
  void start();
  /// The last fair task left (dl_server_stop).
  void stop();
  /// Fair tasks ran for `delta` ns, in the background or in the server's name (dl_server_update).
  /// True: the server's slot is over, its CPU has to reschedule.
  [[nodiscard]] bool account(sim::Time delta);
  /// Whether the server takes precedence over real-time now.
  [[nodiscard]] bool queued() const { return state_ == State::kQueued; }

 private:
  enum class State : std::uint8_t {
    kStopped,
    kDeferred,   ///< waits for the zero-laxity point
    kQueued,     ///< competes
    kThrottled,  ///< used up; waits for the next period
  };
  static void timer_fired(void* self, std::uint64_t);
  void new_period(sim::Time now);
  void arm(sim::Time when);
  void enqueue();

  cpu::Cpu* cpu_;
  State state_ = State::kStopped;
  sim::Time deadline_ = 0;
  sim::Time runtime_ = 0;
  sim::EventId timer_;
};

}  // namespace kt::sched
