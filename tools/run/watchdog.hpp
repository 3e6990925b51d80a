// The kernel's watchdogs (kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h) as one
// sampler: a task that stays in D for 120 s, a CPU that does not reschedule for 20 s, a CPU that
// withholds a quiescent state for 21 s. Tasks may stay in D while the system suspends. It looks every 4 simulated seconds and costs nothing in
// shorter runs.
#pragma once

#include <string>

#include "models/power/suspend.hpp"

namespace kt::run {

class Watchdog {
 public:
  static constexpr sim::Time kSample = 4'000'000'000;        ///< ns, 2 * watchdog_thresh / 5
  static constexpr sim::Time kHungTask = 120'000'000'000;    ///< ns, hung_task_timeout_secs
  static constexpr sim::Time kSoftLockup = 20'000'000'000;   ///< ns, 2 * watchdog_thresh
  static constexpr sim::Time kRcuStall = 21'000'000'000;     ///< ns, rcu_cpu_stall_timeout

  enum class Alarm : std::uint8_t { kNone, kSoftLockup, kRcuStall, kHungTask, kWorkqueueStall };

  Watchdog(sched::Scheduler& scheduler, const power::Suspend& suspend, sim::Calendar& calendar)
      : scheduler_(scheduler), suspend_(suspend), calendar_(calendar) {}
  void start();
  /// What tripped, in the kernel's words; empty if nothing did. The calendar is then stopped.
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] Alarm alarm() const { return alarm_; }
  /// A watchdog of a model found something: as if it had been found here.
  void trip(Alarm alarm, std::string message) {
    alarm_ = alarm;
    message_ = std::move(message);
  }

 private:
  static void sample(void* self, std::uint64_t);
  [[nodiscard]] std::string check();

  sched::Scheduler& scheduler_;
  const power::Suspend& suspend_;
  sim::Calendar& calendar_;
  std::string message_;
  Alarm alarm_ = Alarm::kNone;
};

}  // namespace kt::run
