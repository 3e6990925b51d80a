// rt_mutexes (kernel/locking/rtmutex.c): locks that sleep and lend the waiter's priority to the
// owner, along a chain of owners that wait themselves. Under PREEMPT_RT they stand behind spinlock_t
// and struct mutex. Waiters are ordered by priority (fair tasks are equals), first come, first
// served; a waiter spins while the owner runs. A lock whose owner has let go goes to who takes it
// first: the woken top waiter, or somebody more important (or, for spinlocks, an equal fair task)
// who comes by.
#pragma once

#include "models/sched/scheduler.hpp"

namespace kt::locking {

using sched::Task;
using sim::Co;

/// struct rt_mutex_waiter. Lives in the waiting coroutine's frame.
struct RtMutexWaiter {
  Task* task = nullptr;
  RtMutex* lock = nullptr;
  int prio = 0;
  RtMutexWaiter* next = nullptr;
};

/// struct rt_mutex_base.
struct RtMutex {
  std::uint32_t name = 0;  ///< NameTable id, for reports
  Task* owner = nullptr;
  int owner_cpu = -1;  ///< where it was last held: decides the cost of handing over
  RtMutexWaiter* waiters = nullptr;
  RtMutex* next_held = nullptr;  ///< in its owner's Task::pi_locks
};

class RtMutexes {
 public:
  explicit RtMutexes(sched::Scheduler& scheduler);
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// A spinlock_t under PREEMPT_RT (kernel/locking/spinlock_rt.c): the wait is in
  /// TASK_RTLOCK_WAIT and leaves the task's own state alone; the holder stays on its CPU and can be
  /// preempted. Throws sim::Defect where it must not sleep.
  Co<> spin_lock(RtMutex& lock);
  Co<> spin_unlock(RtMutex& lock);
  /// A struct mutex under PREEMPT_RT (kernel/locking/rtmutex_api.c): waits in D.
  Co<> mutex_lock(RtMutex& lock);
  Co<> mutex_unlock(RtMutex& lock);

 private:
  Co<> acquire(RtMutex& lock, std::uint32_t state);
  Co<> slowlock(RtMutex& lock, Task& self, std::uint32_t state);
  Co<bool> spin_on_owner(RtMutex& lock, Task& self, const RtMutexWaiter& waiter);
  Co<> release(RtMutex& lock, std::uint32_t state);
  bool try_to_take(RtMutex& lock, Task& self, RtMutexWaiter* waiter, bool is_spinlock);
  void adjust_prio(Task& owner);
  void adjust_chain(Task& owner);
  static void pi_changed(sched::Scheduler& scheduler, Task& waiter);

  sched::Scheduler& scheduler_;
};

}  // namespace kt::locking
