// kernel/workqueue.c: the attributes of unbound workqueues: apply_workqueue_attrs, and the mask of
// all of them: workqueue_set_unbound_cpumask. New pwqs take the places of the old ones, which go on
// with what they hold and are released when that has run.
#include <cerrno>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

/// What is made before anything changes (struct apply_wqattrs_ctx).
struct ApplyContext {
  Workqueue* wq = nullptr;
  WorkqueueAttrs attrs;              ///< as the user wants them
  WorkqueueAttrs effective;          ///< within the mask of all unbound queues
  std::vector<WorkerPool*> pools{};  ///< of each CPU, then that of the whole mask; a reference each
};

// kernel/workqueue.c: wqattrs_actualize_cpumask
WorkqueueAttrs Workqueues::effective_attrs(const WorkqueueAttrs& attrs,
                                           const CpuMask& unbound) const {
  WorkqueueAttrs effective = attrs;
  effective.cpumask &= unbound;
  if (effective.cpumask.empty()) effective.cpumask = unbound;
  effective.pod_cpumask = effective.cpumask;
  return effective;
}

WorkqueueAttrs Workqueues::pod_attrs(const WorkqueueAttrs& effective, int cpu) const {
  WorkqueueAttrs attrs = effective;
  if (!attrs.ordered) attrs.pod_cpumask = wq_calc_pod_cpumask(effective, cpu);
  return attrs;
}

// kernel/workqueue.c: get_unbound_pool, while workers can be made: a new pool gets its first one,
// and wq_pool_mutex is held meanwhile. Null: -ENOMEM.
Co<WorkerPool*> Workqueues::get_manned_pool(const WorkqueueAttrs& attrs) {
  WorkerPool& pool = get_unbound_pool(attrs);
  if (pool.refcnt > 1) co_return &pool;
  const Worker* worker = co_await create_worker(pool);
  if (worker != nullptr) co_return &pool;
  co_await put_unbound_pool(pool);
  co_return nullptr;
}

// Under wq_pool_mutex. False: nothing has changed.
Co<bool> Workqueues::apply_wqattrs_prepare(ApplyContext& context) {
  const int nr_cpus = machine_.nr_cpus();
  const int pwqs = context.effective.ordered ? 1 : nr_cpus + 1;
  co_await machine_.run(costs().pwq_alloc * pwqs);
  WorkerPool* dfl = co_await get_manned_pool(context.effective);
  for (int cpu = 0; cpu < nr_cpus && dfl != nullptr && !context.effective.ordered; ++cpu) {
    const WorkqueueAttrs attrs = pod_attrs(context.effective, cpu);
    WorkerPool* pool = co_await get_manned_pool(attrs);
    if (pool == nullptr) {
      co_await put_unbound_pool(*dfl);
      dfl = nullptr;
      break;
    }
    context.pools.push_back(pool);
  }
  if (dfl != nullptr) {
    context.pools.push_back(dfl);
    co_return true;
  }
  for (WorkerPool* pool : context.pools) co_await put_unbound_pool(*pool);
  co_return false;
}

// A pwq for each CPU and one for the whole mask, in the slots; the old ones are handed back, one
// for each reference that a slot had. Under wq->mutex, or while nothing runs.
std::vector<Pwq*> Workqueues::install_pwqs(const ApplyContext& context) {
  Workqueue& wq = *context.wq;
  const bool initialized = !wq.pwqs.empty();
  std::vector<Pwq*> old = std::move(wq.cpu_pwq);
  if (wq.dfl_pwq != nullptr) old.push_back(wq.dfl_pwq);
  wq.cpu_pwq.clear();
  wq.unbound_attrs = context.attrs;
  const auto nr_cpus = static_cast<std::size_t>(machine_.nr_cpus());
  if (wq.ordered()) {
    wq.dfl_pwq = &new_pwq(wq, *context.pools.back());
    wq.dfl_pwq->refcnt += static_cast<int>(nr_cpus);
    wq.dfl_pwq->plugged = initialized;  // until what is queued now has run
    wq.cpu_pwq.assign(nr_cpus, wq.dfl_pwq);
  } else {
    for (std::size_t cpu = 0; cpu < nr_cpus; ++cpu) {
      wq.cpu_pwq.push_back(&new_pwq(wq, *context.pools[cpu]));
    }
    wq.dfl_pwq = &new_pwq(wq, *context.pools.back());
  }
  wq_update_node_max_active(wq);
  return old;
}

Co<> Workqueues::apply_wqattrs_commit(const ApplyContext& context) {
  Workqueue& wq = *context.wq;
  co_await base_.mutexes.lock(wq.mutex);
  const std::vector<Pwq*> old = install_pwqs(context);
  if (wq.rescuer != nullptr) {
    co_await scheduler_.set_cpus_allowed(*wq.rescuer->task, rescuer_cpumask(wq), false);
  }
  co_await base_.mutexes.unlock(wq.mutex);
  for (Pwq* pwq : old) co_await put_pwq_unlocked(*pwq);  // apply_wqattrs_cleanup()
}

// For a queue that has no pwqs yet, before the run: pools get their workers from who boots.
void Workqueues::link_unbound_pwqs(Workqueue& wq, const WorkqueueAttrs& attrs) {
  ApplyContext context{&wq, attrs, effective_attrs(attrs, unbound_cpumask_)};
  WorkerPool& dfl = get_unbound_pool(context.effective);
  for (int cpu = 0; cpu < machine_.nr_cpus() && !attrs.ordered; ++cpu) {
    context.pools.push_back(&get_unbound_pool(pod_attrs(context.effective, cpu)));
  }
  context.pools.push_back(&dfl);
  install_pwqs(context);
}

// kernel/workqueue.c: apply_workqueue_attrs_locked. 0 or -ENOMEM.
Co<int> Workqueues::apply_workqueue_attrs_locked(Workqueue& wq, WorkqueueAttrs attrs) {
  ApplyContext context{&wq, attrs, effective_attrs(attrs, unbound_cpumask_)};
  const bool prepared = co_await apply_wqattrs_prepare(context);
  if (!prepared) co_return -ENOMEM;
  co_await apply_wqattrs_commit(context);
  co_return 0;
}

WorkqueueAttrs Workqueues::changed(const WorkqueueAttrs& attrs, const AttrsChange& change) const {
  WorkqueueAttrs result = attrs;
  if (change.nice) result.nice = *change.nice;
  if (change.cpus) result.cpumask = *change.cpus & machine_.topology().possible();
  if (change.affn_scope) result.affn_scope = *change.affn_scope;
  if (change.affn_strict) result.affn_strict = *change.affn_strict;
  result.pod_cpumask = result.cpumask;
  return result;
}

Co<int> Workqueues::apply_workqueue_attrs(Workqueue& wq, AttrsChange change) {
  check_alive(wq, "apply_workqueue_attrs");
  if (!wq.unbound()) {
    throw sim::Defect(fmt::format("apply_workqueue_attrs({}) by {}: the workqueue is not unbound",
                                  wq.name, describe(who())));
  }
  co_await base_.mutexes.lock(wq_pool_mutex_);
  const int result = co_await apply_workqueue_attrs_locked(wq, changed(*wq.unbound_attrs, change));
  co_await base_.mutexes.unlock(wq_pool_mutex_);
  co_return result;
}

// All are prepared before the first one changes. kernel/workqueue.c:
// workqueue_apply_unbound_cpumask
Co<int> Workqueues::apply_unbound_cpumask(CpuMask mask) {
  std::vector<ApplyContext> contexts;
  bool prepared = true;
  for (std::size_t i = 0; i < list_.size() && prepared; ++i) {
    Workqueue& wq = *list_[i];
    if (!wq.unbound() || (wq.flags & kWqDestroying) != 0) continue;
    contexts.push_back({&wq, *wq.unbound_attrs, effective_attrs(*wq.unbound_attrs, mask)});
    prepared = co_await apply_wqattrs_prepare(contexts.back());
  }
  if (!prepared) {
    contexts.pop_back();
    for (const ApplyContext& context : contexts) {
      for (WorkerPool* pool : context.pools) co_await put_unbound_pool(*pool);
    }
    co_return -ENOMEM;
  }
  for (const ApplyContext& context : contexts) co_await apply_wqattrs_commit(context);
  co_await base_.mutexes.lock(wq_pool_attach_mutex_);
  unbound_cpumask_ = mask;
  co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
  co_return 0;
}

Co<int> Workqueues::workqueue_set_unbound_cpumask(CpuMask mask) {
  mask &= machine_.topology().possible();
  if (mask.empty()) co_return -EINVAL;
  int result = 0;
  co_await base_.mutexes.lock(wq_pool_mutex_);
  if (mask != unbound_cpumask_) result = co_await apply_unbound_cpumask(mask);
  co_await base_.mutexes.unlock(wq_pool_mutex_);
  co_return result;
}

}  // namespace kt::workqueue
