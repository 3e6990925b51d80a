// What works, workqueues and worker pools did in a run. Built from the models alone; as text and as
// JSON in workqueue_text.hpp and workqueue_json.hpp.
#pragma once

#include <string>
#include <vector>

#include "tools/run/latency.hpp"
#include "tools/run/system.hpp"

namespace kt::run {

/// One start that was among the latest. Times in ns; inactive, behind, creation, cpu_wait and way
/// sum to the latency.
struct LateUse {
  std::string work;
  Time queued_at = 0;
  Time latency = 0;
  std::string queued_by;  ///< "NAME (pid N)", "softirq on CPU N", "hardirq on CPU N"
  std::string worker;
  int cpu = 0;
  bool rescued = false;  ///< the worker is the queue's rescuer
  Time inactive = 0;     ///< held back by max_active
  Time behind = 0;       ///< behind another work: concurrency limit, or no worker was free
  std::string behind_work;
  std::string behind_worker;
  Time creation = 0;         ///< until a worker was made; rescued: until help came
  Time cpu_wait = 0;         ///< the worker waited for a CPU
  std::string cpu_taken_by;  ///< "NAME (pid N)"; empty: an idle CPU took it
  Time way = 0;     ///< what is left: locks, wakeups, switches, interrupts
  bool bh = false;  ///< it ran in a softirq, and the way is until that ran
};

/// A declared work, or a queue.
struct WorkUse {
  std::string name;
  std::string workqueue;  ///< of a work; of a queue its own name
  std::uint64_t queued = 0;
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  Latency queue_to_start;
  Latency start_to_end;
  std::vector<LateUse> worst;  ///< latest first
};

/// A pool that ran works, or whose workers changed.
struct PoolUse {
  int id = 0;
  std::string name;         ///< "CPU 3", "CPU 3 highpri", "CPU 3 bh", "unbound 0-7", …
  std::uint64_t works = 0;  ///< started, barriers of flushes included
  int at_boot = 0;          ///< workers at t = 0
  int least = 0;
  int most = 0;
  Time most_since = 0;                         ///< when it had the most first
  int now = 0;                                 ///< at the end
  std::vector<workqueue::PoolChange> changes;  ///< the first of them
  std::uint64_t nr_changes = 0;
  std::uint64_t created = 0;
  std::uint64_t culled = 0;
  std::uint64_t rescued = 0;      ///< works that a rescuer ran
  std::uint64_t contentions = 0;  ///< acquisitions of pool->lock that had to wait
  Time lock_waited = 0;           ///< ns, in all
  double idle = 0;                ///< share of its CPUs' time without a task
};

/// A lock that all pools share.
struct LockUse {
  std::string name;
  std::uint64_t contentions = 0;
  Time waited = 0;  ///< ns, in all
};

struct WorkqueueUse {
  std::vector<WorkUse> works;   ///< in the order of the scenario
  std::vector<WorkUse> queues;  ///< that a work was queued on
  std::vector<PoolUse> pools;   ///< by ID
  std::vector<LockUse> locks;   ///< that were contended
};

/// The latest starts, latest first.
std::vector<LateUse> late_uses(System& system, const workqueue::WorkStats& stats);

/// As PoolUse::name.
std::string pool_name(const workqueue::WorkerPool& pool);

/// `busy` is the ns of each CPU with something but the idle task.
WorkqueueUse workqueue_use(System& system, const std::vector<Time>& busy);

}  // namespace kt::run
