// Set-up and the sleeps (kernel/time/timer.c, hrtimer.c).
#include "models/timers/timers.hpp"

#include <cerrno>

namespace kt::timers {

using trace::Event;

Timers::Base::Base(Cpu& cpu_, Jiffies now)
    : cpu(&cpu_),
      wheels{TimerWheel(static_cast<std::uint16_t>(cpu_.id()), now),
             TimerWheel(static_cast<std::uint16_t>(cpu_.id()), now),
             TimerWheel(static_cast<std::uint16_t>(cpu_.id()), now)},
      hrtimers(static_cast<std::uint16_t>(cpu_.id())) {}

namespace {

Co<> sleep_for(void* object, sched::Scheduler& scheduler, Time duration) {
  Timers& timers = *static_cast<Timers*>(object);
  scheduler.current().state = sched::kTaskUninterruptible;
  co_await timers.schedule_hrtimeout_range(scheduler.machine().now() + duration, 0);
}

Co<> sched_softirq(void* object, Cpu& cpu) {
  return static_cast<sched::Scheduler*>(object)->sched_balance_softirq(cpu);
}

}  // namespace

Timers::Timers(sched::Scheduler& scheduler, softirq::Softirqs& softirqs, const Ticks& ticks)
    : machine_(scheduler.machine()),
      scheduler_(scheduler),
      softirqs_(softirqs),
      rt_(scheduler),
      ticks_(ticks),
      jiffies_(ticks.initial),
      next_period_(ticks.next(0)),
      busy_(machine_.nr_cpus()) {
  sim::NameTable& names = machine_.trace().names();
  const std::uint32_t tick_name = names.intern("tick_nohz_handler");
  process_timeout_name_ = names.intern("process_timeout");
  hrtimer_wakeup_name_ = names.intern("hrtimer_wakeup");
  for (int id = 0; id < machine_.nr_cpus(); ++id) {
    bases_.push_back(std::make_unique<Base>(machine_.cpu(id), jiffies()));
    Base& base = *bases_.back();
    base.tick.function = &tick_handler;
    base.tick.object = &base;
    base.tick.function_name = tick_name;
    base.tick.pinned = true;
    base.softirq_expiry_lock.name = names.intern("softirq_expiry_lock");
    for (locking::RtMutex& lock : base.expiry_locks) lock.name = names.intern("expiry_lock");
    base.tick.address = 0xffff88807dc00000 + (static_cast<std::uint64_t>(id) << 20);
    base.cpu->tick_stopped = true;  // at t = 0 every CPU idles but the init task's
  }
  machine_.hooks.vectors[static_cast<std::size_t>(cpu::Vector::kLocalTimer)] = {&hrtimer_interrupt,
                                                                                this};
  softirqs.open_softirq(softirq::Vec::kTimer, &run_timer_softirq, this);
  softirqs.open_softirq(softirq::Vec::kHrtimer, &hrtimer_run_softirq, this);
  softirqs.open_softirq(softirq::Vec::kSched, &sched_softirq, &scheduler);
  sched::TimeHooks& hooks = scheduler.time_hooks;
  hooks.object = this;
  hooks.sleep = &sleep_for;
  hooks.start_tick = &start_tick;
  hooks.stop_tick = &stop_tick;
  hooks.exit = &idle_exit;
  hooks.raise_sched_softirq = &raise_sched_softirq;
  machine_.hooks.tick_irq_enter = {&tick_irq_enter, this};
  if (full_ticks()) {
    machine_.hooks.tick_irq_exit = {&tick_irq_exit, this};
    appoint_timekeeper();
  }
  for (int id = 0; id < machine_.nr_cpus(); ++id) {
    if (machine_.cpu(id).tick_stopped) scheduler.nohz_balance_enter_idle(id);
  }
}

Timers::~Timers() {
  for (auto& base : bases_) base->hrtimers.remove(base->tick);
}

std::uint64_t Timers::stack_address(const Task& p) {
  constexpr std::uint64_t kStackSize = 16 * 1024;
  return 0xffffc90000000000 + static_cast<std::uint64_t>(p.pid) * kStackSize + 0x3e00;
}

namespace {

// kernel/time/timer.c: process_timeout
Co<> process_timeout(Timers& timers, KernelTimer& timer) {
  co_await timers.scheduler().wake_up_process(*static_cast<Task*>(timer.object));
}

// kernel/time/hrtimer.c: hrtimer_wakeup; the sleeper sees that its timer has fired by `object`.
Co<bool> hrtimer_wakeup(Timers& timers, KernelHrtimer& timer, Cpu&) {
  Task* task = static_cast<Task*>(std::exchange(timer.object, nullptr));
  if (task != nullptr) co_await timers.scheduler().wake_up_process(*task);
  co_return false;
}

}  // namespace

Co<Jiffies> Timers::schedule_timeout(Jiffies timeout) {
  if (timeout >= kMaxScheduleTimeout) {
    co_await scheduler_.schedule();
    co_return timeout;
  }
  Task& current = scheduler_.current();
  KernelTimer timer;
  timer.function = &process_timeout;
  timer.object = &current;
  timer.function_name = process_timeout_name_;
  timer.address = stack_address(current);
  const Jiffies expire = jiffies() + timeout;
  machine_.this_cpu().trace(Event::kTimerInit, timer.address);
  co_await mod_timer(timer, expire);
  co_await scheduler_.schedule();
  co_await del_timer_sync(timer);
  const auto left = static_cast<std::int64_t>(expire - jiffies());
  co_return left < 0 ? 0 : static_cast<Jiffies>(left);
}

Co<Jiffies> Timers::schedule_timeout_uninterruptible(Jiffies timeout) {
  scheduler_.current().state = sched::kTaskUninterruptible;
  return schedule_timeout(timeout);
}

Co<int> Timers::schedule_hrtimeout_range(Time at, Time range) {
  return hrtimer_sleep(scheduler_.current(), at, range, false);
}

// A sleeper's hrtimer; `until_expiry`: wakeups before the timer fires do not end the sleep.
Co<int> Timers::hrtimer_sleep(Task& current, Time at, Time range, bool until_expiry) {
  KernelHrtimer timer;
  timer.function = &hrtimer_wakeup;
  timer.object = &current;
  timer.function_name = hrtimer_wakeup_name_;
  timer.address = stack_address(current);
  timer.hard = scheduler_.preempt_rt() && sched::rt_policy(current.policy);
  hrtimer_init(timer, false);  // __hrtimer_init_sleeper()
  do {
    if (until_expiry) current.state = sched::kTaskUninterruptible;
    co_await current.cpu->run(machine_.costs().hrtimer_start);
    hrtimer_start(timer, at, range);
    if (timer.object != nullptr) co_await scheduler_.schedule();
    if (timer.queued() || timer.running) co_await hrtimer_cancel(timer);
    current.state = sched::kTaskRunning;
  } while (until_expiry && timer.object != nullptr);
  co_return timer.object == nullptr ? 0 : -EINTR;
}

Co<> Timers::msleep(Time duration) {
  Jiffies timeout = ticks_.from_time(duration);
  while (timeout != 0) timeout = co_await schedule_timeout_uninterruptible(timeout);
}

Co<int> Timers::usleep_range(Time least, Time most) {
  return hrtimer_sleep(scheduler_.current(), machine_.now() + least, most - least, true);
}

}  // namespace kt::timers
