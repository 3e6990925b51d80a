// What a CPU that goes offline leaves to others: kernel/time/hrtimer.c, timer.c, tick-common.c.
#include "models/timers/timers.hpp"

namespace kt::timers {

void Timers::tick_cpu_dying(Cpu& dying) {
  Base& base = this->base(dying.id());
  if (keeps_time(base)) do_timer_cpu_ = machine_.online_mask().first();
  if (base.tick.queued()) base.hrtimers.remove(base.tick);
  base.cpu->tick_stopped = true;
  base.oneshot = false;
  base.stalled_jiffies = 0;
  busy_.clear(dying.id());
}

// migrate_hrtimer_list(): pinned ones too. What is due at once is so on the other CPU.
void Timers::hrtimers_cpu_dying(Cpu& dying, Cpu& target) {
  Base& from = base(dying.id());
  Base& to = base(target.id());
  for (unsigned mask = from.hrtimers.active(); mask != 0; mask = from.hrtimers.active()) {
    const auto kind = static_cast<HrtimerBase>(std::countr_zero(mask));
    Hrtimer* timer = from.hrtimers.first(kind);
    from.hrtimers.remove(*timer);
    to.hrtimers.add(*timer);
    ++moved_.hrtimers;
  }
  from.hrtimer_target = target.id();
  program(from);
  program(to);  // retrigger_next_event() on the target, by an interrupt of its own there
}

void Timers::hrtimers_cpu_starting(Cpu& cpu) {
  Base& base = this->base(cpu.id());
  base.hrtimer_target = -1;
  base.softirq_activated = false;
}

// What was armed for the CPU while it was away waits for its first tick.
void Timers::timers_prepare_cpu(int cpu) {
  for (TimerWheel& wheel : base(cpu).wheels) {
    if (wheel.empty()) wheel.reset(jiffies());
  }
}

}  // namespace kt::timers
