// Asynchronous function calls (kernel/async.c): functions that run on unbound kworkers, and a
// barrier for all of them.
#pragma once

#include "models/locking/wait.hpp"
#include "models/workqueue/workqueues.hpp"

namespace kt::power {

using sim::Co;

class Async;

/// struct async_entry. Must outlive its call.
struct AsyncEntry {
  workqueue::Work work;
  Co<> (*function)(void* data) = nullptr;
  void* data = nullptr;
  Async* async = nullptr;
};

class Async {
 public:
  /// `queue`: the workqueue `async`, unbound.
  Async(workqueue::Workqueues& workqueues, locking::Waits& waits);
  Async(const Async&) = delete;
  Async& operator=(const Async&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return workqueues_.frame_pool(); }

  /// alloc_workqueue("async", WQ_UNBOUND), before the run.
  void boot();
  void init_entry(AsyncEntry& entry, Co<> (*function)(void* data), void* data);
  /// kernel: async_schedule_dev_nocall, for a device of no node
  Co<> schedule(AsyncEntry& entry);
  /// Waits in D until all calls have ended. kernel: async_synchronize_full
  Co<> synchronize_full();

 private:
  static Co<> async_run_entry_fn(workqueue::Workqueues& workqueues, workqueue::Work& work);
  static bool none_pending(const void* async);

  workqueue::Workqueues& workqueues_;
  locking::Waits& waits_;
  workqueue::Workqueue* async_wq_ = nullptr;
  locking::WaitQueue async_done_;
  int pending_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace kt::power
