// Kthread workers (kernel/kthread.c, include/linux/kthread.h): a kernel thread that runs works from
// a list, one after the other, in order. A work is a coroutine function with an object; it and its
// worker have stable address tokens for the trace. Calls act as the task (or interrupt) that runs
// on the caller's CPU. What the kernel warns of is a sim::Defect.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "models/kthread/kthread.hpp"
#include "models/locking/spinlock.hpp"

namespace kt::kthread {

class KthreadWorkers;
struct KthreadWorker;
struct KthreadWorkList;

/// struct kthread_work. Its owner keeps it until it has run, or was cancelled.
struct KthreadWork {
  using Function = Co<> (*)(KthreadWorkers& workers, KthreadWork& work);
  Function function = nullptr;
  void* object = nullptr;
  std::uint32_t function_name = 0;  ///< NameTable id
  std::uint64_t address = 0;        ///< stable token for traces
  KthreadWorker* worker = nullptr;  ///< on which it was last queued
  int canceling = 0;                ///< calls that keep it from being queued
  KthreadWorkList* list = nullptr;  ///< where it is linked; null: nowhere
  KthreadWork* previous = nullptr;
  KthreadWork* next = nullptr;
};

struct KthreadWorkList {
  KthreadWork* head = nullptr;
  KthreadWork* tail = nullptr;

  /// Links the work in front of `before`, or at the tail.
  void link(KthreadWork& work, KthreadWork* before);
  /// Whether it was linked. kernel/kthread.c: __kthread_cancel_work
  static bool unlink(KthreadWork& work);
};

/// struct kthread_delayed_work.
struct KthreadDelayedWork : KthreadWork {
  timers::KernelTimer timer;
};

/// KTW_FREEZABLE: the worker freezes between two works.
inline constexpr unsigned kKtwFreezable = 1;

/// struct kthread_worker.
struct KthreadWorker {
  KthreadWorkers* workers = nullptr;
  unsigned flags = 0;
  std::uint64_t address = 0;
  locking::Spinlock lock;
  KthreadWorkList works;
  KthreadWorkList delayed_works;
  Task* task = nullptr;
  const KthreadWork* current_work = nullptr;  ///< may be gone: only to be compared
  bool destroyed = false;
};

/// What creating a worker gave: the worker, or null and -ENOMEM or -EINTR.
struct CreatedWorker {
  KthreadWorker* worker = nullptr;
  int error = 0;
};

class KthreadWorkers {
 public:
  KthreadWorkers(Kthreads& kthreads, locking::Spinlocks& spinlocks);
  [[nodiscard]] sim::FramePool& frame_pool() const { return kthreads_.frame_pool(); }
  [[nodiscard]] Kthreads& kthreads() const { return kthreads_; }

  /// KTHREAD_WORK_INIT, KTHREAD_DELAYED_WORK_INIT. Names the function for traces.
  void kthread_init_work(KthreadWork& work, KthreadWork::Function function, std::string_view name,
                         std::uint64_t address);
  void kthread_init_delayed_work(KthreadDelayedWork& work, KthreadWork::Function function,
                                 std::string_view name, std::uint64_t address);

  /// The worker runs, on any CPU. `address` is its token. kernel/kthread.c: kthread_create_worker
  Co<CreatedWorker> kthread_create_worker(unsigned flags, std::string_view name,
                                          std::uint64_t address);
  /// The same, bound to a CPU. kernel/kthread.c: kthread_create_worker_on_cpu
  Co<CreatedWorker> kthread_create_worker_on_cpu(int cpu, unsigned flags, std::string_view name,
                                                 std::uint64_t address);
  /// A worker as it is after the boot: its thread sleeps and waits for works.
  KthreadWorker& boot_worker(std::string_view name, std::uint64_t address);
  /// Runs what is queued, then ends the thread. Throws sim::Defect if works are left over: queued
  /// meanwhile, or delayed ones.
  Co<> kthread_destroy_worker(KthreadWorker& worker);

  /// False if it is pending or being cancelled. From any context.
  Co<bool> kthread_queue_work(KthreadWorker& worker, KthreadWork& work);
  /// The same after a delay in jiffies; 0 is now.
  Co<bool> kthread_queue_delayed_work(KthreadWorker& worker, KthreadDelayedWork& work,
                                      timers::Jiffies delay);
  /// Moves the delay, or queues. True if it was pending, or somebody else is cancelling it.
  Co<bool> kthread_mod_delayed_work(KthreadWorker& worker, KthreadDelayedWork& work,
                                    timers::Jiffies delay);
  /// Waits until the work has run, if it is pending or runs. As in the kernel, for a work whose
  /// delay has not passed it waits for ever.
  Co<> kthread_flush_work(KthreadWork& work);
  /// Waits until all that is queued now has run.
  Co<> kthread_flush_worker(KthreadWorker& worker);
  /// Unlinks the work and waits while it runs. True if it was pending.
  Co<bool> kthread_cancel_work_sync(KthreadWork& work);
  Co<bool> kthread_cancel_delayed_work_sync(KthreadDelayedWork& work);

 private:
  static Co<int> kthread_worker_fn(Kthreads& kthreads, Task& self, void* worker);
  static Co<> delayed_work_timer_fn(timers::Timers& timers, timers::KernelTimer& timer);
  Co<> run_works(KthreadWorker& worker, Task& self);
  Co<> execute(KthreadWork& work);
  Co<> insert_work(KthreadWorker& worker, KthreadWork& work, KthreadWorkList& list,
                   KthreadWork* before);
  Co<> queue_delayed_work(KthreadWorker& worker, KthreadDelayedWork& work, timers::Jiffies delay);
  Co<> cancel_delayed_work_timer(KthreadDelayedWork& work);
  Co<bool> cancel_work_sync(KthreadWork& work, KthreadDelayedWork* delayed);
  Co<> lock(KthreadWorker& worker, sim::Time cost);
  Co<> wait_for_barrier(const KthreadWorker& worker, Completion& done);
  KthreadWork make_barrier(Completion& done);
  void check_worker(const KthreadWorker& worker, const KthreadWork& work) const;
  [[nodiscard]] std::string describe(const KthreadWork& work) const;
  [[nodiscard]] const cpu::CostTable& costs() const;

  Kthreads& kthreads_;
  locking::Spinlocks& spinlocks_;
  std::uint32_t timer_function_name_;
  std::uint32_t barrier_function_name_;
  std::deque<KthreadWorker> workers_;
};

}  // namespace kt::kthread
