#include "models/softirq/tasklet.hpp"

namespace kt::softirq {

using trace::Event;

void Tasklets::List::append(Tasklet& tasklet) {
  tasklet.next = nullptr;
  *tail = &tasklet;
  tail = &tasklet.next;
}

Tasklet* Tasklets::List::take_all() {
  tail = &head;
  return std::exchange(head, nullptr);
}

void Tasklets::List::splice(List& other) {
  if (other.head == nullptr) return;
  *tail = other.head;
  tail = other.tail;
  other.take_all();
}

Tasklets::Tasklets(Softirqs& softirqs)
    : softirqs_(softirqs),
      percpu_(static_cast<std::size_t>(softirqs.scheduler().machine().nr_cpus())) {
  softirqs.open_softirq(Vec::kHi, &softirq_action<true>, this);
  softirqs.open_softirq(Vec::kTasklet, &softirq_action<false>, this);
}

// kernel/softirq.c: __tasklet_schedule_common
Co<bool> Tasklets::tasklet_schedule(Tasklet& tasklet) {
  Cpu& cpu = softirqs_.scheduler().machine().this_cpu();
  cpu.touch(&tasklet, cpu::Access::kWrite);
  if (tasklet.scheduled) co_return false;
  tasklet.scheduled = true;
  tasklet.scheduled_at = cpu.now();
  const bool irqs_were_off = cpu.irqs_disabled();
  cpu.local_irq_disable();
  list(cpu.id(), tasklet.highpri).append(tasklet);
  co_await softirqs_.raise_softirq_irqoff(cpu, vec_of(tasklet.highpri));
  if (!irqs_were_off) cpu.local_irq_enable();
  co_return true;
}

// kernel/softirq.c: tasklet_action, tasklet_hi_action
template <bool kHighpri>
Co<> Tasklets::softirq_action(void* self, Cpu& cpu) {
  Tasklets& tasklets = *static_cast<Tasklets*>(self);
  if (tasklets.bh_.action != nullptr) {
    co_await tasklets.bh_.action(tasklets.bh_.object, cpu, kHighpri);
  }
  co_await tasklets.run_list(cpu, kHighpri);
}

// kernel/softirq.c: tasklet_action_common. What is scheduled meanwhile waits for the next pass.
Co<> Tasklets::run_list(Cpu& cpu, bool highpri) {
  List& own = list(cpu.id(), highpri);
  Tasklet* next = own.take_all();
  while (next != nullptr) {
    Tasklet& tasklet = *next;
    next = tasklet.next;
    co_await cpu.run(cpu.costs().tasklet);
    cpu.touch(&tasklet, cpu::Access::kWrite);
    if (!tasklet.running && tasklet.count == 0) {
      co_await run(cpu, tasklet);
    } else {
      own.append(tasklet);
      softirqs_.raise_irqoff(cpu, vec_of(highpri));
    }
  }
}

// From here on it may be scheduled again, here or elsewhere.
Co<> Tasklets::run(Cpu& cpu, Tasklet& tasklet) {
  tasklet.running = true;
  tasklet.scheduled = false;
  ++tasklet.runs;
  tasklet.latency.record(cpu.now() - tasklet.scheduled_at);
  cpu.trace(Event::kTaskletEntry, tasklet.address, tasklet.function_name);
  co_await tasklet.function(*this, tasklet);
  cpu.trace(Event::kTaskletExit, tasklet.address, tasklet.function_name);
  tasklet.running = false;
  cpu.touch(&tasklet, cpu::Access::kWrite);
}

// The two softirqs are raised whether there was a tasklet or not.
Co<> Tasklets::takeover_tasklets(int dead) {
  Cpu& cpu = softirqs_.scheduler().machine().this_cpu();
  cpu.local_irq_disable();
  for (const bool highpri : {false, true}) {
    for (const Tasklet* t = list(dead, highpri).head; t != nullptr; t = t->next) ++moved_;
    list(cpu.id(), highpri).splice(list(dead, highpri));
    co_await softirqs_.raise_softirq_irqoff(cpu, vec_of(highpri));
  }
  cpu.local_irq_enable();
}

}  // namespace kt::softirq
