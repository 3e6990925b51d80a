// kernel/workqueue.c: alloc_workqueue, get_unbound_pool, the pwqs of a queue.
#include <algorithm>
#include <climits>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

// A pool without workers. kernel/workqueue.c: init_worker_pool
WorkerPool& Workqueues::new_pool(const WorkqueueAttrs& attrs, int id) {
  const auto index = static_cast<std::size_t>(id);
  if (pools_.size() <= index) pools_.resize(index + 1);
  pools_[index] = std::make_unique<WorkerPool>(attrs);
  WorkerPool& pool = *pools_[index];
  pool.workqueues = this;
  pool.id = id;
  pool.flags = kPoolDisassociated;
  pool.watchdog_ts = base_.timers.jiffies();
  pool.lock.name = machine_.trace().names().intern("pool->lock");
  // Addresses beyond those of all works: pool `id`, then its two timers and its work.
  constexpr std::uint64_t kPools = 0xffff888000000000;
  const std::uint64_t address = kPools + static_cast<std::uint64_t>(id) * 0x1000;
  pool.idle_timer.function = &idle_worker_timeout;
  pool.idle_timer.function_name = idle_timer_name_;
  pool.idle_timer.flags = timers::kTimerDeferrable;
  pool.idle_timer.address = address + 0x60;
  pool.mayday_timer.function = &pool_mayday_timeout;
  pool.mayday_timer.function_name = mayday_timer_name_;
  pool.mayday_timer.address = address + 0xa8;
  pool.idle_timer.object = pool.mayday_timer.object = &pool;
  init_work(pool.idle_cull_work, &idle_cull_fn, "idle_cull_fn", address + 0x88);
  pool.idle_cull_work.object = &pool;
  return pool;
}

// Finds the unbound pool of such attributes, or makes it (without workers); a reference is taken.
WorkerPool& Workqueues::get_unbound_pool(const WorkqueueAttrs& attrs) {
  const auto first = static_cast<std::size_t>(4 * machine_.nr_cpus());
  std::size_t id = first;
  for (std::size_t i = first; i < pools_.size(); ++i) {
    if (pools_[i] == nullptr || pools_[i]->owner != nullptr) continue;
    if (same_pool(pools_[i]->attrs, attrs)) {
      ++pools_[i]->refcnt;
      return *pools_[i];
    }
  }
  while (id < pools_.size() && pools_[id] != nullptr) ++id;
  WorkqueueAttrs pool_attrs = attrs;
  pool_attrs.affn_scope = AffnScope::kDfl;  // not a property of pools
  pool_attrs.ordered = false;
  if (pool_attrs.affn_strict) pool_attrs.cpumask = machine_.topology().possible();
  WorkerPool& pool = new_pool(pool_attrs, static_cast<int>(id));
  const Pods& numa = pods_[static_cast<std::size_t>(AffnScope::kNuma)];
  for (std::size_t pod = 0; pod < numa.cpus.size(); ++pod) {
    if (!attrs.pod_cpumask.subset_of(numa.cpus[pod])) continue;
    pool.node = numa.node[pod];
    break;
  }
  return pool;
}

Pwq& Workqueues::new_pwq(Workqueue& wq, WorkerPool& pool) {
  Pwq& pwq = *wq.pwqs.emplace_back(std::make_unique<Pwq>());
  pwq.pool = &pool;
  pwq.wq = &wq;
  pwq.work_color = wq.work_color;
  pwq.mayday_cursor.pwq = &pwq;
  return pwq;
}

void Workqueues::link_percpu_pwqs(Workqueue& wq) {
  const bool highpri = (wq.flags & kWqHighpri) != 0;
  for (int cpu = 0; cpu < machine_.nr_cpus(); ++cpu) {
    WorkerPool& pool = (wq.flags & kWqBh) != 0 ? bh_pool(cpu, highpri) : cpu_pool(cpu, highpri);
    wq.cpu_pwq.push_back(&new_pwq(wq, pool));
  }
}

// A pool that one queue has for itself, on a CPU or (-1) anywhere.
WorkerPool& Workqueues::new_legacy_pool(const Workqueue& wq, int cpu) {
  const int nr_cpus = machine_.nr_cpus();
  const WorkqueueAttrs attrs(cpu < 0 ? machine_.topology().possible() : CpuMask::of(nr_cpus, cpu));
  WorkerPool& pool = new_pool(attrs, static_cast<int>(pools_.size()));
  pool.owner = &wq;
  pool.cpu = cpu;
  if (cpu < 0) return pool;
  pool.flags = 0;
  pool.node = machine_.topology().node_of(cpu);
  return pool;
}

// 2.6.35's kernel/workqueue.c: __create_workqueue_key: what it has no word for makes no difference.
void Workqueues::link_legacy_pwqs(Workqueue& wq) {
  const bool one_thread = wq.ordered();
  Pwq* pwq = nullptr;
  for (int cpu = 0; cpu < machine_.nr_cpus(); ++cpu) {
    if (pwq == nullptr || !one_thread) {
      pwq = &new_pwq(wq, new_legacy_pool(wq, one_thread ? -1 : cpu));
    } else {
      get_pwq(*pwq);
    }
    wq.cpu_pwq.push_back(pwq);
  }
}

// kernel/workqueue.c: wqattrs_pod_type. Before the topology is known there is one pod of all.
const Pods& Workqueues::pods_of(AffnScope scope) const {
  if (scope == AffnScope::kDfl) scope = params_.default_affinity_scope;
  const Pods& pods = pods_[static_cast<std::size_t>(scope)];
  return pods.cpus.empty() ? pods_[static_cast<std::size_t>(AffnScope::kSystem)] : pods;
}

CpuMask Workqueues::wq_calc_pod_cpumask(const WorkqueueAttrs& effective, int cpu) const {
  const Pods& pods = pods_of(effective.affn_scope);
  const int pod = pods.pod_of[static_cast<std::size_t>(cpu)];
  CpuMask mask = pods.cpus[static_cast<std::size_t>(pod)] & effective.cpumask;
  return mask.intersects(online_cpumask_) ? mask : effective.cpumask;
}

// The first half of kernel/workqueue.c: __alloc_workqueue: a queue without pwqs.
std::unique_ptr<Workqueue> Workqueues::make_workqueue(std::string_view name, std::uint32_t flags,
                                                      int max_active) {
  if ((flags & kWqPowerEfficient) != 0 && params_.power_efficient) flags |= kWqUnbound;
  auto owned = std::make_unique<Workqueue>();
  Workqueue& wq = *owned;
  wq.workqueues = this;
  wq.name = name.substr(0, kWqNameLength);
  wq.name_id = machine_.trace().names().intern(wq.name);
  wq.flags = params_.legacy ? flags & (kWqFreezable | kWqOrdered) : flags;
  wq.mutex.name = machine_.trace().names().intern("wq->mutex");
  if ((flags & kWqBh) != 0 || params_.legacy) {
    wq.max_active = INT_MAX;
  } else {
    wq.max_active = max_active == 0 ? kWqDflActive : std::clamp(max_active, 1, kWqMaxActive);
  }
  wq.min_active = std::min(wq.max_active, kWqDflMinActive);
  wq.saved_max_active = wq.max_active;
  wq.saved_min_active = wq.min_active;
  if (wq.unbound()) {
    wq.node_nr_active =
        std::vector<NodeNrActive>(static_cast<std::size_t>(machine_.topology().nr_nodes()) + 1);
    for (NodeNrActive& nna : wq.node_nr_active)
      nna.lock.name = machine_.trace().names().intern("nna->lock");
  }
  return owned;
}

// unbound_std_wq_attrs, ordered_wq_attrs
WorkqueueAttrs Workqueues::std_attrs(const Workqueue& wq) const {
  WorkqueueAttrs attrs(machine_.topology().possible());
  attrs.nice = (wq.flags & kWqHighpri) != 0 ? kHighpriNice : 0;
  attrs.ordered = wq.ordered();
  return attrs;
}

// alloc_workqueue() before the run, but for the threads.
Workqueue& Workqueues::new_workqueue(std::string_view name, std::uint32_t flags, int max_active,
                                     const AttrsChange& attrs) {
  Workqueue& wq = *list_.emplace_back(make_workqueue(name, flags, max_active));
  if (params_.legacy) {
    link_legacy_pwqs(wq);
  } else if (wq.unbound()) {
    link_unbound_pwqs(wq, changed(std_attrs(wq), attrs));
  } else {
    link_percpu_pwqs(wq);
  }
  return wq;
}

// Under wq_pool_mutex. False: -ENOMEM.
Co<bool> Workqueues::alloc_and_link_pwqs(Workqueue& wq, AttrsChange attrs) {
  if (wq.unbound()) {
    const int error = co_await apply_workqueue_attrs_locked(wq, changed(std_attrs(wq), attrs));
    co_return error == 0;
  }
  co_await machine_.run(costs().pwq_alloc * machine_.nr_cpus());
  link_percpu_pwqs(wq);
  co_return true;
}

Co<Workqueue*> Workqueues::alloc_workqueue(std::string_view name, std::uint32_t flags,
                                           int max_active, AttrsChange attrs) {
  std::unique_ptr<Workqueue> made = make_workqueue(name, flags, max_active);
  Workqueue& wq = *made;
  co_await base_.mutexes.lock(wq_pool_mutex_);
  const bool linked = co_await alloc_and_link_pwqs(wq, attrs);
  if (!linked) {
    dead_workqueues_.push_back(std::move(made));
    co_await base_.mutexes.unlock(wq_pool_mutex_);
    co_return nullptr;
  }
  co_await base_.mutexes.lock(wq.mutex);
  co_await wq_adjust_max_active(wq);
  co_await base_.mutexes.unlock(wq.mutex);
  list_.push_back(std::move(made));
  const bool rescued = co_await init_rescuer(wq);
  co_await base_.mutexes.unlock(wq_pool_mutex_);
  if (rescued) co_return &wq;
  co_await destroy_workqueue(wq);
  co_return nullptr;
}

}  // namespace kt::workqueue
