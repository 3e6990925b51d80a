// What load balancing decides from: statistics of the groups of a domain, how loaded a group counts
// as, which group is the busiest, and how much should move from it to the group of the CPU that
// pulls. Pure arithmetic over figures that the caller collects; kernel/sched/fair.c, from
// group_classify() to sched_balance_find_src_group(). CPUs are equal, so that nothing is about
// asymmetric capacity or packing.
#pragma once

#include <cstdint>

#include "models/sched/domains.hpp"

namespace kt::sched {

/// enum cpu_idle_type: on whose behalf a balancing pass runs.
enum class CpuIdle : std::uint8_t { kBusy, kIdle, kNewlyIdle };

/// enum group_type, those of equal CPUs: which group to pull from first, the last of them first.
enum class GroupType : std::uint8_t {
  kHasSpare,    ///< could run more
  kFullyBusy,   ///< full, and nobody competes for a CPU
  kMisfitTask,  ///< a task alone on a CPU that real-time tasks take much of
  kSmtBalance,  ///< tasks share a core
  kImbalanced,  ///< affinity kept a narrower domain from balancing itself
  kOverloaded,  ///< tasks get less than they ask for
};

/// struct sg_lb_stats; loads in weights, the rest in units of 1024 a CPU.
struct GroupStats {
  std::uint64_t load = 0;
  std::uint64_t capacity = 0;
  std::uint64_t util = 0;
  std::uint64_t runnable = 0;
  std::uint64_t avg_load = 0;     ///< load for each whole CPU; only of full groups
  std::uint64_t misfit_load = 0;  ///< of the task that a CPU with little capacity runs
  unsigned nr_running = 0;        ///< all classes
  unsigned h_nr_running = 0;      ///< fair class
  unsigned idle_cpus = 0;
  unsigned weight = 0;  ///< CPUs
  bool smt_balance = false;
  GroupType type = GroupType::kHasSpare;

  /// Load for each CPU's worth of capacity.
  [[nodiscard]] std::uint64_t load_per_cpu() const { return load * 1024 / capacity; }
};

/// kernel/sched/fair.c: group_classify. `imbalanced`: sched_group_capacity::imbalance.
[[nodiscard]] GroupType group_classify(int imbalance_pct, bool imbalanced, const GroupStats& stats);

/// struct sd_lb_stats.
struct DomainStats {
  const Group* busiest = nullptr;
  const Group* local = nullptr;
  GroupStats busiest_stats{.idle_cpus = ~0U};
  GroupStats local_stats;
  std::uint64_t total_load = 0;
  std::uint64_t total_capacity = 0;

  [[nodiscard]] std::uint64_t avg_load() const { return total_load * 1024 / total_capacity; }
  /// The tasks of the busiest group rather spread over its siblings.
  [[nodiscard]] bool prefer_sibling() const {
    return busiest != nullptr && (busiest->flags & kSdPreferSibling) != 0;
  }
};

/// Whether a group is busier than the busiest one so far. kernel/sched/fair.c:
/// update_sd_pick_busiest
[[nodiscard]] bool busier(const DomainStats& domain, const Group& group, const GroupStats& stats);

/// enum migration_type: in what the amount to move is counted.
enum class MigrationType : std::uint8_t { kLoad, kUtil, kTask };

struct Imbalance {
  MigrationType type = MigrationType::kLoad;
  std::int64_t amount = 0;  ///< of load, utilization or tasks; 0: balanced

  bool operator==(const Imbalance&) const = default;
};

/// What a pair of nodes may differ by is no imbalance while few tasks run. kernel/sched/fair.c:
/// adjust_numa_imbalance
[[nodiscard]] std::int64_t adjust_numa_imbalance(std::int64_t imbalance, int dst_running,
                                                 int imb_numa_nr);

/// How much the local group should pull from the busiest. kernel/sched/fair.c:
/// sched_balance_find_src_group, calculate_imbalance
[[nodiscard]] Imbalance find_imbalance(const Domain& sd, CpuIdle idle, const DomainStats& domain);

/// How many CPUs a wakeup looks at for an idle one in a cache domain of `weight` CPUs whose
/// utilizations sum to `util`. kernel/sched/fair.c: update_idle_cpu_scan
[[nodiscard]] int idle_cpu_scan(std::uint64_t util, int weight, int imbalance_pct);

}  // namespace kt::sched
