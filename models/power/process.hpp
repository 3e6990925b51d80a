// Stopping tasks for a suspend (kernel/power/process.c): user tasks first, then freezable kernel
// threads together with the freezable workqueues; each phase scans all tasks again and again until
// none is left, a wakeup comes, or 20 seconds have passed. And starting them again.
#pragma once

#include <vector>

#include "models/mm/memory.hpp"
#include "models/power/freezer.hpp"
#include "models/power/phases.hpp"
#include "models/power/wakeup.hpp"
#include "models/workqueue/workqueues.hpp"

namespace kt::power {

/// A phase that did not get all tasks to freeze.
struct FreezeFailure {
  bool user_only = false;
  bool aborted = false;  ///< by a wakeup; else the time was up
  bool wq_busy = false;
  Time start = 0;
  Time elapsed = 0;
  std::vector<const Task*> refusing{};  ///< not frozen yet, in the order of the PIDs
};

/// Told of a failure while the tasks still stand where they did.
struct FreezeFailureHook {
  void* object = nullptr;
  void (*failed)(void* object, const FreezeFailure& failure) = nullptr;
};

class Processes {
 public:
  Processes(Freezer& freezer, Wakeups& wakeups, Phases& phases, timers::Timers& timers,
            workqueue::Workqueues& workqueues);
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// The OOM killer kills nobody while user tasks are frozen.
  void attach(mm::Memory& memory) { memory_ = &memory; }

  /// 0 or -EBUSY, and then everything is thawed. The current task stays awake.
  Co<int> freeze_processes();
  /// 0 or -EBUSY, and then kernel threads and queues are thawed.
  Co<int> freeze_kernel_threads();
  Co<> thaw_processes();
  Co<> thaw_kernel_threads();

  /// ns, a whole number of milliseconds; /sys/power/pm_freeze_timeout
  Time freeze_timeout = 20'000'000'000;
  FreezeFailureHook failure_hook;

 private:
  Co<int> try_to_freeze_tasks(bool user_only);
  Co<unsigned> scan_tasks();
  Co<int> disable_oom_killer();
  Co<> thaw_tasks(bool kernel_only);
  void report(const FreezeFailure& failure, unsigned refusing);
  void note_success(Time start);

  Freezer& freezer_;
  Wakeups& wakeups_;
  Phases& phases_;
  timers::Timers& timers_;
  workqueue::Workqueues& workqueues_;
  mm::Memory* memory_ = nullptr;
  sched::Scheduler& scheduler_;
  cpu::Machine& machine_;
  const Task* last_asked_ =
      nullptr;  // of the scan before: who was not frozen yet, the last of them
  unsigned scans_ = 0;
};

}  // namespace kt::power
