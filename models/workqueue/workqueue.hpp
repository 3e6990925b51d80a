// Workqueues (struct workqueue_struct), their ties to worker pools (struct pool_workqueue), and the
// count of active works that an unbound one has on each node (struct wq_node_nr_active).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/locking/completion.hpp"
#include "models/locking/mutex.hpp"
#include "models/workqueue/worker_pool.hpp"

namespace kt::workqueue {

struct Workqueue;

/// include/linux/workqueue.h: enum wq_flags.
enum WqFlag : std::uint32_t {
  kWqBh = 0x1,
  kWqUnbound = 0x2,
  kWqFreezable = 0x4,
  kWqMemReclaim = 0x8,
  kWqHighpri = 0x10,
  kWqCpuIntensive = 0x20,
  kWqSysfs = 0x40,
  kWqPowerEfficient = 0x80,
  kWqPercpu = 0x100,
  kWqDestroying = 0x8000,
  kWqDraining = 0x10000,
  kWqOrdered = 0x20000,
  kWqLegacy = 0x40000,
};

inline constexpr int kHighpriNice = -20;  ///< HIGHPRI_NICE_LEVEL, RESCUER_NICE_LEVEL
inline constexpr int kWqMaxActive = 512;
inline constexpr int kWqDflActive = 256;
inline constexpr int kWqDflMinActive = 8;
inline constexpr int kWorkNrColors = 16;
inline constexpr std::size_t kWqNameLength = 31;  // WQ_NAME_LEN less the end

/// enum pool_workqueue_stats.
enum PwqStat : std::uint8_t {
  kStarted,
  kCompleted,
  kCpuTime,  ///< us
  kCpuIntensive,
  kCmWakeup,
  kRepatriated,
  kMayday,
  kRescued,
  kPwqStats,
};

/// struct pool_workqueue.
struct Pwq {
  WorkerPool* pool = nullptr;
  Workqueue* wq = nullptr;
  std::uint8_t work_color = 0;
  int flush_color = -1;
  int refcnt = 1;
  bool plugged = false;
  int nr_active = 0;
  std::array<int, kWorkNrColors> nr_in_flight{};
  WorkList inactive_works;
  MemberHook pending_node;  ///< on NodeNrActive::pending_pwqs
  MemberHook mayday_node;   ///< on Workqueue::maydays
  Work mayday_cursor;
  std::array<std::uint64_t, kPwqStats> stats{};

  /// kernel/workqueue.c: pwq_is_empty
  [[nodiscard]] bool empty() const { return nr_active == 0 && inactive_works.empty(); }
};

template <MemberHook Pwq::*hook>
using PwqList = boost::intrusive::list<Pwq, boost::intrusive::member_hook<Pwq, MemberHook, hook>,
                                       boost::intrusive::constant_time_size<false>>;

/// struct wq_node_nr_active.
struct NodeNrActive {
  locking::Spinlock lock;  ///< of the list; inside of pool->lock. `nr` is an atomic.
  int max = kWqDflMinActive;
  int nr = 0;
  PwqList<&Pwq::pending_node> pending_pwqs;  ///< waiting for a slot, first come first served
};

/// struct wq_barrier: on the stack of who flushes a work.
struct Barrier : Work {
  locking::Completion done;
  Task* task = nullptr;
};

/// struct wq_flusher: on the stack of who flushes a queue.
struct Flusher {
  MemberHook entry;
  int flush_color = 0;
  locking::Completion done;
  Task* task = nullptr;
};

/// Somebody waits for the end of a work, or of all works of a queue: for the search for deadlocks.
struct FlushWait : ListHook {
  Task* task = nullptr;
  const Workqueue* wq = nullptr;  ///< a queue, up to `color`; null: a work
  int color = 0;
  const Barrier* barrier = nullptr;
  const Work* work = nullptr;
};
using FlushWaits = boost::intrusive::list<FlushWait, boost::intrusive::constant_time_size<false>>;

using FlusherList =
    boost::intrusive::list<Flusher,
                           boost::intrusive::member_hook<Flusher, MemberHook, &Flusher::entry>,
                           boost::intrusive::constant_time_size<false>>;

/// struct workqueue_struct.
struct Workqueue {
  Workqueues* workqueues = nullptr;
  std::string name;
  std::uint32_t name_id = 0;  ///< NameTable id
  std::uint32_t flags = 0;
  std::vector<std::unique_ptr<Pwq>> pwqs;  ///< oldest first
  std::vector<Pwq*> cpu_pwq;               ///< the slot of each CPU
  Pwq* dfl_pwq = nullptr;                  ///< unbound only
  locking::Mutex mutex;
  std::uint8_t work_color = 0;
  std::uint8_t flush_color = 0;
  int nr_pwqs_to_flush = 0;
  Flusher* first_flusher = nullptr;
  FlusherList flusher_queue;
  FlusherList flusher_overflow;
  PwqList<&Pwq::mayday_node> maydays;
  Worker* rescuer = nullptr;
  int nr_drainers = 0;
  int max_active = kWqDflActive;
  int min_active = kWqDflMinActive;
  int saved_max_active = kWqDflActive;
  int saved_min_active = kWqDflMinActive;
  std::optional<WorkqueueAttrs> unbound_attrs;
  std::vector<NodeNrActive> node_nr_active;  ///< unbound only: each node, then that of no node
  WorkStats* stats = nullptr;                ///< null: nobody asks
  bool destroyed = false;
  Who drained_by;    ///< the first of those that drain it now, or did last
  Who destroyed_by;  ///< who called destroy_workqueue()

  [[nodiscard]] bool unbound() const { return (flags & kWqUnbound) != 0; }
  [[nodiscard]] bool ordered() const { return (flags & kWqOrdered) != 0; }
  /// kernel/workqueue.c: wq_node_nr_active; null for per-CPU and BH ones.
  [[nodiscard]] NodeNrActive* nr_active_of(int node);
};

}  // namespace kt::workqueue
