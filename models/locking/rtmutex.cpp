#include "models/locking/rtmutex.hpp"

#include "sim/error.hpp"

namespace kt::locking {

namespace {

// __waiter_prio(): fair tasks are served in the order in which they came.
int waiter_prio(const Task& task) {
  return task.prio < sched::kMaxRtPrio ? task.prio : sched::kDefaultPrio;
}

void enqueue(RtMutex& lock, RtMutexWaiter& waiter) {
  RtMutexWaiter** link = &lock.waiters;
  while (*link != nullptr && (*link)->prio <= waiter.prio) link = &(*link)->next;
  waiter.next = *link;
  *link = &waiter;
}

void dequeue(RtMutex& lock, const RtMutexWaiter& waiter) {
  RtMutexWaiter** link = &lock.waiters;
  while (*link != &waiter) link = &(*link)->next;
  *link = waiter.next;
}

// Task::pi_locks: the locks through which others lend the task their priority.
void hold(Task& owner, RtMutex& lock) {
  for (RtMutex* held = owner.pi_locks; held != nullptr; held = held->next_held) {
    if (held == &lock) return;
  }
  lock.next_held = owner.pi_locks;
  owner.pi_locks = &lock;
}

void let_go(Task& owner, RtMutex& lock) {
  for (RtMutex** link = &owner.pi_locks; *link != nullptr; link = &(*link)->next_held) {
    if (*link != &lock) continue;
    *link = lock.next_held;
    return;
  }
}

// rt_mutex_steal(): whether somebody of priority `prio` takes the lock before its top waiter.
bool may_steal(int prio, const RtMutexWaiter& top, bool is_spinlock) {
  if (prio < top.prio) return true;
  return is_spinlock && prio == top.prio && prio >= sched::kMaxRtPrio;
}

}  // namespace

RtMutexes::RtMutexes(sched::Scheduler& scheduler) : scheduler_(scheduler) {
  scheduler.pi_changed = &pi_changed;
}

// rt_mutex_adjust_prio(): as urgent as the most urgent of those who wait for it.
void RtMutexes::adjust_prio(Task& owner) {
  const RtMutexWaiter* top = nullptr;
  for (const RtMutex* held = owner.pi_locks; held != nullptr; held = held->next_held) {
    if (held->waiters != nullptr && (top == nullptr || held->waiters->prio < top->prio)) {
      top = held->waiters;
    }
  }
  scheduler_.rt_mutex_setprio(owner, top != nullptr ? top->task : nullptr);
}

// rt_mutex_adjust_prio_chain(): the owner's new priority passes on to whom it waits for itself. A
// cycle ends the walk: nobody in it becomes more urgent any more.
void RtMutexes::adjust_chain(Task& owner) {
  for (Task* task = &owner; task != nullptr;) {
    adjust_prio(*task);
    RtMutexWaiter* waiter = task->pi_blocked_on;
    if (waiter == nullptr || waiter->prio == waiter_prio(*task)) return;
    RtMutex& lock = *waiter->lock;
    dequeue(lock, *waiter);
    waiter->prio = waiter_prio(*task);
    enqueue(lock, *waiter);
    task = lock.owner;
  }
}

void RtMutexes::pi_changed(sched::Scheduler& scheduler, Task& waiter) {
  RtMutexes(scheduler).adjust_chain(waiter);
}

// try_to_take_rt_mutex(). `waiter`: the caller's place in the queue, or null.
bool RtMutexes::try_to_take(RtMutex& lock, Task& self, RtMutexWaiter* waiter, bool is_spinlock) {
  scheduler_.machine().touch(&lock, cpu::Access::kWrite);
  if (lock.owner != nullptr) return false;
  if (lock.waiters != nullptr && lock.waiters != waiter &&
      !may_steal(waiter_prio(self), *lock.waiters, is_spinlock)) {
    return false;
  }
  if (waiter != nullptr) {
    dequeue(lock, *waiter);
    self.pi_blocked_on = nullptr;
  }
  lock.owner = &self;
  if (lock.waiters != nullptr) hold(self, lock);
  return true;
}

// rtmutex_spin_on_owner(): true when it has let go.
Co<bool> RtMutexes::spin_on_owner(RtMutex& lock, Task& self, const RtMutexWaiter& waiter) {
  const Task* owner = lock.owner;
  while (lock.owner == owner) {
    if (lock.waiters != &waiter || !owner->on_cpu || self.need_resched) co_return false;
    co_await self.cpu->run(cpu::kSpinPoll);
  }
  co_return true;
}

// rtlock_slowlock_locked(), rt_mutex_slowlock_block()
Co<> RtMutexes::slowlock(RtMutex& lock, Task& self, std::uint32_t state) {
  const bool is_spinlock = state == sched::kTaskRtlockWait;
  if (is_spinlock) self.saved_state = self.state;
  self.state = state;
  RtMutexWaiter waiter{.task = &self, .lock = &lock, .prio = waiter_prio(self)};
  enqueue(lock, waiter);
  self.pi_blocked_on = &waiter;
  if (lock.owner != nullptr) {
    hold(*lock.owner, lock);
    if (lock.waiters == &waiter) adjust_chain(*lock.owner);
  }
  const sched::Wait before = self.wait;
  while (!try_to_take(lock, self, &waiter, is_spinlock)) {
    self.wait = {sched::WaitKind::kMutex, lock.name, lock.owner};
    // A change of priority has put another waiter first since this one was woken for the free lock:
    // the wakeup is passed on (rt_mutex_adjust_prio_chain wakes the new top waiter itself).
    if (lock.owner == nullptr && lock.waiters != &waiter) {
      co_await scheduler_.wake_up_state(*lock.waiters->task, state);
    }
    bool spun = false;
    if (lock.waiters == &waiter && lock.owner != nullptr) {
      spun = co_await spin_on_owner(lock, self, waiter);
    }
    if (!spun && is_spinlock) co_await scheduler_.schedule_rtlock();
    if (!spun && !is_spinlock) co_await scheduler_.schedule();
    self.state = state;
  }
  self.wait = before;
  self.state = is_spinlock ? std::exchange(self.saved_state, sched::kTaskRunning)
                           : std::uint32_t{sched::kTaskRunning};
}

Co<> RtMutexes::acquire(RtMutex& lock, std::uint32_t state) {
  Task& self = scheduler_.current();
  const sim::NameTable& names = scheduler_.machine().trace().names();
  if (!self.cpu->preemptible()) {
    throw sim::Defect(fmt::format(
        "BUG: sleeping function called from invalid context: lock {}, which sleeps under "
        "PREEMPT_RT, taken by {} where it must not sleep",
        names[lock.name], names[self.comm]));
  }
  if (lock.owner == &self) {
    throw sim::Defect(
        fmt::format("deadlock: {} takes {}, which it holds", names[self.comm], names[lock.name]));
  }
  if (!try_to_take(lock, self, nullptr, state == sched::kTaskRtlockWait)) {
    co_await slowlock(lock, self, state);
  }
  cpu::Cpu& cpu = *self.cpu;
  const int last = std::exchange(lock.owner_cpu, cpu.id());
  const bool remote = last >= 0 && last != cpu.id();
  co_await cpu.run(remote ? scheduler_.machine().handover(last, cpu.id()) : cpu.costs().lock);
}

// rt_mutex_slowunlock(): gives back what was lent, then wakes the top waiter, which takes the lock
// itself.
Co<> RtMutexes::release(RtMutex& lock, std::uint32_t state) {
  Task& self = scheduler_.current();
  if (lock.owner != &self) {
    const sim::NameTable& names = scheduler_.machine().trace().names();
    throw sim::Defect(fmt::format("lock {} unlocked by {}, which does not hold it",
                                  names[lock.name], names[self.comm]));
  }
  self.cpu->touch(&lock, cpu::Access::kWrite);
  lock.owner = nullptr;
  if (lock.waiters == nullptr) co_return;
  Task& next = *lock.waiters->task;
  let_go(self, lock);
  scheduler_.preempt_disable();
  adjust_prio(self);
  co_await scheduler_.wake_up_state(next, state);
  co_await scheduler_.preempt_enable();
}

Co<> RtMutexes::spin_lock(RtMutex& lock) {
  co_await acquire(lock, sched::kTaskRtlockWait);
  scheduler_.migrate_disable();
}

Co<> RtMutexes::spin_unlock(RtMutex& lock) {
  co_await scheduler_.migrate_enable();
  co_await release(lock, sched::kTaskRtlockWait);
}

Co<> RtMutexes::mutex_lock(RtMutex& lock) {
  return acquire(lock, sched::kTaskUninterruptible);
}

Co<> RtMutexes::mutex_unlock(RtMutex& lock) { return release(lock, sched::kTaskNormal); }

}  // namespace kt::locking
