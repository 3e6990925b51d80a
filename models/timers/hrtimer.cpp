// kernel/time/hrtimer.c: starting, cancelling and expiring hrtimers, and the clock event device.
#include "models/timers/timers.hpp"

namespace kt::timers {

using trace::Event;

namespace {

// HRTIMER_MODE_ABS with its flags.
std::uint32_t mode_of(const KernelHrtimer& timer) {
  return (timer.pinned ? 2U : 0U) | (timer.soft_mode ? 4U : 0U) | (timer.hard ? 8U : 0U);
}

}  // namespace

void Timers::hrtimer_init(KernelHrtimer& timer, bool soft) const {
  timer.soft_mode = soft;
  const bool in_softirq = soft || (scheduler_.preempt_rt() && !timer.hard);
  timer.base = in_softirq ? HrtimerBase::kMonotonicSoft : HrtimerBase::kMonotonic;
}

// Programs the CPU's device for its earliest event; those of the softirq count unless it is on its
// way (__hrtimer_get_next_event, tick_program_event).
void Timers::program(Base& base) {
  const Time next = base.hrtimers.next_event(base.softirq_activated ? kHrtimersHard : kHrtimersAll);
  if (next == base.programmed) return;
  machine_.calendar().cancel(base.event);
  base.programmed = next;
  if (next == sim::kNever) return;
  base.event = machine_.calendar().at(std::max(next, machine_.now()), &device_fired, &base);
}

void Timers::device_fired(void* object, std::uint64_t) {
  Base& base = *static_cast<Base*>(object);
  base.programmed = sim::kNever;
  base.cpu->raise(cpu::Vector::kLocalTimer);
}

// get_nohz_timer_target() and switch_hrtimer_base(): an idle CPU leaves its timers to the nearest
// busy one, unless that would have to be woken earlier for it.
Timers::Base& Timers::hrtimer_target(const KernelHrtimer& timer) {
  Base& here = base(machine_.this_cpu().id());
  if (here.hrtimer_target >= 0) return base(here.hrtimer_target);
  const sched::Rq& rq = scheduler_.rq(here.cpu->id());
  if (timer.pinned) return here;
  const cpu::CpuMask& housekeeping = scheduler_.housekeeping();
  const bool may_stay = housekeeping.test(here.cpu->id());
  if (may_stay && (rq.curr != rq.idle || busy_.empty())) return here;
  const auto unless_sooner = [&](Base& there) -> Base& {  // than its device is armed for
    return timer.expires < there.programmed ? here : there;
  };
  for (const sched::Domain* sd = scheduler_.domains().lowest(here.cpu->id()); sd != nullptr;
       sd = sd->parent) {
    for (int cpu : *sd->span) {
      if (cpu == here.cpu->id() || !housekeeping.test(cpu)) continue;
      if (!scheduler_.rq(cpu).idle_cpu()) return unless_sooner(base(cpu));
    }
  }
  return may_stay ? here : unless_sooner(base(scheduler_.housekeeping_any_cpu()));
}

void Timers::boot_hrtimer(KernelHrtimer& timer, int cpu, Time at) {
  ++armed_;
  timer.set_expires(at);
  base(cpu).hrtimers.add(timer);
  program(base(cpu));
}

void Timers::hrtimer_start(KernelHrtimer& timer, Time at, Time range) {
  const bool was_armed = timer.queued();
  machine_.touch(&timer, cpu::Access::kWrite);
  if (was_armed) {
    Base& old = base(timer.cpu);
    if (&timer != &old.tick) machine_.this_cpu().cancels(timer.expires);
    old.hrtimers.remove(timer);
    program(old);
  } else {
    ++armed_;
  }
  timer.set_expires(at, range);
  Base& target = hrtimer_target(timer);
  machine_.this_cpu().trace(Event::kHrtimerStart, timer.address, timer.function_name, timer.expires,
                            timer.softexpires, cpu::pack(mode_of(timer), was_armed));
  target.hrtimers.add(timer);
  program(target);
}

// Under PREEMPT_RT the callback of a soft timer can be preempted by who waits for it: the wait
// lends it its priority (hrtimer_cancel_wait_running).
Co<> Timers::wait_for_expiry(Base& base, locking::RtMutex& lock) {
  ++base.waiters;
  co_await softirqs_.local_bh_disable();
  co_await rt_.spin_lock(lock);
  --base.waiters;
  co_await rt_.spin_unlock(lock);
  co_await softirqs_.local_bh_enable();
}

// The other side, between two callbacks (hrtimer_sync_wait_running, timer_sync_wait_running).
Co<> Timers::yield_to_waiters(Base& base, locking::RtMutex& lock) {
  if (base.waiters == 0) co_return;
  co_await rt_.spin_unlock(lock);
  co_await rt_.spin_lock(lock);
}

Co<bool> Timers::hrtimer_cancel(KernelHrtimer& timer) {
  while (timer.running) {
    Base& owner = base(timer.cpu);
    if (scheduler_.preempt_rt() && timer.soft()) {
      co_await wait_for_expiry(owner, owner.softirq_expiry_lock);
    } else {
      co_await machine_.run(cpu::kSpinPoll);
    }
  }
  machine_.touch(&timer, cpu::Access::kWrite);
  if (!timer.queued()) co_return false;
  machine_.this_cpu().cancels(timer.expires);
  Base& owner = base(timer.cpu);
  owner.hrtimers.remove(timer);
  --armed_;
  machine_.this_cpu().trace(Event::kHrtimerCancel, timer.address);
  program(owner);
  co_return true;
}

// kernel/time/hrtimer.c: __hrtimer_run_queues, __run_hrtimer
Co<> Timers::run_hrtimers(Base& base, Cpu& cpu, unsigned mask) {
  HrtimerExpiry due(base.hrtimers, cpu.now(), mask);
  const bool yields = mask == kHrtimersSoft && scheduler_.preempt_rt();
  while (Hrtimer* next = due.next()) {
    KernelHrtimer& timer = static_cast<KernelHrtimer&>(*next);
    const bool is_tick = &timer == &base.tick;
    cpu.touch(&timer, cpu::Access::kWrite);
    const std::uint64_t address = timer.address;
    if (!is_tick) --armed_;
    cpu.trace(Event::kHrtimerExpireEntry, address, timer.function_name, due.base_now());
    timer.running = true;
    co_await cpu.run(cpu.costs().hrtimer_callback);
    const bool restart = co_await timer.function(*this, timer, cpu);
    timer.running = false;
    cpu.touch(&timer, cpu::Access::kRelease);
    cpu.trace(Event::kHrtimerExpireExit, address);
    if (restart && !timer.queued()) {
      if (!is_tick) ++armed_;
      base.hrtimers.add(timer);
    }
    if (yields) co_await yield_to_waiters(base, base.softirq_expiry_lock);
  }
}

Co<> Timers::hrtimer_interrupt(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  co_await cpu.run(cpu.costs().hrtimer_interrupt);
  if (!base.softirq_activated && base.hrtimers.next_event(kHrtimersSoft) <= cpu.now()) {
    base.softirq_activated = true;
    timers.softirqs_.raise_irqoff(cpu, softirq::Vec::kHrtimer);
  }
  co_await timers.run_hrtimers(base, cpu, kHrtimersHard);
  base.programmed = sim::kNever - 1;  // it has fired: whatever comes next has to be programmed
  timers.program(base);
}

// kernel/time/hrtimer.c: hrtimer_run_softirq
Co<> Timers::hrtimer_run_softirq(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  const bool rt = timers.scheduler_.preempt_rt();
  if (rt) co_await timers.rt_.spin_lock(base.softirq_expiry_lock);
  co_await timers.run_hrtimers(base, cpu, kHrtimersSoft);
  base.softirq_activated = false;
  timers.program(base);
  if (rt) co_await timers.rt_.spin_unlock(base.softirq_expiry_lock);
}

}  // namespace kt::timers
