#include "tools/run/workqueue_report.hpp"

#include <fmt/format.h>

namespace kt::run {

using workqueue::LateStart;
using workqueue::QueuedFrom;
using workqueue::WorkerPool;
using workqueue::WorkStats;

namespace {

std::string task_text(const sim::NameTable& names, std::uint32_t comm, std::int32_t pid) {
  return pid == 0 ? "" : fmt::format("{} (pid {})", names[comm], pid);
}

std::string queuer(const sim::NameTable& names, const LateStart& start) {
  if (start.queued_from == QueuedFrom::kTask) {
    return task_text(names, start.queued_by, start.queued_by_pid);
  }
  return fmt::format("{} on CPU {}",
                     start.queued_from == QueuedFrom::kSoftirq ? "softirq" : "hardirq",
                     start.queued_on);
}

LateUse late_use(const sim::NameTable& names, const LateStart& start) {
  LateUse use;
  use.work = names[start.function_name];
  use.queued_at = start.queued_at;
  use.latency = start.latency;
  use.queued_by = queuer(names, start);
  use.worker = names[start.worker];
  use.cpu = start.cpu;
  use.rescued = start.rescued;
  use.inactive = start.inactive;
  use.behind = start.behind;
  if (start.behind > 0) {
    use.behind_work = names[start.behind_work];
    use.behind_worker = names[start.behind_worker];
  }
  use.creation = start.creation;
  use.cpu_wait = start.cpu_wait;
  use.way = start.way;
  use.bh = start.bh;
  use.cpu_taken_by = task_text(names, start.cpu_taken_by, start.cpu_taken_by_pid);
  return use;
}

class Builder {
 public:
  Builder(System& system, const std::vector<Time>& busy) : system_(system), busy_(busy) {}

  WorkqueueUse build() const {
    const scenario::Scenario& scenario = system_.scenario();
    const Interpreter& interpreter = system_.interpreter();
    WorkqueueUse use;
    for (std::size_t i = 0; i < scenario.works.size(); ++i) {
      const auto queue = static_cast<std::size_t>(scenario.works[i].workqueue);
      use.works.push_back(work_use(scenario.works[i].name, scenario.workqueues[queue].name,
                                   interpreter.work_stats(i)));
    }
    for (std::size_t i = 0; i < scenario.workqueues.size(); ++i) {
      const WorkStats& stats = interpreter.workqueue_stats(i);
      const std::string& name = scenario.workqueues[i].name;
      if (stats.queued != 0) use.queues.push_back(work_use(name, name, stats));
    }
    add_pools(use);
    const workqueue::Workqueues& workqueues = system_.workqueues();
    add_lock(use, "wq_pool_mutex", workqueues.wq_pool_mutex());
    add_lock(use, "wq_pool_attach_mutex", workqueues.wq_pool_attach_mutex());
    add_lock(use, "wq_mayday_lock", workqueues.wq_mayday_lock());
    for (const auto& wq : workqueues.workqueues()) add_node_locks(use, *wq);
    return use;
  }

 private:
  [[nodiscard]] WorkUse work_use(const std::string& of, const std::string& queue,
                                 const WorkStats& stats) const {
    WorkUse use{.name = of,
                .workqueue = queue,
                .queued = stats.queued,
                .started = stats.started,
                .ended = stats.ended,
                .queue_to_start = latency_of(stats.queue_to_start),
                .start_to_end = latency_of(stats.start_to_end),
                .worst = late_uses(system_, stats)};
    return use;
  }

  [[nodiscard]] double idle_share(const WorkerPool& pool) const {
    const cpu::CpuMask& cpus = pool.cpu < 0 ? pool.attrs.pod_cpumask : pool.attrs.cpumask;
    Time busy = 0;
    for (int cpu : cpus) busy += busy_[static_cast<std::size_t>(cpu)];
    const double whole = static_cast<double>(system_.now()) * cpus.count();
    return whole > 0 ? 1 - static_cast<double>(busy) / whole : 1;
  }

  [[nodiscard]] PoolUse pool_use(const WorkerPool& pool, std::uint64_t works) const {
    PoolUse use;
    use.id = pool.id;
    use.name = pool_name(pool);
    use.works = works;
    use.now = pool.nr_workers;
    use.at_boot = pool.nr_workers - static_cast<int>(pool.created) + static_cast<int>(pool.culled);
    use.least = pool.least_workers;
    use.most = pool.most_workers;
    use.most_since = pool.most_since;
    use.changes = pool.changes;
    use.nr_changes = pool.nr_changes;
    use.created = pool.created;
    use.culled = pool.culled;
    use.rescued = pool.rescued;
    use.contentions = pool.lock.contentions;
    use.lock_waited = pool.lock.waited;
    use.idle = idle_share(pool);
    return use;
  }

  void add_pools(WorkqueueUse& use) const {
    const auto& pools = system_.workqueues().pools();
    std::vector<std::uint64_t> works(pools.size());
    for (const auto& wq : system_.workqueues().workqueues()) {
      for (const auto& pwq : wq->pwqs) {
        works[static_cast<std::size_t>(pwq->pool->id)] += pwq->stats[workqueue::kStarted];
      }
    }
    for (const auto& pool : pools) {
      if (pool == nullptr) continue;
      const std::uint64_t started = works[static_cast<std::size_t>(pool->id)];
      if (started + pool->created + pool->culled + pool->rescued == 0) continue;
      use.pools.push_back(pool_use(*pool, started));
    }
  }

  template <class Lock>
  static void add_lock(WorkqueueUse& use, std::string_view name, const Lock& lock) {
    if (lock.contentions == 0) return;
    use.locks.push_back({std::string(name), lock.contentions, lock.waited});
  }

  static void add_node_locks(WorkqueueUse& use, const workqueue::Workqueue& wq) {
    const std::size_t nodes = wq.node_nr_active.size();
    for (std::size_t i = 0; i < nodes; ++i) {
      const std::string where = i + 1 == nodes ? "no node" : fmt::format("node {}", i);
      add_lock(use, fmt::format("nna->lock of {}, {}", wq.name, where), wq.node_nr_active[i].lock);
    }
  }

  System& system_;
  const std::vector<Time>& busy_;
};

}  // namespace

std::vector<LateUse> late_uses(System& system, const WorkStats& stats) {
  std::vector<LateUse> uses;
  for (const LateStart& start : stats.worst) {
    if (start.latency > 0) uses.push_back(late_use(system.trace().names(), start));
  }
  return uses;
}

std::string pool_name(const WorkerPool& pool) {
  const std::string_view nice = pool.attrs.nice < 0 ? " highpri" : "";
  if (pool.owner != nullptr) {
    return pool.cpu < 0 ? pool.owner->name : fmt::format("{}/{}", pool.owner->name, pool.cpu);
  }
  if (pool.cpu < 0) return fmt::format("unbound {}{}", pool.attrs.pod_cpumask.to_list(), nice);
  const bool bh = (pool.flags & workqueue::kPoolBh) != 0;
  return fmt::format("CPU {}{}{}", pool.cpu, bh ? " bh" : "", nice);
}

WorkqueueUse workqueue_use(System& system, const std::vector<Time>& busy) {
  return Builder(system, busy).build();
}

}  // namespace kt::run
