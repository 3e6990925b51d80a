#include "models/softirq/softirq.hpp"

#include <bit>

#include "sim/error.hpp"

namespace kt::softirq {

using trace::Event;

namespace {

constexpr int kMaxRestart = 10;            // MAX_SOFTIRQ_RESTART
constexpr sim::Time kMaxTime = 2'000'000;  // MAX_SOFTIRQ_TIME, ns, rounded up to jiffies

constexpr std::array<std::string_view, kVectors> kNames{
    "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"};

constexpr std::uint32_t bit(Vec vec) { return 1U << static_cast<unsigned>(vec); }

}  // namespace

std::string_view name_of(Vec vec) { return kNames[static_cast<std::size_t>(vec)]; }

Softirqs::Softirqs(sched::Scheduler& scheduler, const timers::Ticks& ticks)
    : scheduler_(scheduler), rt_(scheduler), ticks_(ticks) {
  cpu::Machine& machine = scheduler.machine();
  percpu_.resize(static_cast<std::size_t>(machine.nr_cpus()));
  for (PerCpu& here : percpu_) here.bh_lock.name = machine.trace().names().intern("softirq_ctrl");
  machine.hooks.softirq = {&invoke_softirq, this};
  scheduler.irq_work_hook = {this, &run_irq_work};
}

void Softirqs::open_softirq(Vec vec, Action action, void* object) {
  actions_[static_cast<std::size_t>(vec)] = {action, object};
}

void Softirqs::raise_irqoff(Cpu& cpu, Vec vec) {
  cpu.trace(Event::kSoftirqRaise, static_cast<std::uint64_t>(vec));
  cpu.touch(&cpu.softirq_pending, cpu::Access::kWrite);
  if ((cpu.softirq_pending & bit(vec)) != 0) return;
  cpu.softirq_pending |= bit(vec);
  at(cpu.id()).raised[static_cast<std::size_t>(vec)] = cpu.now();
}

Co<> Softirqs::raise_softirq_irqoff(Cpu& cpu, Vec vec) {
  raise_irqoff(cpu, vec);
  // In an interrupt, in a softirq or with softirqs off the way out serves it.
  if (cpu.in_interrupt() || at(cpu.id()).bh_disabled != 0) return {};
  return wakeup_softirqd(cpu);
}

Co<> Softirqs::raise(Vec vec) {
  Cpu& cpu = scheduler_.machine().this_cpu();
  const bool irqs_were_off = cpu.irqs_disabled();
  cpu.local_irq_disable();
  co_await raise_softirq_irqoff(cpu, vec);
  if (!irqs_were_off) cpu.local_irq_enable();
}

Co<> Softirqs::raise_on(int target, Vec vec) {
  Cpu& here = scheduler_.machine().this_cpu();
  if (here.id() == target) return raise_softirq_irqoff(here, vec);
  sched::Rq& rq = scheduler_.rq(target);
  const bool was_empty = !scheduler_.calls_queued(rq);
  here.touch(&rq.cpu->irq_work, cpu::Access::kWrite);
  rq.cpu->irq_work |= bit(vec);
  if (was_empty) scheduler_.send_call_function_single_ipi(rq);
  return {};
}

Co<> Softirqs::run_irq_work(void* self, Cpu& cpu) {
  Softirqs& softirqs = *static_cast<Softirqs*>(self);
  cpu.touch(&cpu.irq_work, cpu::Access::kWrite);
  std::uint32_t asked = std::exchange(cpu.irq_work, 0);
  for (; asked != 0; asked &= asked - 1) {
    co_await softirqs.raise_softirq_irqoff(cpu, static_cast<Vec>(std::countr_zero(asked)));
  }
}

Co<> Softirqs::wakeup_softirqd(Cpu& cpu) {
  Task* thread = at(cpu.id()).ksoftirqd;
  if (thread != nullptr) co_await scheduler_.wake_up_process(*thread);
}

// Under PREEMPT_RT whoever holds the CPU's BH lock runs what is pending when he lets go.
Co<> Softirqs::invoke_softirq(void* self, Cpu& cpu) {
  Softirqs& softirqs = *static_cast<Softirqs*>(self);
  if (!softirqs.scheduler_.preempt_rt()) return softirqs.handle_softirqs(cpu);
  if (softirqs.at(cpu.id()).bh_disabled != 0) return {};
  return softirqs.wakeup_softirqd(cpu);
}

Co<> Softirqs::local_bh_disable() {
  if (scheduler_.preempt_rt()) return rt_bh_disable(cpu::kSoftirqDisableOffset);
  scheduler_.current().preempt_count += cpu::kSoftirqDisableOffset;
  return {};
}

// The outermost section of a task takes the lock of its CPU. Where it cannot sleep nobody else can
// be inside: the section would have been left by a task that does not run.
Co<> Softirqs::rt_bh_disable(std::uint32_t offset) {
  Task& self = scheduler_.current();
  if (self.softirq_disable_cnt == 0 && self.cpu->preemptible()) {
    scheduler_.migrate_disable();  // local_lock()
    co_await rt_.spin_lock(at(self.cpu->id()).bh_lock);
  }
  PerCpu& here = at(self.cpu->id());
  here.bh_disabled += offset;
  self.softirq_disable_cnt = here.bh_disabled;
}

// __local_bh_enable()
Co<> Softirqs::rt_bh_release(Task& self, std::uint32_t offset, bool unlock) {
  PerCpu& here = at(self.cpu->id());
  here.bh_disabled -= offset;
  self.softirq_disable_cnt = here.bh_disabled;
  if (here.bh_disabled != 0 || !unlock) co_return;
  co_await rt_.spin_unlock(here.bh_lock);
  co_await scheduler_.migrate_enable();
}

// __local_bh_enable_ip() of PREEMPT_RT: pending softirqs run here, preemptible, under the lock.
Co<> Softirqs::rt_bh_enable() {
  Task& self = scheduler_.current();
  Cpu& cpu = *self.cpu;
  const bool preempt_on = cpu.preemptible();
  const bool irqs_were_off = cpu.irqs_disabled();
  std::uint32_t offset = cpu::kSoftirqDisableOffset;
  PerCpu& here = at(cpu.id());
  if (here.bh_disabled == offset && here.bh_lock.owner == &self && !preempt_on) {
    throw sim::Defect(fmt::format("{} ends a BH-off section with interrupts or preemption off, and "
                                  "did not begin it so",
                                  scheduler_.machine().trace().names()[self.comm]));
  }
  cpu.local_irq_disable();
  if (here.bh_disabled == offset && cpu.softirq_pending != 0) {
    if (preempt_on) {
      offset = cpu::kSoftirqOffset;
      co_await rt_bh_release(self, offset, false);
      co_await handle_softirqs(cpu);
    } else {
      co_await wakeup_softirqd(cpu);
    }
  }
  co_await rt_bh_release(self, offset, preempt_on);
  if (!irqs_were_off) cpu.local_irq_enable();
  if (scheduler_.should_resched()) co_await scheduler_.preempt_schedule();
}

Co<> Softirqs::local_bh_enable() {
  Task& self = scheduler_.current();
  Cpu& cpu = *self.cpu;
  KT_ASSERT(bh_disabled(self), "local_bh_enable() without local_bh_disable()");
  if (scheduler_.preempt_rt()) {
    co_await rt_bh_enable();
    co_return;
  }
  // Preemption stays off until the softirqs are done.
  self.preempt_count -= cpu::kSoftirqDisableOffset - cpu::kPreemptOffset;
  if (cpu.softirq_pending != 0 && !cpu.in_interrupt()) {
    const bool irqs_were_off = cpu.irqs_disabled();
    cpu.local_irq_disable();
    co_await handle_softirqs(cpu);
    if (!irqs_were_off) cpu.local_irq_enable();
  }
  co_await scheduler_.preempt_enable();
}

Co<> Softirqs::run_ksoftirqd(Cpu& cpu) {
  const bool rt = scheduler_.preempt_rt();
  if (rt) co_await rt_bh_disable(cpu::kSoftirqOffset);
  cpu.local_irq_disable();
  const bool pending = cpu.softirq_pending != 0;
  if (pending) co_await handle_softirqs(cpu);
  if (rt) co_await rt_bh_release(scheduler_.current(), cpu::kSoftirqOffset, true);
  cpu.local_irq_enable();
  if (pending) co_await scheduler_.cond_resched();
}

// Entered and left with interrupts off; preemption stays off by way of the softirq count, but not
// under PREEMPT_RT, where the caller holds the CPU's BH lock.
Co<> Softirqs::handle_softirqs(Cpu& cpu) {
  Task& self = scheduler_.current();
  const timers::Jiffies end = ticks_.at(scheduler_.last_tick()) + ticks_.from_time(kMaxTime);
  int restarts = kMaxRestart;
  const std::uint32_t count = scheduler_.preempt_rt() ? 0 : cpu::kSoftirqOffset;
  self.preempt_count += count;
  for (;;) {
    cpu.touch(&cpu.softirq_pending, cpu::Access::kWrite);
    const std::uint32_t pending = std::exchange(cpu.softirq_pending, 0);
    at(cpu.id()).serving = at(cpu.id()).raised;
    cpu.local_irq_enable();
    co_await cpu.run(cpu.costs().softirq_entry);
    co_await run_vectors(cpu, pending);
    cpu.local_irq_disable();
    if (cpu.softirq_pending == 0) break;
    const bool in_time = timers::time_before(ticks_.at(scheduler_.last_tick()), end);
    if (!in_time || self.need_resched || --restarts == 0) {
      co_await wakeup_softirqd(cpu);
      break;
    }
  }
  self.preempt_count -= count;
}

// One pass. A raise that comes meanwhile is for the next one, even if its vector is yet to run.
Co<> Softirqs::run_vectors(Cpu& cpu, std::uint32_t pending) {
  PerCpu& here = at(cpu.id());
  const bool in_thread = cpu.current == here.ksoftirqd;
  for (; pending != 0; pending &= pending - 1) {
    const auto vec = static_cast<std::size_t>(std::countr_zero(pending));
    VectorStats& stats = stats_[vec];
    ++stats.runs;
    if (in_thread) ++stats.in_ksoftirqd;
    stats.latency.record(cpu.now() - here.serving[vec]);
    cpu.trace(Event::kSoftirqEntry, vec);
    co_await cpu.run(cpu.costs().softirq_vector);
    const Entry& entry = actions_[vec];
    if (entry.action != nullptr) co_await entry.action(entry.object, cpu);
    cpu.trace(Event::kSoftirqExit, vec);
  }
}

}  // namespace kt::softirq
