// Threads that take one lock, each once, and keep what they met: for mutexes and spinlocks.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <string>

#include "tests/support/test_machine.hpp"

namespace support {

inline sim::Co<> acquire(TestMachine& m, kt::locking::Mutex& x) {
  return m.mutexes.lock(x);
}
inline sim::Co<> release(TestMachine& m, kt::locking::Mutex& x) {
  return m.mutexes.unlock(x);
}
inline kt::locking::Acquire acquire(TestMachine& m, kt::locking::Spinlock& x) {
  return m.spinlocks.lock(x);
}
inline sim::Co<> release(TestMachine& m, kt::locking::Spinlock& x) {
  return m.spinlocks.unlock(x);
}

/// What one of the threads does, and what it met.
struct Locker {
  std::string name;
  sim::Time start = 0;  ///< runs so long first
  sim::Time hold = 0;   ///< runs so long with the lock
  sim::Time sleep = 0;  ///< then sleeps so long with it
  sim::Time asked = 0;
  sim::Time acquired = 0;
  sim::Time released = 0;
  std::uint64_t switches = 0;       ///< voluntary, while it waited
  std::uint32_t preempt_count = 0;  ///< with the lock
  kt::sched::Task* task = nullptr;
  void* run = nullptr;
  [[nodiscard]] sim::Time waited() const { return acquired - asked; }
};

template <class Lock>
struct LockRun {
  explicit LockRun(const MachineOptions& options) : m(options) {}

  /// A thread that is queued on `cpu` at the start.
  Locker& add(const Locker& locker, int cpu) {
    Locker& added = lockers.emplace_back(locker);
    added.run = this;
    added.task = &m.thread(added.name, &lock_once, &added, cpu);
    return added;
  }

  TestMachine m;
  Lock lock;
  std::deque<Locker> lockers;

 private:
  static sim::Co<int> lock_once(kt::kthread::Kthreads& kthreads, kt::sched::Task& self,
                                void* data) {
    Locker& locker = *static_cast<Locker*>(data);
    LockRun& run = *static_cast<LockRun*>(locker.run);
    co_await self.cpu->run(locker.start);
    locker.asked = run.m.calendar.now();
    const std::uint64_t switches = self.stats.nvcsw;
    co_await acquire(run.m, run.lock);
    locker.acquired = run.m.calendar.now();
    locker.switches = self.stats.nvcsw - switches;
    locker.preempt_count = self.preempt_count;
    run.m.note(locker.name);
    CHECK(run.lock.owner == &self);
    co_await self.cpu->run(locker.hold);
    if (locker.sleep != 0) co_await kthreads.timers().usleep_range(locker.sleep, locker.sleep);
    locker.released = run.m.calendar.now();
    co_await release(run.m, run.lock);
    CHECK(self.preempt_count == 0);
    co_return 0;
  }
};

}  // namespace support
