// Concurrency-managed workqueues (kernel/workqueue.c): pools of workers, bound to a CPU or to a set
// of CPUs, that run the works of all queues. Functions have the kernel's names and control flow;
// they act as the task or interrupt that runs on the caller's CPU. What the kernel warns of as a
// bug of its caller is a sim::Defect.
#pragma once

#include <deque>
#include <string_view>

#include "models/kthread/kthread.hpp"
#include "models/softirq/tasklet.hpp"
#include "models/workqueue/workqueue.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

using cpu::Cpu;

/// What pwq_tryinc_nr_active() finds without a node's nna->lock.
enum class Slot : std::uint8_t {
  kObtained,
  kNone,    ///< it has to wait, and does, or need not say so
  kLocked,  ///< there is none, so it has to get in line, under the lock
};

/// Boot parameters (workqueue.*).
struct WorkqueueParams {
  explicit WorkqueueParams(const cpu::Topology& topology)
      : unbound_cpus(topology.possible()), isolated(topology.nr_cpus()) {}
  Time cpu_intensive_thresh = 10'000'000;  ///< ns of CPU time; 0: off
  bool power_efficient = false;
  AffnScope default_affinity_scope = AffnScope::kCache;
  bool debug_force_rr_cpu = false;
  /// As before 2.6.36: each queue has a thread of its own on each CPU, or one if it is ordered,
  /// that runs its works one by one. No pools are shared, no worker is made or rescued.
  bool legacy = false;
  Time watchdog_thresh = 30'000'000'000;  ///< ns; 0: off
  /// The run goes on from stalls, and panics at so many; 0: it ends at the first one.
  unsigned panic_on_stall = 0;
  CpuMask unbound_cpus;  ///< workqueue.unbound_cpus, isolcpus and nohz_full applied
  CpuMask isolated;      ///< isolcpus=: each is a cache of its own
};

/// The stall watchdog found a pool that does not get on; what() is what the kernel prints.
class Stall : public sim::Defect {
 public:
  using Defect::Defect;
};

struct ApplyContext;

/// The queues of include/linux/workqueue.h that always exist.
struct SystemWorkqueues {
  Workqueue* events = nullptr;
  Workqueue* percpu = nullptr;  ///< the second of the name "events"
  Workqueue* highpri = nullptr;
  Workqueue* long_running = nullptr;
  Workqueue* unbound = nullptr;
  Workqueue* dfl = nullptr;  ///< the second of the name "events_unbound"
  Workqueue* freezable = nullptr;
  Workqueue* power_efficient = nullptr;
  Workqueue* freezable_power_efficient = nullptr;
  Workqueue* bh = nullptr;
  Workqueue* bh_highpri = nullptr;
};

/// The models that workqueues are built on.
struct Base {
  timers::Timers& timers;
  softirq::Softirqs& softirqs;
  softirq::Tasklets& tasklets;
  locking::Completions& completions;
  locking::Mutexes& mutexes;
  locking::Spinlocks& spinlocks;
  kthread::Kthreads& kthreads;
};

class Workqueues {
 public:
  Workqueues(const Base& base, const WorkqueueParams& params);
  ~Workqueues();
  Workqueues(const Workqueues&) = delete;
  Workqueues& operator=(const Workqueues&) = delete;

  [[nodiscard]] sim::FramePool& frame_pool() const { return machine_.frame_pool(); }
  [[nodiscard]] cpu::Machine& machine() const { return machine_; }
  [[nodiscard]] sched::Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] timers::Timers& timers() const { return base_.timers; }
  [[nodiscard]] const WorkqueueParams& params() const { return params_; }
  [[nodiscard]] const SystemWorkqueues& system() const { return system_; }

  // Boot (system.cpp): without time, before the run
  // --------------------------------------------------
  /// kernel/workqueue.c: workqueue_init_early: the pools of all CPUs, the system's queues.
  void workqueue_init_early();
  /// A worker as create_worker() would have left it, idle and asleep.
  Worker& boot_worker(WorkerPool& pool);
  /// One worker for each pool of no CPU that has none (get_unbound_pool() makes it), and for each
  /// of the legacy model.
  void boot_first_workers();
  /// The thread pool_workqueue_release: once, before any attribute changes or a queue is destroyed.
  void boot_release_thread();
  /// The pods of caches, cores and nodes; each unbound queue gets its pools.
  void workqueue_init_topology();
  /// alloc_workqueue() before the run. `max_active` 0: the default. The rescuer's thread, if it
  /// needs one, is made at once.
  Workqueue& boot_workqueue(std::string_view name, std::uint32_t flags, int max_active,
                            const AttrsChange& attrs = {});
  /// queue_delayed_work() before the run, `delay` ns before its timer expires.
  void boot_delayed_work(Workqueue& wq, DelayedWork& work, Time delay);
  /// kernel/workqueue.c: wq_watchdog_init
  void boot_watchdog();

  // At run time (alloc.cpp, apply.cpp)
  // ------------------------------------------------------------------
  /// Null if a thread could not be made: the first worker of a pool, or the rescuer.
  Co<Workqueue*> alloc_workqueue(std::string_view name, std::uint32_t flags, int max_active,
                                 AttrsChange attrs);
  /// 0, or -ENOMEM: nothing has changed. Unbound queues only.
  Co<int> apply_workqueue_attrs(Workqueue& wq, AttrsChange change);
  /// The CPUs of all unbound queues (the file `cpumask` of the workqueues in sysfs): 0, -EINVAL if
  /// none of them exists, -ENOMEM.
  Co<int> workqueue_set_unbound_cpumask(CpuMask mask);

  // Objects
  // ----------------------------------------------------------------------------------------
  /// INIT_WORK, INIT_DELAYED_WORK. `address` is the work's token in traces.
  void init_work(Work& work, Work::Function function, std::string_view name,
                 std::uint64_t address) {
    init_work(work, function, machine_.trace().names().intern(name), address);
  }
  void init_delayed_work(DelayedWork& work, Work::Function function, std::string_view name,
                         std::uint64_t address);
  /// The memory of a work is given back, or used anew: a defect if it is pending, or runs elsewhere
  /// (debug_work_free(), debug_work_init() of the debug objects).
  void free_work(Work& work);
  void check_unused(const Work& work, std::string_view call);
  /// The oldest queue of that name, or null.
  [[nodiscard]] Workqueue* find_workqueue(std::string_view name) const;
  [[nodiscard]] const std::vector<std::unique_ptr<Workqueue>>& workqueues() const { return list_; }
  /// By worker_pool::id; null where an unbound one has gone.
  [[nodiscard]] const std::vector<std::unique_ptr<WorkerPool>>& pools() const { return pools_; }
  [[nodiscard]] WorkerPool& cpu_pool(int cpu, bool highpri) {
    return *pools_[static_cast<std::size_t>(4 * cpu + (highpri ? 3 : 2))];
  }
  [[nodiscard]] WorkerPool& bh_pool(int cpu, bool highpri) {
    return *pools_[static_cast<std::size_t>(4 * cpu + (highpri ? 1 : 0))];
  }
  [[nodiscard]] const std::array<Pods, kAffnScopes>& pods() const { return pods_; }
  [[nodiscard]] const CpuMask& unbound_cpumask() const { return unbound_cpumask_; }
  [[nodiscard]] const CpuMask& online_cpumask() const { return online_cpumask_; }
  [[nodiscard]] static bool work_pending(const Work& work) { return work.pending; }
  // The locks that all pools share, for reports.
  [[nodiscard]] const locking::Mutex& wq_pool_mutex() const { return wq_pool_mutex_; }
  [[nodiscard]] const locking::Mutex& wq_pool_attach_mutex() const { return wq_pool_attach_mutex_; }
  [[nodiscard]] const locking::Spinlock& wq_mayday_lock() const { return wq_mayday_lock_; }
  /// The worker that a task is, or null.
  [[nodiscard]] static Worker* current_worker(const Task& task);

  [[nodiscard]] static bool is_barrier(const Work& work) {
    return work.function == &wq_barrier_func;
  }

  // What waits for what (deadlock.cpp, stall.cpp)
  // -------------------------------------------------------
  /// Who runs what a task waits to flush; null: nobody does, or it does not flush.
  [[nodiscard]] Task* flushed_by(const Task& task);
  /// Managers that wait for their next attempt to make a worker hold so many timers.
  [[nodiscard]] std::size_t retry_timers() const;
  /// If nothing but those timers can happen: why works of a pool never run. Empty: none waits.
  [[nodiscard]] std::string find_exhausted() const;
  /// The last stall that panic_on_stall let pass, and how many there were; empty: none.
  [[nodiscard]] std::string survived_stalls() const;

  // Queueing (queue.cpp)
  // ---------------------------------------------------------------------------
  /// True if it was not pending (and not disabled). `cpu` may be kWorkCpuUnbound.
  Co<bool> queue_work_on(int cpu, Workqueue& wq, Work& work);
  Co<bool> queue_work(Workqueue& wq, Work& work) {
    return queue_work_on(kWorkCpuUnbound, wq, work);
  }
  /// kernel/workqueue.c: queue_work_node
  Co<bool> queue_work_node(int node, Workqueue& wq, Work& work);

  // Delayed works (delayed.cpp)
  // -----------------------------------------------------------------------
  Co<bool> queue_delayed_work_on(int cpu, Workqueue& wq, DelayedWork& work, timers::Jiffies delay);
  /// True if it was pending.
  Co<bool> mod_delayed_work_on(int cpu, Workqueue& wq, DelayedWork& work, timers::Jiffies delay);

  // Flush (flush.cpp), cancel and disable (cancel.cpp)
  // ------------------------------------------------
  /// True if it had to wait.
  Co<bool> flush_work(Work& work);
  Co<bool> flush_delayed_work(DelayedWork& work);
  Co<> flush_workqueue(Workqueue& wq);
  /// True if it was pending.
  Co<bool> cancel_work(Work& work);
  Co<bool> cancel_work_sync(Work& work);
  Co<bool> disable_work(Work& work);
  Co<bool> disable_work_sync(Work& work);
  /// True if the depth became 0.
  Co<bool> enable_work(Work& work);

  // Freezing (freeze.cpp): who suspends calls these, in this order
  // -------------------------------------------------------------
  /// Queues that are WQ_FREEZABLE start nothing more. kernel/workqueue.c: freeze_workqueues_begin
  Co<> freeze_workqueues_begin();
  /// Whether one of them still executes, or has works that it had let go before.
  Co<bool> freeze_workqueues_busy();
  Co<> thaw_workqueues();
  /// A queue that keeps the freezer waiting now: WQ_FREEZABLE with active works.
  [[nodiscard]] static bool freezable_busy(const Workqueue& wq);

  // Descriptions (desc.cpp)
  // --------------------------------------------------------------------------
  /// kernel/workqueue.c: set_worker_desc: what ps shows behind the name of the current worker, up
  /// to its next item. Nothing outside of works.
  void set_worker_desc(std::string_view desc);
  // The end of a queue (destroy.cpp)
  // -------------------------------------------------------------------
  /// Until no work of it is left; meanwhile only its own works may queue on it.
  Co<> drain_workqueue(Workqueue& wq);
  /// Drains it, ends its rescuer and gives up its pools. The object stays until the end of the run:
  /// whoever uses it further is told what he did.
  Co<> destroy_workqueue(Workqueue& wq);

  // CPU hotplug (hotplug.cpp)
  /// The steps of a CPU that comes or goes; kernel/workqueue.c: functions of these names.
  Co<int> workqueue_prepare_cpu(int cpu);
  Co<> workqueue_online_cpu(int cpu);
  Co<> workqueue_offline_cpu(int cpu);
  Co<> workqueue_softirq_dead(int cpu);
  /// Works that waited in pools when these lost or regained their CPU.
  [[nodiscard]] std::uint64_t works_moved() const { return works_moved_; }

  // Limits (max_active.cpp)
  // ---------------------------------------------------------------------------
  /// kernel/workqueue.c: workqueue_set_max_active, workqueue_set_min_active
  Co<> workqueue_set_max_active(Workqueue& wq, int max_active);
  Co<> workqueue_set_min_active(Workqueue& wq, int min_active);

 private:
  static void init_work(Work& work, Work::Function function, std::uint32_t name,
                        std::uint64_t address);

  // queue.cpp
  Co<> __queue_work(int cpu, Workqueue& wq, Work& work);
  /// Works that were never initialized, or whose memory is gone.
  void check_initialized(const Work& work, std::string_view call) const;
  [[noreturn]] void queued_too_late(const Workqueue& wq, const Work& work) const;
  int wq_select_unbound_cpu(int cpu);
  [[nodiscard]] bool is_chained_work(const Workqueue& wq);
  void insert_work(Pwq& pwq, Work& work, WorkList& list, bool inactive);
  [[nodiscard]] bool kick_wanted(WorkerPool& pool) {
    machine_.touch(&pool.nr_running, cpu::Access::kRead);
    return pool.need_more_worker() && !pool.idle_list.empty();
  }
  /// Wakes the worker that went idle last, if one is needed. Under the lock.
  Co<> kick_pool(WorkerPool& pool);
  Co<> wake_idle_worker(WorkerPool& pool);
  [[nodiscard]] WorkerPool* pool_of(const Work& work);

  // active.cpp: who may run
  Slot try_slot(Pwq& pwq, bool fill);
  Co<bool> wait_for_slot(Pwq& pwq, bool fill);
  Co<bool> pwq_activate_first_inactive(Pwq& pwq, bool fill);
  void pwq_activate_work(Pwq& pwq, Work& work);
  bool tryinc_node_nr_active(NodeNrActive& nna);
  Co<> node_activate_pending_pwq(NodeNrActive& nna, WorkerPool& caller_pool);
  Co<> pwq_dec_nr_active(Pwq& pwq);
  Co<> pwq_dec_nr_in_flight(Pwq& pwq, std::uint8_t color, bool inactive);
  void get_pwq(Pwq& pwq) { ++pwq.refcnt; }

  // hotplug.cpp
  Co<> unbind_workers(WorkerPool& pool);
  Co<> rebind_workers(WorkerPool& pool);
  Co<> restore_unbound_workers_cpumask(WorkerPool& pool, int cpu);
  Co<> update_pods(int cpu);
  Co<> unbound_wq_update_pwq(Workqueue& wq, int cpu);
  static Co<> drain_dead_softirq_workfn(Workqueues& workqueues, Work& work);

  // release.cpp: the end of pwqs and unbound pools
  Co<> put_pwq(Pwq& pwq);
  Co<> put_pwq_unlocked(Pwq& pwq);
  Co<> wake_release_thread();
  static Co<int> release_thread(kthread::Kthreads& kthreads, Task& self, void* workqueues);
  void unlink_pwq(Workqueue& wq, Pwq& pwq);
  Co<> pwq_release_workfn(Pwq& pwq);
  Co<> unplug_oldest_pwq(Workqueue& wq);
  Co<> wait_for_manager(WorkerPool& pool);
  Co<> put_unbound_pool(WorkerPool& pool);

  // apply.cpp
  WorkqueueAttrs pod_attrs(const WorkqueueAttrs& effective, int cpu) const;
  [[nodiscard]] WorkqueueAttrs changed(const WorkqueueAttrs& attrs,
                                       const AttrsChange& change) const;
  Co<WorkerPool*> get_manned_pool(const WorkqueueAttrs& attrs);
  Co<bool> apply_wqattrs_prepare(ApplyContext& context);
  std::vector<Pwq*> install_pwqs(const ApplyContext& context);
  Co<> apply_wqattrs_commit(const ApplyContext& context);
  Co<int> apply_workqueue_attrs_locked(Workqueue& wq, WorkqueueAttrs attrs);
  Co<int> apply_unbound_cpumask(CpuMask mask);
  void link_unbound_pwqs(Workqueue& wq, const WorkqueueAttrs& attrs);
  [[nodiscard]] WorkqueueAttrs effective_attrs(const WorkqueueAttrs& attrs,
                                               const CpuMask& unbound) const;

  // deadlock.cpp
  struct Chain;
  void check_circular_flush(const FlushWait& wait);
  bool blocked(Chain& chain, const Task& task);
  bool flush_blocked(Chain& chain, const FlushWait& wait);
  bool work_blocked(Chain& chain, const FlushWait& wait);
  bool workqueue_blocked(Chain& chain, const FlushWait& wait);
  bool slots_blocked(Chain& chain, const Pwq& pwq);
  [[nodiscard]] Worker* holder_of(const FlushWait& wait) const;
  [[nodiscard]] const FlushWait* flush_wait_of(const Task& task) const;
  [[nodiscard]] std::string describe(const Task& task) const;
  [[nodiscard]] std::string describe(const FlushWait& wait) const;

  // stall.cpp
  static Co<> wq_watchdog_timer_fn(timers::Timers& timers, timers::KernelTimer& timer);
  Co<> check_stalls();
  struct Stalled;
  [[nodiscard]] Stalled stalled_pools(timers::Jiffies now) const;
  void note_stall(const Stalled& stalled);
  [[nodiscard]] std::string describe_blocked(const WorkerPool& pool) const;

  // destroy.cpp
  void check_alive(const Workqueue& wq, std::string_view call) const;
  void check_idle(const Pwq& pwq) const;
  Co<> stop_rescuer(Workqueue& wq);
  void unlist(Workqueue& wq);

  // worker.cpp: the threads
  static Co<int> worker_thread(kthread::Kthreads& kthreads, Task& self, void* worker);
  Co<> work(Worker& worker);
  Co<> set_pf_worker(Task& self, bool worker);
  void worker_enter_idle(Worker& worker);
  void worker_leave_idle(Worker& worker);
  static void move_linked_works(Work& work, WorkList& to);
  bool assign_work(Work& work, Worker& worker);
  Co<> process_scheduled_works(Worker& worker);
  Co<> process_one_work(Worker& worker, Work& work);
  void claim(Worker& worker, Work& work);
  void note_start(Worker& worker, const Queueing& queueing);
  void note_end(Worker& worker, WorkStats* of_work);
  /// What an item that starts now has waited for (late_start.cpp).
  [[nodiscard]] LateStart late_start(const Worker& worker, const Queueing& queueing) const;
  /// Of a worker, since it became idle or ended the item before.
  static CpuWaits cpu_waits(const Worker& worker);
  void check_leaks(const Worker& worker) const;

  // concurrency.cpp: what the scheduler tells of workers
  static Co<> wq_worker_sleeping(void* self, Task& task);
  static Co<> wq_worker_running(void* self, Task& task);
  static Co<> wq_worker_tick(void* self, Task& task);
  Co<> worker_sleeping(Worker& worker);
  Co<> worker_running(Worker& worker);
  Co<> mark_cpu_intensive(Worker& worker);

  // manager.cpp: making and culling workers
  Co<> manage_workers(Worker& worker);
  Co<> maybe_create_worker(WorkerPool& pool);
  Co<Worker*> create_worker(WorkerPool& pool);
  Worker& alloc_worker();
  Worker& alloc_pool_worker(WorkerPool& pool);
  void free_worker(Worker& worker);
  [[nodiscard]] static std::string worker_name(const Worker& worker, const WorkerPool& pool);
  [[nodiscard]] timers::Jiffies idle_timeout() const;
  [[nodiscard]] timers::Jiffies mayday_initial_timeout() const;
  Co<> worker_attach_to_pool(Worker& worker, WorkerPool& pool);
  Co<> worker_detach_from_pool(Worker& worker);
  Co<> unbind_worker(Worker& worker);
  void attach(Worker& worker, WorkerPool& pool);
  static Co<> idle_worker_timeout(timers::Timers& timers, timers::KernelTimer& timer);
  static Co<> idle_cull_fn(Workqueues& workqueues, Work& work);
  void set_worker_dying(Worker& worker, WorkerList<&Worker::entry>& dying);
  Co<> detach_dying_workers(WorkerList<&Worker::entry>& dying);
  Co<> reap_dying_workers(WorkerList<&Worker::entry>& dying);

  // rescuer.cpp
  static Co<> pool_mayday_timeout(timers::Timers& timers, timers::KernelTimer& timer);
  Co<> send_mayday(Pwq& pwq);
  static Co<int> rescuer_thread(kthread::Kthreads& kthreads, Task& self, void* rescuer);
  Co<> rescue(Worker& rescuer, Pwq& pwq);
  [[nodiscard]] const CpuMask& rescuer_cpumask(const Workqueue& wq) const;
  bool assign_rescuer_work(Pwq& pwq, Worker& rescuer);
  void boot_rescuer(Workqueue& wq);

  // bh.cpp
  static Co<> workqueue_softirq_action(void* self, Cpu& cpu, bool highpri);
  Co<> bh_worker(Worker& worker);
  Co<> kick_bh_pool(WorkerPool& pool);

  // alloc.cpp
  WorkerPool& new_pool(const WorkqueueAttrs& attrs, int id);
  WorkerPool& get_unbound_pool(const WorkqueueAttrs& attrs);
  std::unique_ptr<Workqueue> make_workqueue(std::string_view name, std::uint32_t flags,
                                            int max_active);
  [[nodiscard]] WorkqueueAttrs std_attrs(const Workqueue& wq) const;
  Workqueue& new_workqueue(std::string_view name, std::uint32_t flags, int max_active,
                           const AttrsChange& attrs = {});
  Co<bool> alloc_and_link_pwqs(Workqueue& wq, AttrsChange attrs);
  Co<bool> init_rescuer(Workqueue& wq);
  Pwq& new_pwq(Workqueue& wq, WorkerPool& pool);
  void link_percpu_pwqs(Workqueue& wq);
  WorkerPool& new_legacy_pool(const Workqueue& wq, int cpu);
  void link_legacy_pwqs(Workqueue& wq);
  [[nodiscard]] const Pods& pods_of(AffnScope scope) const;
  [[nodiscard]] CpuMask wq_calc_pod_cpumask(const WorkqueueAttrs& effective, int cpu) const;

  // flush.cpp
  static Co<> wq_barrier_func(Workqueues& workqueues, Work& work);
  void check_flush_dependency(const Workqueue& target, const Work* work) const;
  void check_self_flush(const Worker& worker, const Work& work, bool from_cancel) const;
  void insert_wq_barrier(Pwq& pwq, Barrier& barrier, Work& target, Worker* worker);
  Co<bool> start_flush_work(Work& work, Barrier& barrier, bool from_cancel);
  Co<bool> __flush_work(Work& work, bool from_cancel);
  [[nodiscard]] Task* executor_of(const Work& work);
  Co<bool> flush_workqueue_prep_pwqs(Workqueue& wq, int flush_color, int work_color);
  Co<> cascade_flushers(Workqueue& wq);

  // cancel.cpp
  Co<bool> work_grab_pending(Work& work, bool& irqs_were_off);
  Co<> steal(Work& work);
  Co<bool> __cancel_work(Work& work, bool disable);
  Co<bool> __cancel_work_sync(Work& work, bool disable);

  // delayed.cpp
  static Co<> delayed_work_timer_fn(timers::Timers& timers, timers::KernelTimer& timer);
  Co<> __queue_delayed_work(int cpu, Workqueue& wq, DelayedWork& work, timers::Jiffies delay);

  // max_active.cpp
  void wq_update_node_max_active(Workqueue& wq);
  Co<> wq_adjust_max_active(Workqueue& wq);

  // Locks
  auto lock(WorkerPool& pool) { return base_.spinlocks.lock_irqsave(pool.lock); }
  Co<> unlock(WorkerPool& pool) { return base_.spinlocks.unlock_irqrestore(pool.lock); }
  [[nodiscard]] const cpu::CostTable& costs() const { return machine_.costs(); }
  [[nodiscard]] std::string describe(const Work& work) const;
  [[nodiscard]] std::string describe(const Who& who) const;
  /// The current task, now.
  [[nodiscard]] Who who() const;

  Base base_;
  sched::Scheduler& scheduler_;
  cpu::Machine& machine_;
  WorkqueueParams params_;
  bool topology_initialized_ = false;  // wq_topo_initialized
  bool workqueue_freezing_ = false;
  locking::Mutex wq_pool_mutex_;
  locking::Mutex wq_pool_attach_mutex_;
  locking::Spinlock wq_mayday_lock_;
  CpuMask unbound_cpumask_;  // wq_unbound_cpumask
  CpuMask online_cpumask_;   // wq_online_cpumask
  std::array<Pods, kAffnScopes> pods_;
  std::vector<std::unique_ptr<WorkerPool>> pools_;
  std::vector<std::unique_ptr<Workqueue>> list_;
  // What has been released; see release.cpp.
  std::vector<std::unique_ptr<Pwq>> dead_pwqs_;
  std::vector<std::unique_ptr<WorkerPool>> dead_pools_;
  std::vector<std::unique_ptr<Workqueue>> dead_workqueues_;
  std::deque<Pwq*> to_release_;
  Task* release_thread_ = nullptr;  // pool_workqueue_release
  Task* manager_waiter_ = nullptr;  // manager_wait
  std::deque<Worker> workers_;
  std::vector<Worker*> free_workers_;
  std::vector<int> rr_cpu_last_;               // wq_rr_cpu_last of each CPU
  std::vector<int> distribute_cpu_mask_prev_;  // of each CPU
  SystemWorkqueues system_;
  FlushWaits flush_waits_;
  std::uint64_t works_moved_ = 0;
  timers::KernelTimer watchdog_timer_;  // wq_watchdog_timer
  timers::Jiffies watchdog_touched_ = 0;
  unsigned stalls_ = 0;  // wq_stall
  std::string last_stall_;
  std::uint32_t idle_timer_name_ = 0;
  std::uint32_t mayday_timer_name_ = 0;
  std::uint32_t delayed_timer_name_ = 0;
  std::uint32_t barrier_name_ = 0;
};

/// kernel/workqueue.c: wq_worker_comm: a thread's name; of a worker with "+" and the description
/// while it executes an item, with "-" afterwards.
std::string wq_worker_comm(const Task& task, const sim::NameTable& names);

}  // namespace kt::workqueue
