// Worker pools and workers (struct worker_pool, struct worker of kernel/workqueue_internal.h): a
// list of works, the threads that serve it, and the count of those that are running.
#pragma once

#include <array>
#include <memory>

#include "models/locking/spinlock.hpp"
#include "models/workqueue/attrs.hpp"
#include "models/workqueue/work.hpp"

namespace kt::workqueue {

struct WorkerPool;

/// worker::flags
enum WorkerFlag : std::uint32_t {
  kWorkerDie = 0x2,
  kWorkerIdle = 0x4,
  kWorkerPrep = 0x8,
  kWorkerCpuIntensive = 0x40,
  kWorkerUnbound = 0x80,
  kWorkerRebound = 0x100,
  kWorkerNotRunning = kWorkerPrep | kWorkerCpuIntensive | kWorkerUnbound | kWorkerRebound,
};

/// For reports: that a work was taken off the list of its pool.
struct Taken {
  Time at = -1;
  std::uint32_t work = 0;    ///< NameTable id of its function
  std::uint32_t worker = 0;  ///< NameTable id of who took it
};

/// For reports: what a worker waited for CPUs since it became idle or ended the item before.
struct CpuWaits {
  Time total = 0;       ///< ns
  sched::CpuWait last;  ///< the last of them; of no meaning if total is 0
};

/// struct worker. The pseudo worker of a pool for bottom halves has no task.
struct Worker {
  MemberHook entry;  ///< on the idle list, or on that of the dying
  MemberHook node;   ///< on WorkerPool::workers
  Worker* hash_next = nullptr;
  const Work* current_work = nullptr;  ///< may be gone: only to be compared
  Work::Function current_func = nullptr;
  std::uint32_t current_name = 0;  ///< NameTable id of current_func
  std::uint64_t current_address = 0;
  Pwq* current_pwq = nullptr;
  Time current_at = 0;  ///< ns of CPU time at the item's start or the last wakeup
  Time started_at = 0;
  Time ended_at = -1;               ///< of the item before
  std::uint32_t previous_name = 0;  ///< its function
  Taken before;                     ///< what was taken off the pool's list before its item
  Time run_delay = 0;  ///< its task's run_delay when it became idle or ended the item before
  std::uint8_t current_color = 0;
  bool sleeping = false;
  bool booted = false;  ///< its thread has been through its loop before t = 0
  WorkList scheduled;
  Task* task = nullptr;
  WorkerPool* pool = nullptr;
  timers::Jiffies last_active = 0;
  std::uint32_t flags = 0;
  int id = 0;
  std::uint32_t desc = 0;          ///< NameTable id; 0: it never ran an item
  Workqueue* rescue_wq = nullptr;  ///< rescuers only
};

/// worker_pool::flags
enum PoolFlag : std::uint32_t {
  kPoolBh = 0x1,
  kPoolManagerActive = 0x2,
  kPoolDisassociated = 0x4,
  kPoolBhDraining = 0x8,
};

template <MemberHook Worker::*hook>
using WorkerList =
    boost::intrusive::list<Worker, boost::intrusive::member_hook<Worker, MemberHook, hook>,
                           boost::intrusive::constant_time_size<false>>;

/// A worker made or culled.
struct PoolChange {
  Time at = 0;
  int workers = 0;  ///< from then on
};

/// struct worker_pool.
struct WorkerPool {
  static constexpr std::size_t kMostChanges = 256;
  static constexpr std::size_t kBusyBuckets = 64;  // BUSY_WORKER_HASH_ORDER

  explicit WorkerPool(const WorkqueueAttrs& attributes) : attrs(attributes) {}
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  Workqueues* workqueues = nullptr;
  locking::Spinlock lock;
  int cpu = -1;   ///< -1: unbound
  int node = -1;  ///< -1: none (NUMA_NO_NODE)
  int id = -1;
  std::uint32_t flags = 0;
  int nr_running = 0;
  int nr_workers = 0;
  int nr_idle = 0;
  int refcnt = 1;                    ///< of unbound ones: the pwqs that use it
  const Workqueue* owner = nullptr;  ///< legacy model: the one queue that it serves
  timers::Jiffies watchdog_ts = 0;
  WorkList worklist;
  WorkerList<&Worker::entry> idle_list;  ///< newest first
  WorkerList<&Worker::node> workers;     ///< all attached, in order
  std::array<Worker*, kBusyBuckets> busy_hash{};
  Worker* manager = nullptr;
  std::vector<bool> worker_ida;
  timers::KernelTimer idle_timer;
  timers::KernelTimer mayday_timer;
  Work idle_cull_work;
  WorkqueueAttrs attrs;

  // For reports
  std::uint64_t created = 0;  ///< workers made during the run
  std::uint64_t culled = 0;
  std::uint64_t rescued = 0;
  int least_workers = 0;
  int most_workers = 0;
  Time most_since = 0;              ///< when it had most_workers first
  std::vector<PoolChange> changes;  ///< of nr_workers during the run, the first kMostChanges
  std::uint64_t nr_changes = 0;
  Taken taken;               ///< last, rescuers apart
  Time creating_since = -1;  ///< when its manager, or the last one, set to work
  Time created_until = -1;   ///< when the last one was done, with or without a worker
  CpuWaits manager_waits;    ///< of that manager before
  Time lifted_at =
      -1;  ///< when the last worker that ran slept or became CPU intensive, others waiting
  std::uint32_t lifted_by = 0;    ///< NameTable id of that worker
  std::uint32_t lifted_work = 0;  ///< and of its function
  int failed_creations = 0;       ///< of the manager at work
  Time failing_since = -1;        ///< its first failure

  // kernel/workqueue.c: need_more_worker, may_start_working, keep_working, need_to_create_worker,
  // too_many_workers. Under the lock.
  [[nodiscard]] bool need_more_worker() const { return !worklist.empty() && nr_running == 0; }
  [[nodiscard]] bool may_start_working() const { return nr_idle != 0 || owner != nullptr; }
  [[nodiscard]] bool keep_working() const { return !worklist.empty() && nr_running <= 1; }
  [[nodiscard]] bool need_to_create_worker() const {
    return need_more_worker() && !may_start_working();
  }
  [[nodiscard]] bool too_many_workers() const;
  [[nodiscard]] Worker* first_idle_worker() {
    return idle_list.empty() ? nullptr : &idle_list.front();
  }

  /// kernel/workqueue.c: pool_allowed_cpus
  [[nodiscard]] const CpuMask& allowed_cpus() const {
    return cpu < 0 && attrs.affn_strict ? attrs.pod_cpumask : attrs.cpumask;
  }

  /// kernel/workqueue.c: find_worker_executing_work: same address and same function.
  [[nodiscard]] Worker* find_worker_executing_work(const Work& work) const;
  void hash_busy(Worker& worker);
  void unhash_busy(Worker& worker);
  /// For reports: nr_workers has changed during the run.
  void note_workers(Time now);
  /// For reports: `worker` stands no longer in the way of those that wait.
  void note_lifted(const Worker& worker, Time now);
  /// The smallest number that no worker of the pool has.
  int allocate_worker_id();
  void free_worker_id(int worker_id);
};

/// kernel/workqueue.c: worker_set_flags, worker_clr_flags: under the lock.
void worker_set_flags(Worker& worker, std::uint32_t flags);
void worker_clr_flags(Worker& worker, std::uint32_t flags);

}  // namespace kt::workqueue
