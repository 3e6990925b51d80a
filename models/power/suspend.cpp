#include "models/power/suspend.hpp"

#include <cerrno>

namespace kt::power {

namespace {

std::uint32_t value_of(SuspendState state) {
  return static_cast<std::uint32_t>(state);
}

}  // namespace

// The alarm of a real-time clock that the caller has set before it suspends.
struct Suspend::Alarm {
  timers::KernelHrtimer timer;
};

Suspend::Suspend(const SuspendBase& base)
    : freezer(base.kthreads),
      phases(base.kthreads.scheduler()),
      wakeups(base.timers, base.waits),
      processes(freezer, wakeups, phases, base.timers, base.workqueues),
      async(base.workqueues, base.waits),
      dpm(base.kthreads.scheduler(), base.completions, async, wakeups, phases),
      base_(base),
      scheduler_(base.kthreads.scheduler()),
      machine_(scheduler_.machine()),
      alarm_name_(machine_.trace().names().intern("wake_after")) {
  wakeups.s2idle = {this, &s2idle_wake};
}

void Suspend::attach(irq::Irqs& irqs) {
  dpm.device_irqs = {&irqs, &suspend_irqs, &resume_irqs};
  irqs.wakeup_hook = {this, &wake_irq};
}

Co<> Suspend::suspend_irqs(void* irqs) {
  return static_cast<irq::Irqs*>(irqs)->suspend_device_irqs();
}

void Suspend::resume_irqs(void* irqs) {
  static_cast<irq::Irqs*>(irqs)->resume_device_irqs();
}

// pm_system_irq_wakeup()
Co<> Suspend::wake_irq(void* self, irq::Irq& irq) {
  return static_cast<Suspend*>(self)->wakeups.pm_system_wakeup(irq.name);
}

Co<bool> Suspend::alarm_fired(timers::Timers&, timers::KernelHrtimer& timer, cpu::Cpu&) {
  Suspend& suspend = *static_cast<Suspend*>(timer.object);
  co_await suspend.wakeups.pm_system_wakeup(suspend.alarm_name_);
  co_return false;
}

Co<int> Suspend::pm_suspend(SuspendState state, Time wake_after) {
  constexpr std::uint64_t kAddress = 0xffff888320000000;
  Alarm alarm;
  alarm.timer.function = &alarm_fired;
  alarm.timer.function_name = machine_.trace().names().intern("alarmtimer_fired");
  alarm.timer.object = this;
  alarm.timer.address = kAddress;
  alarm.timer.hard = true;
  base_.timers.hrtimer_init(alarm.timer, false);
  const Time due = wake_after == sim::kNever ? sim::kNever : machine_.now() + wake_after;
  const bool armed = wake_after != sim::kNever && wake_after != 0;
  if (armed) base_.timers.hrtimer_start(alarm.timer, due, 0);
  phases.trace_begin("suspend_enter", value_of(state));
  int error = -EBUSY;
  if (!in_transition_) {  // mutex_trylock()
    in_transition_ = true;
    wake_at_once_ = wake_after == 0;
    alarm_at_ = armed ? due : sim::kNever;
    error = co_await enter_state(state);
    in_transition_ = false;
  }
  if (armed) co_await base_.timers.hrtimer_cancel(alarm.timer);
  co_return error;
}

// The kernel has no word for the end of suspend_enter if it fails early.
Co<int> Suspend::enter_state(SuspendState state) {
  Transition& transition = phases.open(state == SuspendState::kMem ? "deep" : "s2idle");
  s2idle_state_ = S2idleState::kNone;
  phases.begin("sync_filesystems", 0);
  co_await machine_.run(machine_.costs().suspend_sync);
  phases.end("sync_filesystems", 0);
  int error = co_await suspend_prepare();
  if (error == 0) {
    phases.trace_end("suspend_enter", value_of(state));
    if (memory_ != nullptr) memory_->pm_restrict_gfp_mask();
    error = co_await suspend_devices_and_enter(state);
    if (memory_ != nullptr) memory_->pm_restore_gfp_mask();
    wakeups.forget_wakeup_count();
    co_await processes.thaw_processes();
    co_await post_notifiers(notifiers.size());
  }
  if (wakeups.first_wakeup() != 0) {
    transition.woken_by = machine_.trace().names()[wakeups.first_wakeup()];
  }
  phases.close(error);
  co_return error;
}

Co<int> Suspend::call_notifiers() {
  phases.begin_untraced("PM_SUSPEND_PREPARE");
  prepared_ = true;
  if (rcu_ != nullptr) rcu_->rcu_expedite_gp();
  if (hotplug_ != nullptr) co_await hotplug_->cpu_hotplug_disable();
  co_await machine_.run(machine_.costs().suspend_notifiers);
  int error = 0;
  std::size_t called = 0;
  for (; called < notifiers.size() && error == 0; ++called) {
    error = co_await notifiers[called].call(notifiers[called].object, PmEvent::kSuspendPrepare);
  }
  if (error != 0) {
    phases.note(std::string(machine_.trace().names()[notifiers[called - 1].name]) + " refused");
  }
  phases.end_untraced();
  if (error != 0) co_await post_notifiers(called - 1);
  co_return error;
}

// Those before the one that failed have to hear of it (pm_notifier_call_chain_robust).
Co<> Suspend::post_notifiers(std::size_t count) {
  phases.begin_untraced("PM_POST_SUSPEND");
  co_await machine_.run(machine_.costs().suspend_notifiers);
  for (std::size_t i = 0; i < count; ++i) {
    co_await notifiers[i].call(notifiers[i].object, PmEvent::kPostSuspend);
  }
  if (rcu_ != nullptr) rcu_->rcu_unexpedite_gp();
  if (hotplug_ != nullptr) co_await hotplug_->cpu_hotplug_enable();
  prepared_ = false;
  phases.end_untraced();
}

Co<int> Suspend::suspend_prepare() {
  int error = co_await call_notifiers();
  if (error != 0) co_return error;
  phases.begin("freeze_processes", 0);
  phases.begin_untraced("user tasks");
  error = co_await processes.freeze_processes();
  phases.end_untraced();
  if (error == 0) {
    phases.begin_untraced("kernel threads");
    error = co_await processes.freeze_kernel_threads();
    phases.end_untraced();
    if (error != 0) co_await processes.thaw_processes();  // suspend_freeze_processes()
  }
  phases.end("freeze_processes", 0);
  if (error != 0) co_await post_notifiers(notifiers.size());
  co_return error;
}

Co<int> Suspend::platform_call(PlatformStep step) {
  if (platform.call == nullptr) co_return 0;
  const int error = co_await platform.call(platform.object, step);
  co_return error;
}

Co<int> Suspend::suspend_devices_and_enter(SuspendState state) {
  int error = co_await platform_call(PlatformStep::kBegin);
  if (error == 0) {
    co_await machine_.run(machine_.costs().suspend_console);
    error = co_await dpm.dpm_prepare();
    if (error == 0) error = co_await dpm.dpm_suspend();
    if (error == 0) {
      error = co_await suspend_enter(state);
    } else {
      co_await platform_call(PlatformStep::kRecover);
    }
    co_await dpm.dpm_resume();
    co_await dpm.dpm_complete();
    co_await resume_console(state);
  }
  co_await platform_call(PlatformStep::kEnd);
  co_return error;
}

Co<> Suspend::resume_console(SuspendState state) {
  phases.begin("resume_console", value_of(state));
  co_await machine_.run(machine_.costs().suspend_console);
  phases.end("resume_console", value_of(state));
}

Co<int> Suspend::suspend_enter(SuspendState state) {
  int error = co_await platform_call(PlatformStep::kPrepare);
  if (error == 0) error = co_await dpm.dpm_suspend_late();
  if (error == 0) {  // else it has undone itself
    error = co_await platform_call(PlatformStep::kPrepareLate);
    if (error == 0) error = co_await suspend_noirq_and_enter(state);
    co_await dpm.dpm_resume_early();
  }
  co_await platform_call(PlatformStep::kFinish);
  co_return error;
}

Co<int> Suspend::suspend_noirq_and_enter(SuspendState state) {
  int error = co_await dpm.dpm_suspend_noirq();
  if (error == 0) {
    error = co_await platform_call(PlatformStep::kPrepareNoirq);
    if (error == 0) {
      if (state == SuspendState::kToIdle) {
        co_await s2idle_loop();
      } else {
        error = co_await enter_deep(state);
      }
    }
    co_await platform_call(PlatformStep::kResumeNoirq);
    co_await dpm.dpm_resume_noirq();
  }
  co_await platform_call(PlatformStep::kResumeEarly);
  co_return error;
}

}  // namespace kt::power
