#include "models/softirq/softirq.hpp"

#include <bit>

namespace kt::softirq {

using trace::Event;

namespace {

constexpr int kMaxRestart = 10;                  // MAX_SOFTIRQ_RESTART
constexpr sim::Time kMaxTime = 2'000'000;        // MAX_SOFTIRQ_TIME, ns, rounded up to jiffies

}  // namespace

Softirqs::Softirqs(sched::Scheduler& scheduler, const timers::Ticks& ticks)
    : scheduler_(scheduler), ticks_(ticks) {
  cpu::Machine& machine = scheduler.machine();
  ksoftirqd_.resize(static_cast<std::size_t>(machine.nr_cpus()));
  machine.hooks.softirq = {&invoke_softirq, this};
}

void Softirqs::open_softirq(Vec vec, Action action, void* object) {
  actions_[static_cast<std::size_t>(vec)] = {action, object};
}

void Softirqs::raise_irqoff(Cpu& cpu, Vec vec) {
  cpu.trace(Event::kSoftirqRaise, static_cast<std::uint64_t>(vec));
  cpu.softirq_pending |= 1U << static_cast<unsigned>(vec);
}

Co<> Softirqs::raise(Vec vec) {
  Cpu& cpu = scheduler_.machine().this_cpu();
  const bool irqs_were_off = cpu.irqs_disabled();
  cpu.local_irq_disable();
  raise_irqoff(cpu, vec);
  if (!cpu.in_interrupt()) co_await wakeup_softirqd(cpu);
  if (!irqs_were_off) cpu.local_irq_enable();
}

Co<> Softirqs::wakeup_softirqd(Cpu& cpu) {
  Task* thread = ksoftirqd_[static_cast<std::size_t>(cpu.id())];
  if (thread != nullptr) co_await scheduler_.wake_up_process(*thread);
}

Co<> Softirqs::invoke_softirq(void* self, Cpu& cpu) {
  return static_cast<Softirqs*>(self)->handle_softirqs(cpu);
}

// Entered with interrupts off; preemption stays off by way of the softirq count.
Co<> Softirqs::handle_softirqs(Cpu& cpu) {
  const timers::Jiffies end = ticks_.at(cpu.now()) + ticks_.from_time(kMaxTime);
  int restarts = kMaxRestart;
  cpu.current->preempt_count += cpu::kSoftirqOffset;
  for (;;) {
    std::uint32_t pending = std::exchange(cpu.softirq_pending, 0);
    cpu.local_irq_enable();
    co_await cpu.run(cpu.costs().softirq_entry);
    while (pending != 0) {
      const auto vec = static_cast<std::size_t>(std::countr_zero(pending));
      pending &= pending - 1;
      cpu.trace(Event::kSoftirqEntry, vec);
      co_await cpu.run(cpu.costs().softirq_vector);
      const Entry& entry = actions_[vec];
      if (entry.action != nullptr) co_await entry.action(entry.object, cpu);
      cpu.trace(Event::kSoftirqExit, vec);
    }
    cpu.local_irq_disable();
    if (cpu.softirq_pending == 0) break;
    const bool in_time = timers::time_before(ticks_.at(cpu.now()), end);
    if (!in_time || cpu.current->need_resched || --restarts == 0) {
      co_await wakeup_softirqd(cpu);
      break;
    }
  }
  cpu.current->preempt_count -= cpu::kSoftirqOffset;
}

}  // namespace kt::softirq
