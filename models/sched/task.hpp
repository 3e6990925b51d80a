// A task (struct task_struct): a schedulable context of the simulated machine, kernel thread or
// user task. What only the scheduler writes and what the layers above keep in it is grouped below;
// a sleeping thread costs this struct and the frames of its coroutine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "models/cpu/cpu.hpp"
#include "models/cpu/cpu_mask.hpp"
#include "models/sched/entity.hpp"
#include "models/sched/pelt.hpp"
#include "sim/co.hpp"
#include "sim/histogram.hpp"

namespace kt::kthread {
struct Kthread;
}

namespace kt::locking {
struct RtMutex;
struct RtMutexWaiter;
}  // namespace kt::locking

namespace kt::sched {

using sim::Time;
struct Task;
class Scheduler;

/// include/linux/sched.h: values of task_struct::__state and exit_state.
enum State : std::uint32_t {
  kTaskRunning = 0,
  kTaskInterruptible = 0x1,
  kTaskUninterruptible = 0x2,
  kTaskStopped = 0x4,
  kTaskTraced = 0x8,
  kTaskParked = 0x40,
  kTaskDead = 0x80,
  kTaskWakekill = 0x100,
  kTaskWaking = 0x200,
  kTaskNoload = 0x400,
  kTaskNew = 0x800,
  kTaskRtlockWait = 0x1000,
  kTaskFreezable = 0x2000,
  kTaskFrozen = 0x8000,
  kTaskKillable = kTaskWakekill | kTaskUninterruptible,
  kTaskIdle = kTaskUninterruptible | kTaskNoload,
  kTaskNormal = kTaskInterruptible | kTaskUninterruptible,
};
enum ExitState : std::uint8_t { kExitNone = 0, kExitDead = 0x10, kExitZombie = 0x20 };

/// is_special_task_state(): no condition loop, must not see spurious wakeups.
constexpr bool special_state(std::uint32_t state) {
  return (state & (kTaskStopped | kTaskTraced | kTaskParked | kTaskDead | kTaskFrozen)) != 0;
}

/// task_struct::flags (include/linux/sched.h: PF_*), those that something reads.
enum TaskFlag : std::uint32_t {
  kPfExiting = 0x4,
  kPfWqWorker = 0x20,
  kPfMemalloc = 0x800,
  kPfNofreeze = 0x8000,
  kPfKswapd = 0x20000,
  kPfKthread = 0x200000,
  kPfNoSetaffinity = 0x4000000,
  kPfSuspendTask = 0x80000000,
};

/// task_struct::on_rq.
enum class OnRq : std::uint8_t { kNo, kQueued, kMigrating };

enum class Policy : std::uint8_t { kNormal, kFifo, kRr, kBatch, kIdle };
constexpr bool rt_policy(Policy policy) {
  return policy == Policy::kFifo || policy == Policy::kRr;
}

/// Scheduling classes in pick order.
enum class Class : std::uint8_t { kStop, kRt, kFair, kIdle };

inline constexpr int kMaxRtPrio = 100;
inline constexpr int kDefaultPrio = 120;
constexpr int nice_to_prio(int nice) {
  return nice + kDefaultPrio;
}
constexpr int prio_to_nice(int prio) {
  return prio - kDefaultPrio;
}

/// The fair entity of a task, and the way back.
struct TaskEntity : Entity {
  /// Its place in the list that balancing takes from: higher joined it or ran later
  /// (sched_entity::group_node, rq->cfs_tasks).
  std::uint32_t recency = 0;
  Task* task = nullptr;
};

/// struct sched_rt_entity: its place in the list of its priority.
struct RtEntity {
  Task* previous = nullptr;
  Task* next = nullptr;
  std::int32_t time_slice = 0;  ///< ticks left (SCHED_RR)
  bool on_list = false;
};

/// What a task waits for, for the reports. Set by the waiting primitives, kept while it sleeps.
enum class WaitKind : std::uint8_t {
  kNothing,
  kSchedule,  ///< a bare schedule()
  kTimeout,   ///< a timer of its own
  kWaitQueue,
  kCompletion,
  kMutex,
  kKthreadStop,  ///< the exit of another thread
  kKthreadPark,
  kKthreadCreate,
  kParked,
  kKthreadWorker,  ///< an empty work list
  kKthreadFlush,
  kFrozen,
  kIo,
  kWorkerIdle,    ///< a worker without works, or a rescuer that nobody calls
  kWorkFlush,     ///< the end of a work
  kSystemWakeup,  ///< suspend-to-idle: what ends it
  kDevice,        ///< the power management callbacks of a device
  kRwsem,         ///< a reader-writer semaphore
  kPercpuIdle,    ///< a per-CPU thread that has nothing to do
  kHotplugStep,   ///< a CPU's thread of hotplug, or the CPU itself
};
struct Wait {
  WaitKind kind = WaitKind::kNothing;
  std::uint32_t name = 0;  ///< NameTable id of the object, 0: none
  Task* on = nullptr;      ///< the task that it waits for, if one is known
};

/// A wakeup that found its target awake and did nothing: the suspect of a lost wakeup.
struct NoopWake {
  Time time = -1;
  std::uint32_t waker = 0;  ///< NameTable id
  std::int32_t waker_pid = 0;
  std::uint32_t state = 0;  ///< of the target at that moment
};

/// A time that a task was runnable without a CPU, and who left the CPU to it.
struct CpuWait {
  Time from = -1;  ///< its wakeup, before its CPU took note of it; -1: it never waited
  Time to = -1;
  std::uint32_t behind = 0;  ///< NameTable id
  std::int32_t behind_pid = 0;
};

/// /proc/PID/sched-like counters.
struct TaskStats {
  std::uint64_t nvcsw = 0;
  std::uint64_t nivcsw = 0;
  std::uint64_t nr_migrations = 0;
  std::uint64_t nr_wakeups = 0;
  Time run_delay = 0;  ///< ns runnable without a CPU
  Time wakeup_latency_max = 0;
  Time wakeup_latency_sum = 0;
  std::uint64_t wakeup_latencies = 0;
  void note_latency(Time latency) {
    ++wakeup_latencies;
    wakeup_latency_sum += latency;
    if (latency > wakeup_latency_max) wakeup_latency_max = latency;
  }
};

struct Task : cpu::ThreadInfo {
  /// Allowed on `cpus`, which has to outlive the task.
  explicit Task(const cpu::CpuMask& cpus) : cpus_ptr(&cpus), nr_cpus_allowed(cpus.count()) {
    se.task = this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // The sleep and wake protocol
  std::uint32_t state = kTaskNew;
  std::uint32_t saved_state = kTaskRunning;
  ExitState exit_state = kExitNone;
  OnRq on_rq = OnRq::kNo;
  bool on_cpu = false;
  bool contributes_to_load = false;
  bool pi_locked = false;         ///< a waker is at work: its mask, policy and nice value must stay
  bool in_iowait = false;         ///< sleeps until a disk is done (io_schedule)
  bool voluntary_switch = false;  ///< it blocked, or tried to, in this schedule()
  bool sched_remote_wakeup = false;  ///< queued on a wake list with WF_MIGRATED
  bool sigpending = false;           ///< TIF_SIGPENDING or TIF_NOTIFY_SIGNAL
  bool fatal_signal = false;
  bool memdie = false;              ///< TIF_MEMDIE: the OOM killer's victim
  bool woken = false;               ///< runnable_since is a wakeup, not a preemption
  bool per_cpu_kthread = false;     ///< KTHREAD_IS_PER_CPU
  bool load_attached = false;       ///< its load is part of its queue's
  bool util_est_unchanged = false;  ///< UTIL_AVG_UNCHANGED: nothing new to learn from
  /// Whether the reports want its distribution of wakeup latencies: most tasks' is never read.
  bool keep_distribution = false;
  std::uint32_t allowed_signals = 0;  ///< kernel threads: what allow_signal() took, a bit each

  // Placement
  Time wakee_flip_decay = 0;
  Task* last_wakee = nullptr;
  Task* wake_entry = nullptr;    ///< next on a remote wake list
  const cpu::CpuMask* cpus_ptr;  ///< shared by all tasks with this mask (set_cpus_mask)
  int nr_cpus_allowed;
  int wake_cpu = 0;
  int recent_used_cpu = 0;
  int cache_cpu = -1;  ///< where its working set is warm; -1: nowhere yet
  std::uint32_t wakee_flips = 0;

  // Class, priority
  Class sched_class = Class::kFair;
  Policy policy = Policy::kNormal;
  std::uint16_t migration_disabled = 0;
  int prio = kDefaultPrio;
  int normal_prio = kDefaultPrio;  ///< without what priority inheritance adds
  int static_prio = kDefaultPrio;
  int rt_priority = 0;

  // Priority inheritance (models/locking/rtmutex.hpp)
  locking::RtMutex* pi_locks = nullptr;  ///< held ones for which somebody waits
  locking::RtMutexWaiter* pi_blocked_on = nullptr;
  Task* pi_top_task = nullptr;  ///< whose priority it has, if that is higher than its own

  // Identity
  std::uint32_t flags = 0;
  std::int32_t ppid = 0;
  std::uint32_t full_name = 0;  ///< NameTable id: as /proc shows it, not cut to 15 characters
  std::uint32_t mm = 0;         ///< address space; 0: none (a kernel thread)

  // Its code
  std::uint32_t location = 0;  ///< what the scenario interpreter executes now: id of a JSON pointer
  kthread::Kthread* kthread = nullptr;
  sim::Co<> body;
  std::coroutine_handle<> resume_point;  ///< where switch_to() left it

  // Its places on the queues
  TaskEntity se;
  RtEntity rt;
  TaskLoad load_avg;           ///< up to when it last joined, left, got or gave up a CPU
  std::uint16_t util_est = 0;  ///< what it used when it was last awake, averaged (sched_avg)

  // For reports
  TaskStats stats;
  std::unique_ptr<sim::Histogram> distribution;
  /// When the task last tested a condition (scenario code): a later wakeup that finds it awake
  /// cannot have been seen by that test.
  Time last_test = -1;
  void note_latency(Time latency) {
    stats.note_latency(latency);
    if (!keep_distribution) return;
    if (distribution == nullptr) distribution = std::make_unique<sim::Histogram>();
    distribution->record(latency);
  }
  Wait wait;
  NoopWake noop_wake;
  Time sleep_start = 0;
  Time runnable_since = -1;  ///< queued and not running since; -1: running or asleep
  Time waking_time = 0;      ///< of the last sched_waking
  CpuWait cpu_wait;          ///< the last one that has ended

  [[nodiscard]] bool is_kthread() const { return (flags & kPfKthread) != 0; }
  [[nodiscard]] bool is_idle() const { return sched_class == Class::kIdle; }
  [[nodiscard]] bool is_user() const { return !is_kthread() && pid != 0; }
  /// The weight that it has put on its queue of late: kernel/sched/fair.c: task_h_load, without
  /// groups. Of a sleeper, as it was when it went to sleep.
  [[nodiscard]] std::uint64_t task_h_load() const {
    return load_avg.load() * se.load.weight / 1024;
  }
  /// Accounts what it has asked for since the last call, in 1024ths.
  void update_load(Time now, const Signals& value) {
    if (load_avg.accumulate(now, value)) util_est_unchanged = false;
  }
  /// kernel/sched/fair.c: task_util_est
  [[nodiscard]] std::uint64_t task_util_est() const {
    return std::max<std::uint64_t>(load_avg.util(), util_est);
  }
  [[nodiscard]] int nice() const { return prio_to_nice(static_prio); }
};

}  // namespace kt::sched
