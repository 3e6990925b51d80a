// kernel/power/suspend.c: suspend-to-idle. All CPUs idle with whatever their idle loop does;
// without a cpuidle driver that knows of suspend the clocks and ticks go on as ever.
#include "models/power/suspend.hpp"

namespace kt::power {

Co<> Suspend::s2idle_wake(void* self) {
  Suspend& suspend = *static_cast<Suspend*>(self);
  if (suspend.s2idle_state_ == S2idleState::kNone) return {};
  suspend.s2idle_state_ = S2idleState::kWake;
  Task* waiter = std::exchange(suspend.s2idle_waiter_, nullptr);
  if (waiter == nullptr) return {};
  return suspend.swake_up_one(*waiter);
}

Co<> Suspend::swake_up_one(Task& waiter) {
  co_await scheduler_.wake_up_process(waiter);
}

// swait_event_exclusive() on s2idle_wait_head
Co<> Suspend::s2idle_wait() {
  Task& self = scheduler_.current();
  for (;;) {
    s2idle_waiter_ = &self;
    self.state = sched::kTaskUninterruptible;
    if (s2idle_state_ == S2idleState::kWake) break;
    self.wait = {sched::WaitKind::kSystemWakeup, 0, nullptr};
    co_await scheduler_.schedule();
    self.wait = {};
  }
  s2idle_waiter_ = nullptr;
  self.state = sched::kTaskRunning;
}

Co<> Suspend::s2idle_enter() {
  phases.begin("machine_suspend", static_cast<std::uint32_t>(SuspendState::kToIdle));
  if (!wakeups.pm_wakeup_pending()) {
    s2idle_state_ = S2idleState::kEnter;
    if (hotplug_ != nullptr) co_await hotplug_->cpus_read_lock();
    if (wake_at_once_) co_await wakeups.pm_system_wakeup(alarm_name_);
    scheduler_.wake_up_all_idle_cpus();
    co_await s2idle_wait();
    scheduler_.wake_up_all_idle_cpus();
    if (hotplug_ != nullptr) co_await hotplug_->cpus_read_unlock();
  }
  s2idle_state_ = S2idleState::kNone;
  phases.end("machine_suspend", static_cast<std::uint32_t>(SuspendState::kToIdle));
}

Co<> Suspend::s2idle_loop() {
  while (!wakeups.pm_wakeup_pending()) co_await s2idle_enter();
}

}  // namespace kt::power
