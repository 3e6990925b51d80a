// Mutexes (kernel/locking/mutex.c): an owner, spinning on an owner that runs, FIFO waiters, and
// handoff to a first waiter that was woken and found the lock taken again. Under PREEMPT_RT a mutex is
// an rt_mutex and none of that: it lends priority.
#pragma once

#include "models/locking/rtmutex.hpp"

namespace kt::locking {

using sched::Task;
using sim::Co;

/// struct mutex.
struct Mutex {
  struct Waiter {
    Task* task = nullptr;
    Waiter* next = nullptr;
  };
  std::uint32_t name = 0;  ///< NameTable id, for reports
  Task* owner = nullptr;
  int owner_cpu = -1;      ///< where it was last held: decides the cost of handing over
  bool handoff = false;    ///< MUTEX_FLAG_HANDOFF
  bool pickup = false;     ///< MUTEX_FLAG_PICKUP: `owner` may take it
  Task* spinner = nullptr; ///< head of the optimistic spin queue
  Waiter* head = nullptr;
  std::uint64_t contentions = 0;  ///< acquisitions that had to wait
  sim::Time waited = 0;           ///< ns, in all
  RtMutex rt;  ///< PREEMPT_RT
};

class Mutexes {
 public:
  explicit Mutexes(sched::Scheduler& scheduler) : scheduler_(scheduler), rt_(scheduler) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Waits in D.
  Co<> lock(Mutex& mutex);
  /// Throws sim::Defect if the current task is not the owner.
  Co<> unlock(Mutex& mutex);

 private:
  bool trylock(Mutex& mutex, Task& current, bool handoff);
  Co<bool> optimistic_spin(Mutex& mutex, Task& current, bool is_waiter);
  Co<bool> spin_on_owner(Mutex& mutex, Task& current, bool is_waiter);
  Co<> take_over(Mutex& mutex, Task& current);
  Co<> rt_lock(Mutex& mutex);

  sched::Scheduler& scheduler_;
  RtMutexes rt_;
};

}  // namespace kt::locking
