// Spinlocks (kernel/locking/qspinlock.c): contenders spin on their CPUs in FIFO order; the lock goes
// to the next one at a cost that depends on how far it is. Under PREEMPT_RT a spinlock_t sleeps and
// lends priority instead (models/locking/rtmutex.hpp); a raw_spinlock_t stays what it is.
#pragma once

#include "models/locking/rtmutex.hpp"

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
  RtMutex rt;  ///< a spinlock_t under PREEMPT_RT
  std::uint64_t contentions = 0;  ///< acquisitions that had to wait
  sim::Time waited = 0;           ///< ns, in all
};

/// What `co_await spinlocks.lock(lock)` waits with: the cost of a free lock, or the CPU spinning until
/// the owner has handed it over.
struct Acquire {
  cpu::Machine* machine;
  Spinlock* lock;
  bool irqsave = false;
  bool irqs_were_off = false;
  sim::Time since = -1;  ///< when it began to wait; -1: the lock was free
  Spinlock::Waiter waiter{};
  cpu::Segment segment{};

  /// Throws sim::Defect where the task that this code runs on holds it already: nobody would ever
  /// release it.
  bool await_ready();
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
    return segment.await_suspend(waiting);
  }
  void await_resume() const noexcept;
  [[noreturn]] void self_deadlock(const cpu::Cpu& cpu) const;
};

class Spinlocks {
 public:
  explicit Spinlocks(sched::Scheduler& scheduler) : scheduler_(scheduler), rt_(scheduler) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// A raw_spinlock_t.
  Acquire lock(Spinlock& lock) { return {&scheduler_.machine(), &lock}; }
  Co<> unlock(Spinlock& lock);
  Acquire lock_irqsave(Spinlock& lock) { return {&scheduler_.machine(), &lock, true}; }
  Co<> unlock_irqrestore(Spinlock& lock);

  /// A spinlock_t. Under PREEMPT_RT interrupts stay on even with _irqsave.
  Co<> spin_lock(Spinlock& lock);
  Co<> spin_unlock(Spinlock& lock);
  Co<> spin_lock_irqsave(Spinlock& lock);
  Co<> spin_unlock_irqrestore(Spinlock& lock);

  /// Unlocking in two halves: everything but the plain store with which x86 lets a spinlock go, which
  /// may wait in a store buffer, and that store. False: it cannot be parted (a lock of PREEMPT_RT, a
  /// preemption that is due, a lock of somebody else), and nothing was done.
  bool begin_unlock(Spinlock& lock, bool irqrestore);
  void store_release(Spinlock& lock);

 private:
  Co<> raw_lock(Spinlock& lock);
  Co<> raw_lock_irqsave(Spinlock& lock);
  Co<> rt_lock(Spinlock& lock);
  Co<> rt_unlock(Spinlock& lock);
  void release(Spinlock& lock);
  /// The preemption point of preempt_enable(), a coroutine only if it is taken.
  Co<> preempt_enable();

  sched::Scheduler& scheduler_;
  RtMutexes rt_;
};

}  // namespace kt::locking
