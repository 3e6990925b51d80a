#include "models/locking/mutex.hpp"

#include "sim/error.hpp"

namespace kt::locking {

namespace {

constexpr sim::Time kOwnerPoll = 200;  // ns between two looks at the owner

void add_waiter(Mutex& mutex, Mutex::Waiter& waiter) {
  Mutex::Waiter** tail = &mutex.head;
  while (*tail != nullptr) tail = &(*tail)->next;
  *tail = &waiter;
}

void remove_waiter(Mutex& mutex, Mutex::Waiter& waiter) {
  Mutex::Waiter** link = &mutex.head;
  while (*link != &waiter) link = &(*link)->next;
  *link = waiter.next;
}

}  // namespace

// kernel/locking/mutex.c: __mutex_trylock_common. With `handoff` a failure asks the owner to hand
// the lock over when it unlocks.
bool Mutexes::trylock(Mutex& mutex, Task& current, bool handoff) {
  current.cpu->touch(&mutex, cpu::Access::kWrite);
  if (mutex.owner != nullptr) {
    if (mutex.pickup && mutex.owner == &current) {
      mutex.pickup = false;
      return true;
    }
    if (handoff && !mutex.pickup) mutex.handoff = true;
    return false;
  }
  mutex.owner = &current;
  return true;
}

// The cost of taking a lock that was last held elsewhere: its cache line has to come over.
Co<> Mutexes::take_over(Mutex& mutex, Task& current) {
  cpu::Cpu& cpu = *current.cpu;
  const int last = std::exchange(mutex.owner_cpu, cpu.id());
  const bool remote = last >= 0 && last != cpu.id();
  co_await cpu.run(remote ? scheduler_.machine().handover(last, cpu.id()) : cpu.costs().lock);
}

// kernel/locking/mutex.c: mutex_optimistic_spin: while the owner runs it is likely to unlock soon, so
// spinning beats sleeping. Interruptible and not preemptible; who has to give up its CPU does so now
// and not once it has the lock.
Co<bool> Mutexes::optimistic_spin(Mutex& mutex, Task& current, bool is_waiter) {
  const bool acquired = co_await spin_on_owner(mutex, current, is_waiter);
  if (!acquired && current.need_resched) {
    current.state = sched::kTaskRunning;
    co_await scheduler_.schedule_preempt_disabled();
  }
  co_return acquired;
}

Co<bool> Mutexes::spin_on_owner(Mutex& mutex, Task& current, bool is_waiter) {
  const auto owner_runs = [&mutex] { return mutex.owner == nullptr || mutex.owner->on_cpu; };
  if (current.need_resched || !owner_runs()) co_return false;
  while (!is_waiter && mutex.spinner != nullptr) {  // osq_lock()
    if (current.need_resched || !owner_runs()) co_return false;
    co_await current.cpu->run(kOwnerPoll);
  }
  if (!is_waiter) mutex.spinner = &current;
  bool acquired = false;
  for (;;) {
    acquired = trylock(mutex, current, false);
    if (acquired || current.need_resched || !owner_runs()) break;
    co_await current.cpu->run(kOwnerPoll);
  }
  if (!is_waiter) mutex.spinner = nullptr;
  co_return acquired;
}

// `owner` is for the reports, whatever stands behind the lock.
Co<> Mutexes::rt_lock(Mutex& mutex) {
  mutex.rt.name = mutex.name;
  co_await rt_.mutex_lock(mutex.rt);
  mutex.owner = mutex.rt.owner;
}

// kernel/locking/mutex.c: mutex_lock, __mutex_lock_common
Co<> Mutexes::lock(Mutex& mutex) {
  if (scheduler_.preempt_rt()) {
    co_await rt_lock(mutex);
    co_return;
  }
  Task& current = scheduler_.current();
  co_await scheduler_.might_sleep();
  scheduler_.preempt_disable();
  const sim::Time since = scheduler_.machine().now();
  const bool was_free = trylock(mutex, current, false);
  bool acquired = was_free;
  if (!acquired) acquired = co_await optimistic_spin(mutex, current, false);
  if (!acquired && !trylock(mutex, current, false)) {
    Mutex::Waiter waiter{.task = &current};
    add_waiter(mutex, waiter);
    current.cpu->touch(&current, cpu::Access::kWrite);
    current.state = sched::kTaskUninterruptible;
    current.wait = {sched::WaitKind::kMutex, mutex.name, mutex.owner};
    while (!trylock(mutex, current, false)) {
      current.wait.on = mutex.owner;
      co_await scheduler_.schedule_preempt_disabled();
      const bool first = mutex.head == &waiter;
      current.state = sched::kTaskUninterruptible;
      if (trylock(mutex, current, first)) break;
      if (first && co_await optimistic_spin(mutex, current, true)) break;
    }
    current.state = sched::kTaskRunning;
    current.wait = {};
    remove_waiter(mutex, waiter);
    if (mutex.head == nullptr) mutex.handoff = false;
  }
  if (!was_free) {
    ++mutex.contentions;
    mutex.waited += scheduler_.machine().now() - since;
  }
  co_await take_over(mutex, current);
  co_await scheduler_.preempt_enable();
}

// kernel/locking/mutex.c: __mutex_unlock_slowpath
Co<> Mutexes::unlock(Mutex& mutex) {
  Task& current = scheduler_.current();
  if (mutex.owner != &current) {
    throw sim::Defect(fmt::format(
        "mutex {} unlocked by {}, which does not hold it",
        scheduler_.machine().trace().names()[mutex.name],
        scheduler_.machine().trace().names()[current.comm]));
  }
  if (scheduler_.preempt_rt()) {
    mutex.owner = nullptr;
    co_await rt_.mutex_unlock(mutex.rt);
    co_return;
  }
  co_await current.cpu->run(current.cpu->costs().lock);
  current.cpu->touch(&mutex, cpu::Access::kWrite);
  Task* next = mutex.head != nullptr ? mutex.head->task : nullptr;
  if (mutex.handoff) {
    mutex.owner = next;
    mutex.pickup = next != nullptr;
    mutex.handoff = false;
  } else {
    mutex.owner = nullptr;
  }
  if (next == nullptr) co_return;
  scheduler_.preempt_disable();
  co_await scheduler_.wake_up_process(*next);
  co_await scheduler_.preempt_enable();
}

}  // namespace kt::locking
