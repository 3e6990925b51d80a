// Completions (kernel/sched/completion.c): a count and FIFO waiters (simple wait queue).
#pragma once

#include "models/locking/wait.hpp"

namespace kt::locking {

/// struct completion. `done` saturates; complete_all() makes it stay done.
struct Completion {
  struct Waiter {
    Task* task = nullptr;
    Waiter* previous = nullptr;
    Waiter* next = nullptr;
    bool linked = false;
  };
  std::uint32_t name = 0;  ///< NameTable id, for reports
  std::uint32_t done = 0;
  Waiter* head = nullptr;
  Waiter* tail = nullptr;
};

class Completions {
 public:
  static constexpr std::uint32_t kAll = UINT32_MAX;

  Completions(sched::Scheduler& scheduler, timers::Timers& timers)
      : scheduler_(scheduler), timers_(timers) {}
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// Lets one waiter go, the first.
  Co<> complete(Completion& x) { return complete(x, false); }
  /// Lets all go, now and for ever.
  Co<> complete_all(Completion& x) { return complete(x, true); }
  /// Jiffies left (at least 1), 0 if the timeout passed, -ERESTARTSYS on a signal that `state`
  /// admits. `why` is what the reports say that the task waits for.
  Co<std::int64_t> wait_for_completion(Completion& x, std::uint32_t state, Jiffies timeout,
                                       sched::Wait why);

 private:
  Co<> complete(Completion& x, bool all);

  sched::Scheduler& scheduler_;
  timers::Timers& timers_;
};

}  // namespace kt::locking
