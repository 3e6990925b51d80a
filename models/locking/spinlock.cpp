#include "models/locking/spinlock.hpp"

#include "sim/error.hpp"

namespace kt::locking {

void Acquire::self_deadlock(const cpu::Cpu& cpu) const {
  const sim::NameTable& names = machine->trace().names();
  throw sim::Defect(fmt::format(
      "deadlock: CPU {} spins for {}, which {} holds that runs there{}", cpu.id(),
      names[lock->name], names[cpu.current->comm],
      cpu.in_interrupt() ? ", interrupted: it has to take the lock with interrupts or softirqs off"
                         : ""));
}

bool Acquire::await_ready() {
  cpu::Cpu& cpu = machine->this_cpu();
  if (irqsave) {
    irqs_were_off = cpu.irqs_disabled();
    cpu.local_irq_disable();
  }
  cpu.preempt_disable();
  Task& current = static_cast<Task&>(*cpu.current);
  cpu.touch(lock, cpu::Access::kWrite);
  if (lock->owner == nullptr) [[likely]] {
    const int last = std::exchange(lock->owner_cpu, cpu.id());
    lock->owner = &current;
    const bool remote = last >= 0 && last != cpu.id();
    segment = cpu.run(remote ? machine->handover(last, cpu.id()) : cpu.costs().lock);
    return segment.await_ready();
  }
  if (lock->owner == &current) [[unlikely]] self_deadlock(cpu);
  since = machine->now();
  segment = cpu.spin();
  waiter = {.segment = &segment, .task = &current};
  Spinlock::Waiter** tail = &lock->head;
  while (*tail != nullptr) tail = &(*tail)->next;
  *tail = &waiter;
  return false;  // release() makes this task the owner
}

void Acquire::await_resume() const noexcept {
  if (irqsave) lock->irqs_were_off = irqs_were_off;
  if (since < 0) return;
  machine->touch(lock, cpu::Access::kAcquire);
  ++lock->contentions;
  lock->waited += machine->now() - since;
}

void Spinlocks::release(Spinlock& lock) {
  cpu::Machine& machine = scheduler_.machine();
  if (lock.owner != machine.this_cpu().current) {
    throw sim::Defect(fmt::format("spinlock {} unlocked by {}, which does not hold it",
                                  machine.trace().names()[lock.name],
                                  machine.trace().names()[machine.this_cpu().current->comm]));
  }
  store_release(lock);
}

void Spinlocks::store_release(Spinlock& lock) {
  cpu::Machine& machine = scheduler_.machine();
  machine.touch(&lock, cpu::Access::kStore);
  Spinlock::Waiter* next = lock.head;
  if (next == nullptr) {
    lock.owner = nullptr;
    return;
  }
  lock.head = next->next;
  lock.owner = next->task;
  const int from = std::exchange(lock.owner_cpu, next->segment->cpu->id());
  cpu::Cpu::release(*next->segment, machine.handover(from, lock.owner_cpu));
}

Co<> Spinlocks::preempt_enable() {
  scheduler_.machine().this_cpu().preempt_enable_no_resched();
  return scheduler_.should_resched() ? scheduler_.preempt_schedule() : Co<>{};
}

Co<> Spinlocks::unlock(Spinlock& lock) {
  release(lock);
  return preempt_enable();
}

Co<> Spinlocks::unlock_irqrestore(Spinlock& lock) {
  const bool irqs_were_off = lock.irqs_were_off;
  release(lock);
  if (!irqs_were_off) scheduler_.machine().this_cpu().local_irq_enable();
  return preempt_enable();
}

bool Spinlocks::begin_unlock(Spinlock& lock, bool irqrestore) {
  cpu::Cpu& cpu = scheduler_.machine().this_cpu();
  if (scheduler_.preempt_rt() || lock.owner != cpu.current || scheduler_.should_resched())
    return false;
  cpu.preempt_enable_no_resched();
  if (irqrestore && !lock.irqs_were_off) cpu.local_irq_enable();
  return true;
}

// `owner` is for the reports, whatever stands behind the lock.
Co<> Spinlocks::rt_lock(Spinlock& lock) {
  lock.rt.name = lock.name;
  co_await rt_.spin_lock(lock.rt);
  lock.owner = lock.rt.owner;
}

Co<> Spinlocks::rt_unlock(Spinlock& lock) {
  lock.owner = nullptr;
  return rt_.spin_unlock(lock.rt);
}

Co<> Spinlocks::raw_lock(Spinlock& lock) { co_await this->lock(lock); }

Co<> Spinlocks::raw_lock_irqsave(Spinlock& lock) { co_await lock_irqsave(lock); }

Co<> Spinlocks::spin_lock(Spinlock& lock) {
  return scheduler_.preempt_rt() ? rt_lock(lock) : raw_lock(lock);
}

Co<> Spinlocks::spin_unlock(Spinlock& lock) {
  return scheduler_.preempt_rt() ? rt_unlock(lock) : unlock(lock);
}

Co<> Spinlocks::spin_lock_irqsave(Spinlock& lock) {
  return scheduler_.preempt_rt() ? rt_lock(lock) : raw_lock_irqsave(lock);
}

Co<> Spinlocks::spin_unlock_irqrestore(Spinlock& lock) {
  return scheduler_.preempt_rt() ? rt_unlock(lock) : unlock_irqrestore(lock);
}

}  // namespace kt::locking
