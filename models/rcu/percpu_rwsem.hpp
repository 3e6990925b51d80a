// Reader-writer semaphores whose readers only count (kernel/locking/percpu-rwsem.c), and the state
// machine that sends readers onto the slow path for the time of a writer (kernel/rcu/sync.c): the
// first writer for a while waits for a grace period, one that comes within a grace period of the
// last does not.
#pragma once

#include <vector>

#include "models/locking/wait.hpp"
#include "models/rcu/rcu.hpp"

namespace kt::rcu {

class PercpuRwsems;

/// struct rcu_sync.
struct RcuSync {
  enum class State : std::uint8_t { kIdle, kEnter, kPassed, kExit, kReplay };
  State state = State::kIdle;
  int count = 0;
  RcuHead head;
  locking::WaitQueue gp_wait;
  PercpuRwsems* rwsems = nullptr;
};

/// struct percpu_rw_semaphore. A waiter holds it when it wakes.
struct PercpuRwsem {
  struct Waiter {
    Task* task = nullptr;
    bool reader = false;
    bool granted = false;
    Waiter* next = nullptr;
  };
  std::uint32_t name = 0;  ///< NameTable id, for reports
  RcuSync rss;
  std::vector<Task*> readers;  ///< who holds it for reading
  Task* writer = nullptr;  ///< holds it, or waits for the readers to leave
  bool block = false;      ///< a writer is in, or has its turn
  Task* draining = nullptr;  ///< the writer while it waits for readers
  Waiter* head = nullptr;    ///< first come, first served
  Waiter** tail = &head;
};

class PercpuRwsems {
 public:
  PercpuRwsems(Rcu& rcu, locking::Waits& waits, sched::Scheduler& scheduler)
      : rcu_(rcu), waits_(waits), scheduler_(scheduler) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Waits in D while a writer is in or before it. kernel/locking/percpu-rwsem.c:
  /// percpu_down_read, percpu_up_read
  Co<> down_read(PercpuRwsem& sem);
  Co<> up_read(PercpuRwsem& sem);
  /// Waits for a grace period if no other writer has lately, for its turn, and for the readers.
  /// percpu_down_write, percpu_up_write
  Co<> down_write(PercpuRwsem& sem);
  Co<> up_write(PercpuRwsem& sem);

 private:
  Co<> rcu_sync_enter(RcuSync& rss);
  void rcu_sync_exit(RcuSync& rss);
  static Co<> rcu_sync_func(Rcu& rcu, void* rss);
  void rcu_sync_call(RcuSync& rss);
  static bool trylock(PercpuRwsem& sem, bool reader, Task& task);
  Co<> wait(PercpuRwsem& sem, bool reader);

  Rcu& rcu_;
  locking::Waits& waits_;
  sched::Scheduler& scheduler_;
};

}  // namespace kt::rcu
