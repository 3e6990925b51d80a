// kernel/time/timer.c: arming, deleting and expiring wheel timers, and moving those of a dead CPU.
#include "models/timers/timers.hpp"

namespace kt::timers {

using trace::Event;

namespace {

// Whether the timer can make something happen on a machine that idles: 1 or 0.
std::size_t wakes(const KernelTimer& timer) {
  return (timer.flags & kTimerDeferrable) != 0 ? 0 : 1;
}

}  // namespace

void Timers::enqueue(KernelTimer& timer, Jiffies expires, int cpu) {
  Cpu& here = machine_.this_cpu();
  here.touch(&timer, cpu::Access::kWrite);
  Base& target = base(cpu);
  const Jiffies now = jiffies();
  TimerWheel& wheel = this->wheel(target, timer_base_kind(timer.flags));
  const Enqueued done = wheel.add(timer, expires, now);
  armed_ += wakes(timer);
  if (here.traced(Event::kTimerStart)) {
    const auto timeout = static_cast<std::uint32_t>(expires - now);
    here.trace(Event::kTimerStart, timer.address, timer.function_name, expires, done.bucket.expiry,
               std::uint64_t{timeout} << 32 | std::uint64_t{done.bucket.index} << 16 |
                   std::uint64_t{timer.flags} << 12 | static_cast<std::uint64_t>(cpu));
  }
  // trigger_dyntick_cpu(): a CPU without a tick has to look at its timers again.
  if (done.earliest && target.cpu->tick_stopped && target.cpu->online &&
      (timer.flags & kTimerDeferrable) == 0) {
    sched::Rq& rq = scheduler_.rq(cpu);
    if (rq.tick_nohz_full) {
      scheduler_.tick_nohz_full_kick_cpu(rq);  // wake_up_full_nohz_cpu()
    } else if (cpu != here.id()) {
      scheduler_.wake_up_idle_cpu(cpu);
    }
  }
  // An idle CPU whose own code arms a timer (from an interrupt) re-evaluates on its way back to idle.
}

void Timers::add_timer(KernelTimer& timer, Jiffies expires) {
  enqueue(timer, expires, machine_.this_cpu().id());
}

void Timers::boot_timer(KernelTimer& timer, Jiffies expires, int cpu) {
  wheel(base(cpu), timer_base_kind(timer.flags)).add(timer, expires, jiffies());
  if ((timer.flags & kTimerDeferrable) == 0) ++armed_;
}

Co<> Timers::add_timer_global(KernelTimer& timer, Jiffies expires) {
  co_await machine_.run(machine_.costs().timer_start);
  timer.flags &= static_cast<std::uint8_t>(~unsigned{kTimerPinned});
  add_timer(timer, expires);
}

Co<> Timers::add_timer_on(KernelTimer& timer, int cpu, Jiffies expires) {
  co_await machine_.run(machine_.costs().timer_start);
  timer.flags |= kTimerPinned;
  enqueue(timer, expires, cpu);
}

// Its bucket is late by an eighth of the way there at most.
void Timers::cancels(const KernelTimer& timer) const {
  const Jiffies ahead = timer.expires - jiffies();
  machine_.this_cpu().cancels(ticks_.instant(timer.expires + ahead / 8 + 1));
}

Co<bool> Timers::mod_timer(KernelTimer& timer, Jiffies expires) {
  co_await machine_.run(machine_.costs().timer_start);
  machine_.touch(&timer, cpu::Access::kWrite);
  bool was_pending = timer.pending();
  if (was_pending) {
    cancels(timer);
    TimerWheel& wheel = this->wheel(base(timer.cpu), timer_base_kind(timer.flags));
    if (timer.cpu == machine_.this_cpu().id() && wheel.modify_in_place(timer, expires, jiffies())) {
      co_return true;
    }
    wheel.remove(timer);
    armed_ -= wakes(timer);
  }
  enqueue(timer, expires, machine_.this_cpu().id());
  co_return was_pending;
}

bool Timers::del_timer(KernelTimer& timer) {
  machine_.touch(&timer, cpu::Access::kWrite);
  if (!timer.pending()) return false;
  cancels(timer);
  wheel(base(timer.cpu), timer_base_kind(timer.flags)).remove(timer);
  armed_ -= wakes(timer);
  machine_.this_cpu().trace(Event::kTimerCancel, timer.address);
  return true;
}

Co<bool> Timers::del_timer_sync(KernelTimer& timer) {
  for (;;) {
    Base& owner = base(timer.cpu);
    const TimerBaseKind kind = timer_base_kind(timer.flags);
    if (wheel(owner, kind).running() != &timer) break;
    if (scheduler_.preempt_rt() && (timer.flags & kTimerIrqsafe) == 0) {
      co_await wait_for_expiry(owner, owner.expiry_locks[static_cast<std::size_t>(kind)]);
    } else {
      co_await machine_.run(cpu::kSpinPoll);
    }
  }
  co_return del_timer(timer);
}

// migrate_timer_list(): each goes to the base of its kind, with a bucket of its own there.
void Timers::timers_dead_cpu(int dead) {
  Base& from = base(dead);
  Cpu& here = machine_.this_cpu();
  retract_global(from);
  here.local_irq_disable();
  for (TimerWheel& wheel : from.wheels) {
    while (Timer* timer = wheel.take_any()) {
      KernelTimer& moving = static_cast<KernelTimer&>(*timer);
      armed_ -= wakes(moving);
      here.trace(Event::kTimerCancel, moving.address);
      enqueue(moving, moving.expires, here.id());
      ++moved_.timers;
    }
  }
  here.local_irq_enable();
}

// run_local_timers(): whether this CPU's TIMER softirq has something to do.
bool Timers::timers_due(Base& base) {
  const Jiffies now = jiffies();
  for (const TimerWheel& wheel : base.wheels) {
    if (!wheel.empty() && wheel.due(now)) return true;
  }
  // The lowest busy CPU serves those who idle (kernel/time/timer_migration.c: the migrator).
  const bool migrator = busy_.first() == base.cpu->id() || busy_.empty();
  return migrator && !remote_.empty() && !time_before(now, remote_.begin()->first);
}

// kernel/time/timer.c: __run_timers, expire_timers
Co<> Timers::run_timers(Cpu& cpu, Base& base, TimerBaseKind kind) {
  TimerWheel& wheel = this->wheel(base, kind);
  if (wheel.running() != nullptr) co_return;  // another CPU expires them
  locking::RtMutex& expiry_lock = base.expiry_locks[static_cast<std::size_t>(kind)];
  const bool rt = scheduler_.preempt_rt();
  if (rt) co_await rt_.spin_lock(expiry_lock);
  while (Timer* expired = wheel.take_expired(jiffies())) {
    KernelTimer& timer = static_cast<KernelTimer&>(*expired);
    armed_ -= wakes(timer);
    cpu.touch(&timer, cpu::Access::kWrite);
    const std::uint64_t address = timer.address;
    const bool irqsafe = (timer.flags & kTimerIrqsafe) != 0;
    if (irqsafe) cpu.local_irq_disable();
    cpu.trace(Event::kTimerExpireEntry, address, timer.function_name, jiffies(),
              wheel.expiring_clock());
    co_await cpu.run(cpu.costs().timer_callback);
    co_await timer.function(*this, timer);
    cpu.touch(&timer, cpu::Access::kRelease);
    cpu.trace(Event::kTimerExpireExit, address);
    if (irqsafe) cpu.local_irq_enable();
    if (rt) {
      wheel.callback_done();
      co_await yield_to_waiters(base, expiry_lock);
    }
  }
  if (rt) co_await rt_.spin_unlock(expiry_lock);
}

Co<> Timers::run_timer_softirq(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  for (const TimerBaseKind kind :
       {TimerBaseKind::kLocal, TimerBaseKind::kGlobal, TimerBaseKind::kDeferrable}) {
    if (!timers.wheel(base, kind).empty()) co_await timers.run_timers(cpu, base, kind);
  }
  // timer_expire_remote(): global timers of CPUs that idle run here.
  while (!timers.remote_.empty() && !time_before(timers.jiffies(), timers.remote_.begin()->first)) {
    Base& idle = timers.base(timers.remote_.begin()->second);
    timers.retract_global(idle);
    co_await timers.run_timers(cpu, idle, TimerBaseKind::kGlobal);
    if (idle.cpu->tick_stopped) timers.publish_global(idle);
  }
}

}  // namespace kt::timers
