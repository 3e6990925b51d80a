#include "models/workqueue/dump.hpp"

namespace kt::workqueue {

namespace {

PoolRow pool_row(const WorkerPool& pool) {
  return {.id = pool.id,
          .flags = pool.flags,
          .refcnt = pool.refcnt,
          .nice = pool.attrs.nice,
          .nr_idle = pool.nr_idle,
          .nr_workers = pool.nr_workers,
          .cpu = pool.cpu,
          .cpus = pool.attrs.cpumask,
          .pod_cpus = pool.attrs.pod_cpumask,
          .strict = pool.attrs.affn_strict};
}

std::string_view type_of(const Workqueue& wq) {
  if ((wq.flags & kWqBh) != 0) return "bh";
  if (!wq.unbound()) return "percpu";
  if (wq.ordered()) return "ordered";
  return wq.unbound_attrs->affn_strict ? "unbound,S" : "unbound";
}

QueueRow queue_row(const Workqueue& wq) {
  QueueRow row{.name = wq.name, .type = type_of(wq), .pools = {}};
  for (const Pwq* pwq : wq.cpu_pwq) row.pools.push_back(pwq->pool->id);
  if (wq.unbound()) row.dfl = wq.dfl_pwq->pool->id;
  return row;
}

RescuerRow rescuer_row(const Workqueue& wq) {
  RescuerRow row{.name = wq.name, .unbound_cpus = {}, .cpus = *wq.rescuer->task->cpus_ptr};
  row.pid = wq.rescuer->task->pid;
  if (wq.unbound_attrs) row.unbound_cpus = wq.unbound_attrs->cpumask;
  return row;
}

ActiveRow active_row(const Workqueue& wq) {
  ActiveRow row{.name = wq.name,
                .min_active = wq.min_active,
                .max_active = wq.max_active,
                .nodes = {},
                .dfl = {wq.node_nr_active.back().nr, wq.node_nr_active.back().max}};
  for (std::size_t node = 0; node + 1 < wq.node_nr_active.size(); ++node) {
    row.nodes.push_back({wq.node_nr_active[node].nr, wq.node_nr_active[node].max});
  }
  return row;
}

}  // namespace

Dump dump(const Workqueues& workqueues) {
  const cpu::Topology& topology = workqueues.machine().topology();
  Dump result{.unbound_cpus = workqueues.unbound_cpumask(),
              .online_cpus = workqueues.online_cpumask(),
              .default_scope = workqueues.params().default_affinity_scope,
              .pods = workqueues.pods(),
              .pools = {},
              .queues = {},
              .rescuers = {},
              .nodes = {},
              .active = {}};
  for (const auto& pool : workqueues.pools()) {
    if (pool != nullptr) result.pools.push_back(pool_row(*pool));
  }
  for (int node = 0; node < topology.nr_nodes(); ++node) {
    result.nodes.push_back(topology.node(node));
  }
  for (const auto& wq : workqueues.workqueues()) {
    if (wq->destroyed) continue;
    result.queues.push_back(queue_row(*wq));
    if (wq->rescuer != nullptr) result.rescuers.push_back(rescuer_row(*wq));
    if (wq->unbound()) result.active.push_back(active_row(*wq));
  }
  return result;
}

std::vector<MonitorRow> monitor(const Workqueues& workqueues) {
  std::vector<MonitorRow> rows;
  for (const auto& wq : workqueues.workqueues()) {
    if (wq->destroyed) continue;
    MonitorRow& row = rows.emplace_back();
    row.name = wq->name;
    row.unbound = wq->unbound();
    row.mem_reclaim = (wq->flags & kWqMemReclaim) != 0;
    for (const auto& pwq : wq->pwqs) {
      for (std::size_t stat = 0; stat < row.stats.size(); ++stat) {
        row.stats[stat] += pwq->stats[stat];
      }
    }
  }
  return rows;
}

std::string_view affn_scope_name(AffnScope scope) {
  constexpr std::array<std::string_view, kAffnScopes> kNames{"default", "cpu",  "smt",
                                                             "cache",   "numa", "system"};
  return kNames[static_cast<std::size_t>(scope)];
}

}  // namespace kt::workqueue
