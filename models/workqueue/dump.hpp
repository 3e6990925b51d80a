// What a debugger sees of the workqueues at one moment: the rows that tools/workqueue/wq_dump.py
// and wq_monitor.py of the kernel print. Copies, so that they outlive the run; writing them down is
// somebody else's.
#pragma once

#include <string_view>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

/// One worker pool, by its ID.
struct PoolRow {
  int id = 0;
  std::uint32_t flags = 0;  ///< PoolFlag
  int refcnt = 0;
  int nice = 0;
  int nr_idle = 0;
  int nr_workers = 0;
  int cpu = -1;  ///< -1: unbound
  CpuMask cpus;
  CpuMask pod_cpus;
  bool strict = false;
};

/// Which pool serves each CPU's works of one queue.
struct QueueRow {
  std::string name;
  std::string_view type;   ///< percpu, unbound, unbound,S (strict), ordered or bh
  std::vector<int> pools;  ///< pool ID of each CPU
  int dfl = -1;            ///< pool ID of the default pwq; -1: not unbound
};

struct RescuerRow {
  std::string name;                     ///< of the queue
  std::optional<CpuMask> unbound_cpus;  ///< as configured; none: not unbound
  std::int32_t pid = 0;
  CpuMask cpus;  ///< where the rescuer may run
};

/// Active works of an unbound queue against their limit.
struct NodeActive {
  int nr = 0;
  int max = 0;
};
struct ActiveRow {
  std::string name;
  int min_active = 0;
  int max_active = 0;
  std::vector<NodeActive> nodes;
  NodeActive dfl;  ///< of pools of no node
};

/// wq_dump.py
struct Dump {
  CpuMask unbound_cpus;  ///< wq_unbound_cpumask
  CpuMask online_cpus;
  AffnScope default_scope = AffnScope::kCache;
  std::array<Pods, kAffnScopes> pods;  ///< by AffnScope; that of kDfl is empty
  std::vector<PoolRow> pools;
  std::vector<QueueRow> queues;
  std::vector<RescuerRow> rescuers;
  std::vector<CpuMask> nodes;  ///< CPUs of each
  std::vector<ActiveRow> active;
};
Dump dump(const Workqueues& workqueues);

/// wq_monitor.py: what a queue has done since boot, summed over its pwqs.
struct MonitorRow {
  std::string name;
  bool unbound = false;
  bool mem_reclaim = false;
  std::array<std::uint64_t, kPwqStats> stats{};  ///< by PwqStat
};
std::vector<MonitorRow> monitor(const Workqueues& workqueues);

/// wq_affn_names: "cpu", "smt", …
std::string_view affn_scope_name(AffnScope scope);

}  // namespace kt::workqueue
