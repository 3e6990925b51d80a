// kernel/time/tick-sched.c: the periodic tick as an hrtimer, and stopping it while a CPU idles or,
// with nohz_full=, has one task;
// kernel/time/timer_migration.c in one level: the lowest CPU whose tick runs serves the global
// wheel timers of those that idle, and when all idle the last one to do so arms its own device for
// them.
#include "models/timers/timers.hpp"

namespace kt::timers {

using trace::Event;

namespace {

// include/trace/events/timer.h: tick_dep_mask_name
constexpr std::uint64_t kTickDepNone = 0;
constexpr std::uint64_t kTickDepSched = 4;
constexpr std::uint64_t kTickDepRcu = 0x10;
constexpr std::uint64_t kTickDepRcuExp = 0x20;

bool softirq_pending(const Cpu& cpu, softirq::Vec vec) {
  return (cpu.softirq_pending & 1U << static_cast<unsigned>(vec)) != 0;
}

}  // namespace

Co<bool> Timers::tick_handler(Timers& timers, KernelHrtimer& timer, Cpu& cpu) {
  Base& base = *static_cast<Base*>(timer.object);
  const Time now = cpu.now();
  timers.do_timer(base, now);
  cpu.got_idle_tick = true;
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
  if (base.cpu->tick_stopped) co_return false;  // armed again, or not, on the way back to idle
  base.oneshot = true;
  timer.set_expires(timers.ticks_.next(now));
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

// tick_nohz_idle_stop_tick(), can_stop_idle_tick()
// Without a cpuidle driver the tick stays until it has come once: a short sleep does not pay.
void Timers::stop_tick(void* self, Cpu& cpu, bool got_tick) {
  if (!got_tick && !cpu.tick_stopped) return;
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  const bool never = !base.oneshot || (timers.keeps_time(base) && timers.full_ticks());
  if (cpu.softirq_pending == 0 && !never) timers.stop_tick_of(base, true);
}

// tick_nohz_next_event(), tick_nohz_stop_tick(); of a CPU that idles, or has one task.
void Timers::stop_tick_of(Base& base, bool idle) {
  Cpu& cpu = *base.cpu;
  const Jiffies now = jiffies();
  const bool was_busy = busy_.test(cpu.id());
  busy_.clear(cpu.id());
  const bool last = busy_.empty();
  publish_global(base);
  const Jiffies wheel_next = next_wheel_event(base, last, now);
  // One that is overdue (its softirq waited for a BH-off section or for ksoftirqd) is due at once.
  const bool none = !time_before(wheel_next, now) && wheel_next - now >= TimerWheel::kMaxDelta;
  Time wheel_time = none ? sim::kNever : ticks_.instant(wheel_next);
  if (softirq_pending(cpu, softirq::Vec::kTimer) ||
      (rcu_hook.object != nullptr && rcu_hook.needs_cpu(rcu_hook.object, cpu))) {
    wheel_time = next_period_;
  }
  if (!cpu.tick_stopped) {
    if (wheel_time <= next_period_) {  // not worth it: the tick stays, whatever the hrtimers do
      retract_global(base);
      if (was_busy) busy_.set(cpu.id());
      return;
    }
    cpu.tick_stopped = true;
    cpu.trace(Event::kTickStop, 1, kTickDepNone);
    cpu.trace(Event::kTimerBaseIdle, 1, cpu.id());
    if (idle) scheduler_.nohz_balance_enter_idle(cpu.id());
  }
  drop_do_timer(base);
  if (base.tick.queued()) base.hrtimers.remove(base.tick);
  if (wheel_time != sim::kNever) {
    base.tick.set_expires(std::max(wheel_time, machine_.now()));
    base.hrtimers.add(base.tick);
  }
  program(base);
}

// can_stop_full_tick(): what asks for it is in the trace.
bool Timers::can_stop_full_tick(const Base& base) {
  Cpu& cpu = *base.cpu;
  if (!cpu.online) return false;
  const sched::Rq& rq = scheduler_.rq(cpu.id());
  std::uint64_t dependency = kTickDepNone;
  if (rq.tick_dep_sched) {
    dependency = kTickDepSched;
  } else if (rq.tick_dep_rcu) {
    dependency = kTickDepRcu;
  } else if (rq.exp_wanted) {
    dependency = kTickDepRcuExp;
  }
  if (dependency == kTickDepNone) return true;
  cpu.trace(Event::kTickStop, 0, dependency);
  return false;
}

// __tick_nohz_full_update_tick()
void Timers::full_update_tick(Base& base) {
  if (can_stop_full_tick(base)) {
    stop_tick_of(base, false);
  } else {
    need_tick(base);
  }
}

// Of a CPU that does not idle, or no longer.
void Timers::need_tick(Base& base) {
  busy_.set(base.cpu->id());
  if (!base.cpu->tick_stopped) return;
  base.cpu->trace(Event::kTimerBaseIdle, 0, base.cpu->id());
  restart_tick(base);
}

// tick_nohz_irq_exit(): the idle loop sees to it itself.
void Timers::tick_irq_exit(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  const sched::Rq& rq = timers.scheduler_.rq(cpu.id());
  Base& base = timers.base(cpu.id());
  if (rq.tick_nohz_full && rq.curr != rq.idle && base.oneshot) timers.full_update_tick(base);
}

void Timers::raise_sched_softirq(void* self, Cpu& cpu) {
  static_cast<Timers*>(self)->softirqs_.raise_irqoff(cpu, softirq::Vec::kSched);
}

// tick_nohz_restart_sched_tick(): back onto the grid.
void Timers::restart_tick(Base& base) {
  update_jiffies(machine_.now());
  base.cpu->tick_stopped = false;
  retract_global(base);
  arm_tick(base);
}

void Timers::arm_tick(Base& base) {
  if (base.tick.queued()) base.hrtimers.remove(base.tick);
  base.tick.set_expires(ticks_.next(machine_.now()));
  base.hrtimers.add(base.tick);
  program(base);
}

// Of a CPU that has just come: tick_setup_periodic(). Not before its second tick may it stop it.
void Timers::start_tick(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  timers.busy_.set(cpu.id());
  cpu.tick_stopped = false;
  timers.arm_tick(base);
}

// tick_nohz_idle_exit()
void Timers::idle_exit(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  if (timers.scheduler_.rq(cpu.id()).tick_nohz_full && cpu.tick_stopped) [[unlikely]] {
    timers.full_update_tick(base);
  } else {
    timers.need_tick(base);
  }
}

}  // namespace kt::timers
