#include "models/irq/irq.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "sim/error.hpp"

namespace kt::irq {

using trace::Event;

Irqs::Irqs(kthread::Kthreads& kthreads, softirq::Softirqs& softirqs, int first_number)
    : kthreads_(kthreads),
      scheduler_(kthreads.scheduler()),
      softirqs_(softirqs),
      machine_(scheduler_.machine()),
      next_number_(first_number),
      vectors_(machine_.nr_cpus()),
      queue_wanted_(static_cast<std::size_t>(machine_.nr_cpus())) {
  machine_.hooks.vectors[static_cast<std::size_t>(cpu::Vector::kDevice)] = {&device_interrupt,
                                                                            this};
}

Irq& Irqs::request_irq(const IrqRequest& request) {
  const int cpu = vectors_.best_cpu(request.affinity);
  if (cpu < 0) {
    throw sim::UserError(fmt::format("irq {}: no vector left on CPUs {}: a CPU has {}",
                                     request.name, request.affinity.to_list(), Vectors::kPerCpu));
  }
  Irq& irq = irqs_.emplace_back(request.affinity);
  irq.number = next_number_++;
  irq.name = machine_.trace().names().intern(request.name);
  irq.handler = request.handler;
  irq.thread_fn = request.thread_fn;
  irq.object = request.object;
  irq.stats.by_cpu.resize(static_cast<std::size_t>(machine_.nr_cpus()));
  // irq_setup_forced_threading(): what asked for a thread itself (IRQF_ONESHOT) stays as it is.
  if (scheduler_.config().preempt == sched::Preempt::kRt && irq.thread_fn == nullptr) {
    irq.thread_fn = std::exchange(irq.handler, nullptr);
    irq.forced_thread = true;
  }
  place(irq, cpu);
  if (irq.thread_fn != nullptr) make_thread(irq, request.name);
  return irq;
}

void Irqs::place(Irq& irq, int cpu) {
  irq.cpu = cpu;
  irq.vector = vectors_.allocate(cpu, &irq);
}

bool Irqs::set_affinity(Irq& irq, const cpu::CpuMask& mask) {
  irq.affinity = mask;
  if (mask.test(irq.cpu)) return true;
  const int cpu = vectors_.best_cpu(mask & machine_.online_mask());
  if (cpu < 0) return false;
  const bool was_requested = vectors_.withdraw(irq.cpu, irq.vector);
  vectors_.release(irq.cpu, irq.vector);
  place(irq, cpu);
  irq.move_thread = true;
  if (was_requested) retrigger(irq);
  return true;
}

int Irqs::lapic_can_unplug_cpu(const Cpu& cpu) const {
  cpu::CpuMask others = machine_.online_mask();
  others.clear(cpu.id());
  return vectors_.available(others) < vectors_.allocated(cpu.id()) ? -ENOSPC : 0;
}

void Irqs::migrate_all_off_this_cpu(Cpu& cpu) {
  for (Irq& irq : irqs_) {
    if (irq.cpu != cpu.id()) continue;
    cpu::CpuMask allowed = irq.affinity & machine_.online_mask();
    const bool broken = allowed.empty();
    if (broken) allowed = machine_.online_mask();
    const cpu::CpuMask affinity = irq.affinity;
    if (!set_affinity(irq, allowed)) continue;
    if (!broken) irq.affinity = affinity;
    ++moved_;
  }
}

void Irqs::raise(Irq& irq) {
  ++irq.stats.arrivals;
  if (irq.masked) {
    if (irq.latched) ++irq.stats.merged;
    irq.latched = true;
    return;
  }
  deliver(irq);
}

void Irqs::deliver(Irq& irq) {
  if (!vectors_.request(irq.cpu, irq.vector)) {
    ++irq.stats.merged;
    return;
  }
  if (!irq.pending && !irq.replay) irq.raised_at = machine_.now();
  machine_.cpu(irq.cpu).raise(cpu::Vector::kDevice);
}

void Irqs::unmask(Irq& irq) {
  irq.masked = false;
  if (std::exchange(irq.latched, false)) retrigger(irq);
}

// From code of a CPU that need not be the target: an event of its own, now.
void Irqs::retrigger(Irq& irq) {
  machine_.calendar().at(machine_.now(), &Irqs::retriggered, this,
                         reinterpret_cast<std::uint64_t>(&irq));
}

void Irqs::retriggered(void* self, std::uint64_t irq) {
  static_cast<Irqs*>(self)->deliver(*reinterpret_cast<Irq*>(irq));
}

// The queue of a CPU that has gone signals where others are.
void Irqs::raise_queue(int cpu) {
  if (!machine_.cpu(cpu).online) cpu = machine_.online_mask().first();
  queue_wanted_[static_cast<std::size_t>(cpu)] = 1;
  machine_.cpu(cpu).raise(cpu::Vector::kDevice);
}

// arch/x86/kernel/irq.c: common_interrupt: one vector an interrupt, the most urgent first.
Co<> Irqs::device_interrupt(void* self, Cpu& cpu) {
  Irqs& irqs = *static_cast<Irqs*>(self);
  char& queue_wanted = irqs.queue_wanted_[static_cast<std::size_t>(cpu.id())];
  if (queue_wanted != 0) {
    queue_wanted = 0;
    if (irqs.vectors_.pending(cpu.id())) cpu.raise(cpu::Vector::kDevice);
    return irqs.queue_handler_.body(irqs.queue_handler_.object, cpu);
  }
  Irq* irq = static_cast<Irq*>(irqs.vectors_.take(cpu.id()));
  if (irqs.vectors_.pending(cpu.id())) cpu.raise(cpu::Vector::kDevice);
  if (irq == nullptr) return {};  // spurious: it was moved to another CPU meanwhile
  return irqs.handle_edge_irq(cpu, *irq);
}

// kernel/irq/chip.c: handle_edge_irq. If the handler still runs on the CPU that the interrupt went
// to before, that CPU runs it once more.
Co<> Irqs::handle_edge_irq(Cpu& cpu, Irq& irq) {
  co_await cpu.run(cpu.costs().irq_handler);
  if (irq.wakeup_armed || irq.suspended) {
    co_await hold_back(irq);
    co_return;
  }
  irq.replay = false;
  if (irq.in_progress) {
    irq.pending = true;
    irq.masked = true;
    co_return;
  }
  irq.in_progress = true;
  do {
    const Time arrived = irq.raised_at;
    irq.pending = false;
    if (irq.masked) unmask(irq);
    co_await handle_irq_event(cpu, irq, arrived);
  } while (irq.pending);
  irq.in_progress = false;
}

// kernel/irq/handle.c: __handle_irq_event_percpu
Co<> Irqs::handle_irq_event(Cpu& cpu, Irq& irq, Time arrived) {
  ++irq.stats.handled;
  ++irq.stats.by_cpu[static_cast<std::size_t>(cpu.id())];
  irq.stats.latency.record(cpu.now() - arrived);
  cpu.trace(Event::kIrqHandlerEntry, irq.number, irq.name);
  if (irq.handler != nullptr) co_await irq.handler(*this, irq);
  cpu.trace(Event::kIrqHandlerExit, irq.number, 1);
  if (irq.thread == nullptr || irq.run_thread) co_return;
  irq.run_thread = irq.thread_active = true;  // __irq_wake_thread()
  irq.thread_wanted = arrived;
  co_await scheduler_.wake_up_process(*irq.thread);
}

// kernel/irq/manage.c: setup_irq_thread, and the thread's first run before t = 0.
void Irqs::make_thread(Irq& irq, const std::string& name) {
  ThreadData& data = threads_.emplace_back(ThreadData{this, &irq});
  Task& thread = kthreads_.boot_thread(fmt::format("irq/{}-{}", irq.number, name), &irq_thread,
                                       &data, sched::kTaskInterruptible);
  scheduler_.init_policy(thread, sched::Policy::kFifo, 50, 0);
  thread.cpu = &machine_.cpu(irq.cpu);
  thread.wake_cpu = thread.recent_used_cpu = irq.cpu;
  scheduler_.set_cpus_mask(thread, cpu::CpuMask::of(machine_.nr_cpus(), irq.cpu));
  irq.thread = &thread;
}

// kernel/irq/manage.c: irq_thread, irq_thread_fn, irq_forced_thread_fn
Co<int> Irqs::irq_thread(kthread::Kthreads&, Task& self, void* data) {
  Irqs& irqs = *static_cast<ThreadData*>(data)->irqs;
  Irq& irq = *static_cast<ThreadData*>(data)->irq;
  for (;;) {
    const bool goes_on = co_await irqs.irq_wait_for_interrupt(self, irq);
    if (!goes_on) co_return 0;
    ++irq.stats.thread_runs;
    irq.stats.thread_latency.record(irqs.machine_.now() - irq.thread_wanted);
    if (irq.forced_thread) co_await irqs.softirqs_.local_bh_disable();
    co_await irq.thread_fn(irqs, irq);
    if (irq.forced_thread) co_await irqs.softirqs_.local_bh_enable();
    irq.thread_active = irq.run_thread;
    if (irqs.thread_waiter_ != nullptr) {
      co_await irqs.scheduler_.wake_up_process(*irqs.thread_waiter_);
    }
  }
}

// True: the thread's function has to run; false: the thread ends.
Co<bool> Irqs::irq_wait_for_interrupt(Task& self, Irq& irq) {
  for (;;) {
    self.state = sched::kTaskInterruptible;
    if (std::exchange(irq.move_thread, false)) {  // irq_thread_check_affinity()
      self.state = sched::kTaskRunning;
      const cpu::CpuMask mask = cpu::CpuMask::of(machine_.nr_cpus(), irq.cpu);
      co_await scheduler_.set_cpus_allowed(self, mask);
    }
    const bool stops = kthread::Kthreads::should_stop(self);
    if (std::exchange(irq.run_thread, false)) {
      self.state = sched::kTaskRunning;
      co_return true;
    }
    if (stops) {
      self.state = sched::kTaskRunning;
      co_return false;
    }
    co_await scheduler_.schedule();
  }
}

}  // namespace kt::irq
