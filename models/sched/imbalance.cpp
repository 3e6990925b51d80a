#include "models/sched/imbalance.hpp"

#include <algorithm>

namespace kt::sched {

namespace {

constexpr std::uint64_t kScale = 1024;  // SCHED_CAPACITY_SCALE

std::uint64_t as_unsigned(int n) {
  return static_cast<std::uint64_t>(n);
}

bool smt(const Group& group) {
  return (group.flags & kSdShareCpucapacity) != 0;
}

// group_is_overloaded(): more tasks than CPUs, and they do not get what they ask for.
bool overloaded(std::uint64_t pct, const GroupStats& stats) {
  if (stats.nr_running <= stats.weight) return false;
  return stats.capacity * 100 < stats.util * pct || stats.capacity * pct < stats.runnable * 100;
}

// group_has_capacity()
bool has_capacity(std::uint64_t pct, const GroupStats& stats) {
  if (stats.nr_running < stats.weight) return true;
  if (stats.capacity * pct < stats.runnable * 100) return false;
  return stats.capacity * 100 > stats.util * pct;
}

// Among groups with room: fewer idle CPUs, then more tasks.
bool less_room(const GroupStats& stats, const GroupStats& busiest) {
  if (stats.idle_cpus != busiest.idle_cpus) return stats.idle_cpus < busiest.idle_cpus;
  return stats.nr_running > busiest.nr_running;
}

std::int64_t difference(std::int64_t from, std::int64_t part) {
  return from - std::min(from, part);
}

// kernel/sched/fair.c: sibling_imbalance. Tasks a core, evened out.
std::int64_t sibling_imbalance(CpuIdle idle, const DomainStats& domain) {
  const std::int64_t busiest = domain.busiest_stats.nr_running;
  const std::int64_t local = domain.local_stats.nr_running;
  if (idle == CpuIdle::kBusy || busiest == 0) return 0;
  const int busiest_cores = domain.busiest->cores;
  const int local_cores = domain.local->cores;
  if (busiest_cores == local_cores) return difference(busiest, local);
  const int cores = busiest_cores + local_cores;
  std::int64_t imbalance = difference(local_cores * busiest, busiest_cores * local);
  imbalance = (2 * imbalance + cores) / cores;                // for one core, rounded
  if (imbalance <= 1 && local == 0 && busiest > 1) return 2;  // use the empty group
  return imbalance;
}

// The part of calculate_imbalance() for a local group with room.
Imbalance fill_spare(const Domain& sd, CpuIdle idle, const DomainStats& domain) {
  const GroupStats& local = domain.local_stats;
  const GroupStats& busiest = domain.busiest_stats;
  if (busiest.type > GroupType::kFullyBusy && (sd.flags & kSdShareLlc) == 0) {
    const auto room = static_cast<std::int64_t>(std::max(local.capacity, local.util) - local.util);
    // It is full by its history, and yet this CPU idles and somebody waits there.
    if (idle != CpuIdle::kBusy && room == 0) return {MigrationType::kTask, 1};
    return {MigrationType::kUtil, room};
  }
  std::int64_t tasks = 0;
  if (busiest.weight == 1 || domain.prefer_sibling()) {
    tasks = sibling_imbalance(idle, domain);
  } else {
    tasks = difference(local.idle_cpus, busiest.idle_cpus);
  }
  if ((sd.flags & kSdNuma) != 0) {
    tasks = adjust_numa_imbalance(tasks, static_cast<int>(local.nr_running) + 1, sd.imb_numa_nr);
  }
  return {MigrationType::kTask, tasks >> 1};
}

// kernel/sched/fair.c: calculate_imbalance
Imbalance calculate_imbalance(const Domain& sd, CpuIdle idle, const DomainStats& domain) {
  const GroupStats& local = domain.local_stats;
  const GroupStats& busiest = domain.busiest_stats;
  if (busiest.type == GroupType::kMisfitTask) {
    return {MigrationType::kLoad, static_cast<std::int64_t>(busiest.misfit_load)};
  }
  if (busiest.type == GroupType::kSmtBalance || busiest.type == GroupType::kImbalanced) {
    return {MigrationType::kTask, 1};
  }
  if (local.type == GroupType::kHasSpare) return fill_spare(sd, idle, domain);
  // Both are full: towards the average load, and neither beyond it.
  const std::uint64_t local_load = local.load_per_cpu();
  const std::uint64_t average = domain.avg_load();
  if (local.type < GroupType::kOverloaded) {
    if (local_load >= busiest.avg_load || local_load >= average) return {};
  }
  std::uint64_t amount = (average - local_load) * local.capacity;
  if (busiest.avg_load >= average) {
    amount = std::min(amount, (busiest.avg_load - average) * busiest.capacity);
  }
  return {MigrationType::kLoad, static_cast<std::int64_t>(amount / kScale)};
}

// sched_balance_find_src_group(), its decision matrix: whether the groups differ enough.
bool balanced(const Domain& sd, CpuIdle idle, const DomainStats& domain) {
  const GroupStats& local = domain.local_stats;
  const GroupStats& busiest = domain.busiest_stats;
  if (domain.busiest == nullptr) return true;
  if (busiest.type == GroupType::kMisfitTask || busiest.type == GroupType::kImbalanced) {
    return false;
  }
  if (local.type > busiest.type) return true;
  if (local.type == GroupType::kOverloaded) {
    if (local.avg_load >= busiest.avg_load || local.avg_load >= domain.avg_load()) return true;
    if (100 * busiest.avg_load <= as_unsigned(sd.imbalance_pct) * local.avg_load) return true;
  }
  if (domain.prefer_sibling() && local.type == GroupType::kHasSpare &&
      sibling_imbalance(idle, domain) > 1) {
    return false;
  }
  if (busiest.type == GroupType::kOverloaded) return false;
  if (idle == CpuIdle::kBusy) return true;  // an idle CPU will do it
  if (busiest.type == GroupType::kSmtBalance && smt(*domain.local) != smt(*domain.busiest)) {
    return false;
  }
  // One idle CPU more or less only moves the imbalance about.
  if (busiest.weight > 1 && local.idle_cpus <= busiest.idle_cpus + 1) return true;
  return busiest.h_nr_running == 1;  // nobody waits there
}

}  // namespace

GroupType group_classify(int imbalance_pct, bool imbalanced, const GroupStats& stats) {
  const std::uint64_t pct = as_unsigned(imbalance_pct);
  if (overloaded(pct, stats)) return GroupType::kOverloaded;
  if (imbalanced) return GroupType::kImbalanced;
  if (stats.smt_balance) return GroupType::kSmtBalance;
  if (stats.misfit_load != 0) return GroupType::kMisfitTask;
  return has_capacity(pct, stats) ? GroupType::kHasSpare : GroupType::kFullyBusy;
}

bool busier(const DomainStats& domain, const Group& group, const GroupStats& stats) {
  const GroupStats& busiest = domain.busiest_stats;
  if (stats.h_nr_running == 0) return false;
  if (stats.type != busiest.type) return stats.type > busiest.type;
  switch (stats.type) {
    case GroupType::kOverloaded:
      return stats.avg_load > busiest.avg_load;
    case GroupType::kImbalanced:
      return false;
    case GroupType::kMisfitTask:
      return stats.misfit_load > busiest.misfit_load;
    case GroupType::kSmtBalance:
      if (stats.idle_cpus != 0 || busiest.idle_cpus != 0) return less_room(stats, busiest);
      return !smt(*domain.busiest);
    case GroupType::kFullyBusy:
      return !smt(*domain.busiest);  // threads that share a core need help first
    case GroupType::kHasSpare:
      if (domain.busiest != nullptr && smt(*domain.busiest) != smt(group)) {
        return !smt(group) || stats.h_nr_running > 1;
      }
      return less_room(stats, busiest);
  }
  return false;
}

std::int64_t adjust_numa_imbalance(std::int64_t imbalance, int dst_running, int imb_numa_nr) {
  constexpr std::int64_t kPair = 2;  // NUMA_IMBALANCE_MIN: two that talk to each other
  if (dst_running > imb_numa_nr) return imbalance;
  return imbalance <= kPair ? 0 : imbalance;
}

Imbalance find_imbalance(const Domain& sd, CpuIdle idle, const DomainStats& domain) {
  return balanced(sd, idle, domain) ? Imbalance{} : calculate_imbalance(sd, idle, domain);
}

int idle_cpu_scan(std::uint64_t util, int weight, int imbalance_pct) {
  const std::uint64_t cpus = as_unsigned(weight);
  const std::uint64_t pct = as_unsigned(imbalance_pct);
  const std::uint64_t x = util / cpus;
  const std::uint64_t busy = std::min(x * x * pct * pct / (10'000 * kScale), kScale);
  return static_cast<int>((kScale - busy) * cpus / kScale);
}

}  // namespace kt::sched
