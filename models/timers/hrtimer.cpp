// kernel/time/hrtimer.c: starting, cancelling and expiring hrtimers, and the clock event device.
#include "models/timers/timers.hpp"

namespace kt::timers {

using trace::Event;

namespace {

constexpr std::uint32_t kModeAbs = 0;  // HRTIMER_MODE_ABS
constexpr std::uint32_t kModePinned = 2;

}  // namespace

// Programs the CPU's device for its earliest hard event (tick_program_event).
void Timers::program(Base& base) {
  const Time next = base.hrtimers.next_event(kHrtimersHard);
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
  const sched::Rq& rq = scheduler_.rq(here.cpu->id());
  if (timer.pinned || rq.curr != rq.idle || busy_.empty()) return here;
  for (const sched::Domain* sd = scheduler_.domains().lowest(here.cpu->id()); sd != nullptr;
       sd = sd->parent) {
    for (int cpu : *sd->span) {
      if (cpu == here.cpu->id() || scheduler_.rq(cpu).idle_cpu()) continue;
      Base& there = base(cpu);
      return timer.expires < there.programmed ? here : there;
    }
  }
  return here;
}

void Timers::hrtimer_start(KernelHrtimer& timer, Time at, Time range) {
  const bool was_armed = timer.queued();
  if (was_armed) {
    Base& old = base(timer.cpu);
    old.hrtimers.remove(timer);
    program(old);
  } else {
    ++armed_;
  }
  timer.set_expires(at, range);
  Base& target = hrtimer_target(timer);
  machine_.this_cpu().trace(Event::kHrtimerStart, timer.address, timer.function_name,
                            timer.expires, timer.softexpires,
                            cpu::pack(timer.pinned ? kModeAbs | kModePinned : kModeAbs, was_armed));
  target.hrtimers.add(timer);
  program(target);
}

Co<bool> Timers::hrtimer_cancel(KernelHrtimer& timer) {
  while (timer.running) co_await machine_.run(cpu::kSpinPoll);
  if (!timer.queued()) co_return false;
  Base& owner = base(timer.cpu);
  owner.hrtimers.remove(timer);
  --armed_;
  machine_.this_cpu().trace(Event::kHrtimerCancel, timer.address);
  program(owner);
  co_return true;
}

Co<> Timers::hrtimer_interrupt(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  Base& base = timers.base(cpu.id());
  co_await cpu.run(cpu.costs().hrtimer_interrupt);
  HrtimerExpiry due(base.hrtimers, cpu.now(), kHrtimersHard);
  while (Hrtimer* next = due.next()) {
    KernelHrtimer& timer = static_cast<KernelHrtimer&>(*next);
    const bool is_tick = &timer == &base.tick;
    if (!is_tick) --timers.armed_;
    cpu.trace(Event::kHrtimerExpireEntry, timer.address, timer.function_name, due.base_now());
    timer.running = true;
    co_await cpu.run(cpu.costs().hrtimer_callback);
    const bool restart = co_await timer.function(timers, timer, cpu);
    timer.running = false;
    cpu.trace(Event::kHrtimerExpireExit, timer.address);
    if (restart) {
      if (!is_tick) ++timers.armed_;
      base.hrtimers.add(timer);
    }
  }
  base.programmed = sim::kNever - 1;  // it has fired: whatever comes next has to be programmed
  timers.program(base);
}

}  // namespace kt::timers
