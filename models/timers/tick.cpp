// kernel/time/tick-sched.c: the periodic tick as an hrtimer, and stopping it while a CPU idles;
// kernel/time/timer_migration.c in one level: the lowest CPU whose tick runs serves the global
// wheel timers of those that idle, and when all idle the last one to do so arms its own device for
// them.
#include "models/timers/timers.hpp"

namespace kt::timers {

using trace::Event;

Co<bool> Timers::tick_handler(Timers& timers, KernelHrtimer& timer, Cpu& cpu) {
  Base& base = *static_cast<Base*>(timer.object);
  co_await cpu.run(cpu.costs().tick);
  if (timers.timers_due(base)) timers.softirqs_.raise_irqoff(cpu, softirq::Vec::kTimer);
  sched::Scheduler& scheduler = timers.scheduler_;
  Task& current = static_cast<Task&>(*cpu.current);
  scheduler.sched_tick(cpu);
  const RcuHook& rcu = timers.rcu_hook;
  if (rcu.object != nullptr && rcu.sched_clock_irq(rcu.object, cpu)) {
    timers.softirqs_.raise_irqoff(cpu, softirq::Vec::kRcu);
  }
  if ((current.flags & sched::kPfWqWorker) != 0) {
    co_await scheduler.worker_hooks.tick(scheduler.worker_hooks.object, current);
  }
  scheduler.sched_balance_trigger(cpu);
  if (base.tick_stopped) co_return false;  // armed again, or not, on the way back to idle
  timer.set_expires(timers.ticks_.next(cpu.now()));
  co_return true;
}

void Timers::publish_global(Base& base) {
  retract_global(base);
  TimerWheel& global = wheel(base, TimerBaseKind::kGlobal);
  const Jiffies next = global.next_event(jiffies());  // forgets what was deleted, even the last one
  if (global.empty()) return;
  base.remote_expiry = next;
  remote_.emplace(base.remote_expiry, base.cpu->id());
}

void Timers::retract_global(Base& base) {
  if (base.remote_expiry == 0) return;
  remote_.erase({base.remote_expiry, base.cpu->id()});
  base.remote_expiry = 0;
}

// The jiffy for which an idle CPU has to be woken; `now` + kMaxDelta if there is none.
Jiffies Timers::next_wheel_event(Base& base, bool serve_all, Jiffies now) {
  Jiffies next = wheel(base, TimerBaseKind::kLocal).next_event(now);
  // What is due by the next tick is not left to others (fetch_next_timer_interrupt).
  const bool soon = base.remote_expiry != 0 && !time_before(now + 1, base.remote_expiry);
  if (soon && time_before(base.remote_expiry, next)) next = base.remote_expiry;
  if (serve_all && !remote_.empty() && time_before(remote_.begin()->first, next)) {
    next = remote_.begin()->first;
  }
  return next;
}

// tick_nohz_idle_stop_tick(), tick_nohz_next_event(), tick_nohz_stop_tick()
void Timers::stop_tick(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  if (cpu.softirq_pending != 0) return;
  const Jiffies now = timers.jiffies();
  const bool was_busy = timers.busy_.test(cpu.id());
  timers.busy_.clear(cpu.id());
  const bool last = timers.busy_.empty();
  timers.publish_global(base);
  const Jiffies wheel_next = timers.next_wheel_event(base, last, now);
  // One that is overdue (its softirq waited for a BH-off section or for ksoftirqd) is due at once.
  const bool none = !time_before(wheel_next, now) && wheel_next - now >= TimerWheel::kMaxDelta;
  Time wheel_time = none ? sim::kNever : timers.ticks_.instant(wheel_next);
  if (timers.rcu_hook.object != nullptr && timers.rcu_hook.needs_cpu(timers.rcu_hook.object, cpu)) {
    wheel_time = std::min(wheel_time, timers.ticks_.next(timers.machine_.now()));
  }
  const Time hrtimer_next = base.hrtimers.next_event(kHrtimersAll, &base.tick);
  const Time now_ns = timers.machine_.now();
  const Time next = std::min(wheel_time, hrtimer_next);
  if (!base.tick_stopped) {
    if (next - now_ns <= timers.ticks_.period) {  // not worth it: the tick stays
      timers.retract_global(base);
      if (was_busy) timers.busy_.set(cpu.id());
      return;
    }
    base.tick_stopped = true;
    constexpr std::uint64_t kNoDependency = 0;
    cpu.trace(Event::kTickStop, 1, kNoDependency);
    cpu.trace(Event::kTimerBaseIdle, 1, cpu.id());
    timers.scheduler_.nohz_balance_enter_idle(cpu.id());
  }
  if (base.tick.queued()) base.hrtimers.remove(base.tick);
  if (wheel_time != sim::kNever) {
    base.tick.set_expires(std::max(wheel_time, now_ns));
    base.hrtimers.add(base.tick);
  }
  timers.program(base);
}

void Timers::raise_sched_softirq(void* self, Cpu& cpu) {
  static_cast<Timers*>(self)->softirqs_.raise_irqoff(cpu, softirq::Vec::kSched);
}

// tick_nohz_restart_sched_tick(): back onto the grid.
void Timers::restart_tick(Base& base) {
  base.tick_stopped = false;
  retract_global(base);
  if (base.tick.queued()) base.hrtimers.remove(base.tick);
  base.tick.set_expires(ticks_.next(machine_.now()));
  base.hrtimers.add(base.tick);
  program(base);
}

void Timers::start_tick(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  timers.busy_.set(cpu.id());
  timers.restart_tick(timers.base(cpu.id()));
}

// tick_nohz_idle_exit()
void Timers::idle_exit(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  timers.busy_.set(cpu.id());
  if (!base.tick_stopped) return;
  cpu.trace(Event::kTimerBaseIdle, 0, cpu.id());
  timers.restart_tick(base);
}

}  // namespace kt::timers
