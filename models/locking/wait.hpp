// Wait queues (kernel/sched/wait.c, include/linux/wait.h): entries in order, exclusive ones at the
// tail, and the sleeps built on them. A wakeup holds the queue's lock while it walks; all other
// functions are one atomic step that waits for the lock first.
#pragma once

#include <cstdint>

#include "models/sched/scheduler.hpp"
#include "models/timers/timers.hpp"

namespace kt::locking {

using sched::Task;
using sim::Co;
using timers::Jiffies;

inline constexpr int kErestartsys = 512;

/// struct wait_queue_entry. Lives in the waiter's frame; must be unlinked before it dies.
struct WaitEntry {
  enum class Wake : std::uint8_t { kDefault, kAutoremove, kWoken };
  Task* task = nullptr;
  WaitEntry* previous = nullptr;
  WaitEntry* next = nullptr;
  Wake function = Wake::kAutoremove;
  bool linked = false;
  bool exclusive = false;
  bool woken = false;  ///< WQ_FLAG_WOKEN
};

/// struct wait_queue_head.
struct WaitQueue {
  std::uint32_t name = 0;  ///< NameTable id, for reports
  WaitEntry* head = nullptr;
  WaitEntry* tail = nullptr;
  bool locked = false;
};

/// What wait_event() tests: one atomic evaluation.
struct Condition {
  bool (*test)(const void* object) = nullptr;
  const void* object = nullptr;
  [[nodiscard]] bool operator()() const { return test(object); }
};

class Waits {
 public:
  Waits(sched::Scheduler& scheduler, timers::Timers& timers)
      : scheduler_(scheduler), timers_(timers) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Links (not exclusive: at the head, exclusive: at the tail) and sets the state.
  Co<> prepare_to_wait(WaitQueue& queue, WaitEntry& entry, std::uint32_t state, bool exclusive);
  Co<> finish_wait(WaitQueue& queue, WaitEntry& entry);
  /// As prepare_to_wait, but a pending signal unlinks and gives -ERESTARTSYS, the state untouched.
  Co<int> prepare_to_wait_event(WaitQueue& queue, WaitEntry& entry, std::uint32_t state,
                                bool exclusive);
  /// Wakes all that are not exclusive and up to `nr_exclusive` (0: all) that are, from the head.
  /// How many it woke.
  Co<int> wake_up(WaitQueue& queue, std::uint32_t mask, int nr_exclusive);
  /// include/linux/wait.h: ___wait_event. Returns jiffies left (timeouts; at least 1 if the
  /// condition became true), 0, or -ERESTARTSYS. kMaxScheduleTimeout: no timeout.
  Co<std::int64_t> wait_event(WaitQueue& queue, Condition condition, std::uint32_t state,
                              bool exclusive, Jiffies timeout);
  /// kernel/sched/wait.c: wait_woken; the entry's function is kWoken and it is linked already.
  Co<Jiffies> wait_woken(WaitEntry& entry, std::uint32_t state, Jiffies timeout);
  Co<> add_wait_queue(WaitQueue& queue, WaitEntry& entry);
  Co<> remove_wait_queue(WaitQueue& queue, WaitEntry& entry);

 private:
  Co<bool> call_wake_function(WaitQueue& queue, WaitEntry& entry, std::uint32_t mask);

  sched::Scheduler& scheduler_;
  timers::Timers& timers_;
};

}  // namespace kt::locking
