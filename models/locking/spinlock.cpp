#include "models/locking/spinlock.hpp"

#include "sim/error.hpp"

namespace kt::locking {

Co<> Spinlocks::lock(Spinlock& lock) {
  cpu::Cpu& cpu = scheduler_.machine().this_cpu();
  Task& current = scheduler_.current();
  cpu.preempt_disable();
  if (lock.owner == nullptr) {
    const int last = std::exchange(lock.owner_cpu, cpu.id());
    lock.owner = &current;
    const bool remote = last >= 0 && last != cpu.id();
    co_await cpu.run(remote ? scheduler_.machine().handover(last, cpu.id()) : cpu.costs().lock);
    co_return;
  }
  cpu::Segment spin = cpu.spin();
  Spinlock::Waiter waiter{.segment = &spin, .task = &current};
  Spinlock::Waiter** tail = &lock.head;
  while (*tail != nullptr) tail = &(*tail)->next;
  *tail = &waiter;
  co_await spin;  // release() has made this task the owner
}

void Spinlocks::check_owner(const Spinlock& lock) const {
  if (lock.owner == scheduler_.machine().this_cpu().current) return;
  throw sim::Defect(fmt::format("spinlock {} unlocked by {}, which does not hold it",
                                scheduler_.machine().trace().names()[lock.name],
                                scheduler_.machine().trace().names()[
                                    scheduler_.machine().this_cpu().current->comm]));
}

void Spinlocks::release(Spinlock& lock) {
  Spinlock::Waiter* next = lock.head;
  if (next == nullptr) {
    lock.owner = nullptr;
    return;
  }
  lock.head = next->next;
  lock.owner = next->task;
  const int from = std::exchange(lock.owner_cpu, next->segment->cpu->id());
  cpu::Cpu::release(*next->segment, scheduler_.machine().handover(from, lock.owner_cpu));
}

Co<> Spinlocks::unlock(Spinlock& lock) {
  check_owner(lock);
  release(lock);
  co_await scheduler_.preempt_enable();
}

Co<> Spinlocks::lock_irqsave(Spinlock& lock) {
  cpu::Cpu& cpu = scheduler_.machine().this_cpu();
  const bool irqs_were_off = cpu.irqs_disabled();
  cpu.local_irq_disable();
  co_await this->lock(lock);
  lock.irqs_were_off = irqs_were_off;
}

Co<> Spinlocks::unlock_irqrestore(Spinlock& lock) {
  check_owner(lock);
  const bool irqs_were_off = lock.irqs_were_off;
  release(lock);
  if (!irqs_were_off) scheduler_.machine().this_cpu().local_irq_enable();
  co_await scheduler_.preempt_enable();
}

}  // namespace kt::locking
