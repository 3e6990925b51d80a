// kernel/time/tick-sched.c, tick-common.c: who brings jiffies up to date, and when.
#include "models/timers/timers.hpp"

namespace kt::timers {

namespace {

constexpr unsigned kMaxStalledJiffies = 5;  // MAX_STALLED_JIFFIES

}  // namespace

// tick_do_update_jiffies64()
void Timers::update_jiffies(Time now) {
  if (now < next_period_) return;
  jiffies_ += static_cast<Jiffies>((now - next_period_) / ticks_.period + 1);
  scheduler_.set_last_tick(ticks_.last(now));
  next_period_ = ticks_.next(now);
}

// tick_sched_do_timer(): one CPU's ticks count the jiffies. Another one steps in if nobody does, or
// if its own ticks have come in vain for long.
void Timers::do_timer(Base& base, Time now) {
  if (!base.oneshot) {  // tick_periodic()
    if (keeps_time(base)) update_jiffies(now);
    return;
  }
  if (do_timer_cpu_ < 0) do_timer_cpu_ = base.cpu->id();
  if (keeps_time(base)) update_jiffies(now);
  if (base.last_tick_jiffies == jiffies_ && ++base.stalled_jiffies == kMaxStalledJiffies) {
    update_jiffies(now);
    base.stalled_jiffies = 0;
  }
  if (base.last_tick_jiffies != jiffies_) base.stalled_jiffies = 0;
  base.last_tick_jiffies = jiffies_;
}

bool Timers::keeps_time(const Base& base) const {
  return do_timer_cpu_ == base.cpu->id();
}

// tick_nohz_stop_tick(): the next CPU that ticks takes it over.
void Timers::drop_do_timer(const Base& base) {
  if (keeps_time(base)) do_timer_cpu_ = -1;
}

// With nohz_full= one CPU never lets go of it, and keeps its tick for that (tick_setup_device,
// can_stop_idle_tick).
void Timers::appoint_timekeeper() {
  const cpu::CpuMask& full = scheduler_.config().tick_full;
  do_timer_cpu_ = 0;
  while (full.test(do_timer_cpu_)) ++do_timer_cpu_;
  Base& base = this->base(do_timer_cpu_);
  base.cpu->tick_stopped = false;
  busy_.set(do_timer_cpu_);
  arm_tick(base);
}

// tick_nohz_irq_enter(): the CPU that counts may sleep as well, or have its interrupts off.
void Timers::tick_irq_enter(void* self, Cpu& cpu) {
  Timers& timers = *static_cast<Timers*>(self);
  const sched::Rq& rq = timers.scheduler_.rq(cpu.id());
  constexpr std::uint32_t kIrqs = cpu::kHardirqMask | cpu::kSoftirqMask;
  const bool idle =
      rq.curr == rq.idle && (cpu.current->preempt_count & kIrqs) == cpu::kHardirqOffset;
  if (idle || rq.tick_nohz_full) timers.update_jiffies(cpu.now());
}

}  // namespace kt::timers
