// Spinlocks (kernel/locking/qspinlock.c): contenders spin on their CPUs in FIFO order; the lock goes
// to the next one at a cost that depends on how far it is.
#pragma once

#include "models/sched/scheduler.hpp"

namespace kt::locking {

using sched::Task;
using sim::Co;

/// struct spinlock.
struct Spinlock {
  struct Waiter {
    cpu::Segment* segment = nullptr;
    Task* task = nullptr;
    Waiter* next = nullptr;
  };
  std::uint32_t name = 0;  ///< NameTable id, for reports
  Task* owner = nullptr;
  int owner_cpu = -1;
  bool irqs_were_off = false;  ///< what spin_lock_irqsave() saved
  Waiter* head = nullptr;
};

class Spinlocks {
 public:
  explicit Spinlocks(sched::Scheduler& scheduler) : scheduler_(scheduler) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  Co<> lock(Spinlock& lock);
  Co<> unlock(Spinlock& lock);
  Co<> lock_irqsave(Spinlock& lock);
  Co<> unlock_irqrestore(Spinlock& lock);

 private:
  void check_owner(const Spinlock& lock) const;
  void release(Spinlock& lock);

  sched::Scheduler& scheduler_;
};

}  // namespace kt::locking
