// kernel/workqueue.c: what workqueues do when a CPU comes or goes: its workers are cut off from it
// and tied to it again, and the slots of unbound queues follow the pods that have CPUs online.
#include <cerrno>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

// A pool that never had a worker gets its first one.
Co<int> Workqueues::workqueue_prepare_cpu(int cpu) {
  for (const bool highpri : {false, true}) {
    WorkerPool& pool = cpu_pool(cpu, highpri);
    if (pool.nr_workers != 0) continue;
    const Worker* worker = co_await create_worker(pool);
    if (worker == nullptr) co_return -ENOMEM;
  }
  co_return 0;
}

// Running and queued works stay with their pool, whose workers may run anywhere now: one each.
// kernel/workqueue.c: unbind_workers
Co<> Workqueues::unbind_workers(WorkerPool& pool) {
  co_await base_.mutexes.lock(wq_pool_attach_mutex_);
  co_await lock(pool);
  for (Worker& worker : pool.workers) worker.flags |= kWorkerUnbound;
  pool.flags |= kPoolDisassociated;
  machine_.touch(&pool.nr_running, cpu::Access::kWrite);
  pool.nr_running = 0;
  works_moved_ += pool.worklist.size();
  if (!machine_.bugs.have(Bug::kWq12)) co_await kick_pool(pool);
  co_await unlock(pool);
  for (Worker& worker : pool.workers) co_await unbind_worker(worker);
  co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
}

// First their affinity, of all of them; then they count again, each from its next cycle on.
// kernel/workqueue.c: rebind_workers
Co<> Workqueues::rebind_workers(WorkerPool& pool) {
  for (Worker& worker : pool.workers) {
    base_.kthreads.kthread_set_per_cpu(*worker.task, pool.cpu);
    co_await scheduler_.set_cpus_allowed(*worker.task, pool.allowed_cpus(), false);
  }
  co_await lock(pool);
  pool.flags &= ~std::uint32_t{kPoolDisassociated};
  works_moved_ += pool.worklist.size();
  for (Worker& worker : pool.workers) {
    worker.flags |= kWorkerRebound;
    worker.flags &= ~std::uint32_t{kWorkerUnbound};
  }
  co_await unlock(pool);
}

// kernel/workqueue.c: restore_unbound_workers_cpumask
Co<> Workqueues::restore_unbound_workers_cpumask(WorkerPool& pool, int cpu) {
  if (!pool.attrs.cpumask.test(cpu)) co_return;
  const CpuMask mask = pool.attrs.cpumask & machine_.online_mask();
  for (Worker& worker : pool.workers) {
    co_await scheduler_.set_cpus_allowed(*worker.task, mask, false);
  }
}

// On the CPU's own thread of hotplug, also to undo workqueue_offline_cpu().
Co<> Workqueues::workqueue_online_cpu(int cpu) {
  co_await base_.mutexes.lock(wq_pool_mutex_);
  online_cpumask_.set(cpu);
  for (std::size_t id = 0; id < pools_.size(); ++id) {
    WorkerPool* pool = pools_[id].get();
    if (pool == nullptr || (pool->flags & kPoolBh) != 0) continue;
    co_await base_.mutexes.lock(wq_pool_attach_mutex_);
    if (pool->cpu == cpu) {
      co_await rebind_workers(*pool);
    } else if (pool->cpu < 0) {
      co_await restore_unbound_workers_cpumask(*pool, cpu);
    }
    co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
  }
  co_await update_pods(cpu);
  co_await base_.mutexes.unlock(wq_pool_mutex_);
}

Co<> Workqueues::workqueue_offline_cpu(int cpu) {
  for (const bool highpri : {false, true}) co_await unbind_workers(cpu_pool(cpu, highpri));
  co_await base_.mutexes.lock(wq_pool_mutex_);
  online_cpumask_.clear(cpu);
  co_await update_pods(cpu);
  co_await base_.mutexes.unlock(wq_pool_mutex_);
}

// The slots of all CPUs in the pod of one that comes or goes.
Co<> Workqueues::update_pods(int cpu) {
  for (std::size_t i = 0; i < list_.size(); ++i) {
    Workqueue& wq = *list_[i];
    if (!wq.unbound() || wq.destroyed || wq.dfl_pwq == nullptr) continue;
    const Pods& pods = pods_of(wq.unbound_attrs->affn_scope);
    const auto pod = static_cast<std::size_t>(pods.pod_of[static_cast<std::size_t>(cpu)]);
    for (const int member : pods.cpus[pod]) co_await unbound_wq_update_pwq(wq, member);
    co_await base_.mutexes.lock(wq.mutex);
    wq_update_node_max_active(wq);
    co_await base_.mutexes.unlock(wq.mutex);
  }
}

// kernel/workqueue.c: unbound_wq_update_pwq. Without memory for a new pool the slot falls back to
// that of the whole mask.
Co<> Workqueues::unbound_wq_update_pwq(Workqueue& wq, int cpu) {
  if (wq.ordered()) co_return;
  const WorkqueueAttrs attrs =
      pod_attrs(effective_attrs(*wq.unbound_attrs, unbound_cpumask_), cpu);
  Pwq*& slot = wq.cpu_pwq[static_cast<std::size_t>(cpu)];
  if (same_pool(attrs, slot->pool->attrs)) co_return;
  co_await machine_.run(costs().pwq_alloc);
  WorkerPool* pool = co_await get_manned_pool(attrs);
  co_await base_.mutexes.lock(wq.mutex);
  Pwq& old = *slot;
  if (pool != nullptr) {
    slot = &new_pwq(wq, *pool);
  } else {
    get_pwq(*wq.dfl_pwq);
    slot = wq.dfl_pwq;
  }
  co_await base_.mutexes.unlock(wq.mutex);
  co_await put_pwq_unlocked(old);
}

namespace {

// struct wq_drain_dead_softirq_work, on the stack of the caller.
struct DrainDead : Work {
  WorkerPool* pool = nullptr;
  locking::Completion done;
};

}  // namespace

// Bottom halves that a CPU has left behind run here, in a work of the same kind.
// kernel/workqueue.c: workqueue_softirq_dead
Co<> Workqueues::workqueue_softirq_dead(int cpu) {
  if (machine_.bugs.have(Bug::kSb09)) co_return;
  for (const bool highpri : {false, true}) {
    WorkerPool& pool = bh_pool(cpu, highpri);
    if (!pool.need_more_worker()) continue;
    DrainDead drain;
    drain.pool = &pool;
    init_work(drain, &drain_dead_softirq_workfn, "drain_dead_softirq_workfn",
              timers::Timers::stack_address(scheduler_.current()));
    works_moved_ += pool.worklist.size();
    co_await queue_work(highpri ? *system_.bh_highpri : *system_.bh, drain);
    co_await base_.completions.wait_for_completion(
        drain.done, sched::kTaskUninterruptible, timers::kMaxScheduleTimeout,
        {sched::WaitKind::kWorkFlush, drain.function_name, nullptr});
  }
}

Co<> Workqueues::drain_dead_softirq_workfn(Workqueues& workqueues, Work& work) {
  DrainDead& drain = static_cast<DrainDead&>(work);
  WorkerPool& pool = *drain.pool;
  pool.flags |= kPoolBhDraining;
  while (pool.need_more_worker()) co_await workqueues.bh_worker(pool.workers.front());
  pool.flags &= ~std::uint32_t{kPoolBhDraining};
  co_await workqueues.base_.completions.complete(drain.done);
}

}  // namespace kt::workqueue
