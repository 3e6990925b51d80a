// kernel/workqueue.c: the end of pwqs and of unbound pools: put_pwq, pwq_release_workfn,
// put_unbound_pool. What is released stays in memory until the run ends: somebody may still wait
// for its lock, as a reader under RCU may in the kernel.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

// Under the pool's lock, in any context. The last reference hands the pwq to a thread that may
// sleep.
Co<> Workqueues::put_pwq(Pwq& pwq) {
  KT_ASSERT(pwq.refcnt > 0, "a pwq of {} without references", pwq.wq->name);
  if (--pwq.refcnt != 0) return {};
  KT_ASSERT(release_thread_ != nullptr, "no pool_workqueue_release for a pwq of {}", pwq.wq->name);
  to_release_.push_back(&pwq);
  return wake_release_thread();
}

Co<> Workqueues::wake_release_thread() {
  co_await scheduler_.wake_up_process(*release_thread_);
}

Co<> Workqueues::put_pwq_unlocked(Pwq& pwq) {
  co_await lock(*pwq.pool);
  co_await put_pwq(pwq);
  co_await unlock(*pwq.pool);
}

// The kernel's is a kthread_worker, whose works are all pwq_release_workfn(): one loop with their
// list stands for both.
Co<int> Workqueues::release_thread(kthread::Kthreads& kthreads, Task& self, void* data) {
  Workqueues& workqueues = *static_cast<Workqueues*>(data);
  for (;;) {
    self.state = sched::kTaskInterruptible;
    if (workqueues.to_release_.empty()) {
      self.wait = {sched::WaitKind::kKthreadWorker, self.full_name, nullptr};
      co_await kthreads.scheduler().schedule();
      self.wait = {};
      continue;
    }
    self.state = sched::kTaskRunning;
    Pwq& pwq = *workqueues.to_release_.front();
    workqueues.to_release_.pop_front();
    co_await workqueues.pwq_release_workfn(pwq);
    co_await kthreads.scheduler().cond_resched();
  }
}

void Workqueues::boot_release_thread() {
  release_thread_ = &base_.kthreads.boot_thread("pool_workqueue_release", &release_thread, this,
                                                sched::kTaskInterruptible);
}

// Off the queue's list and into the limbo of released ones.
void Workqueues::unlink_pwq(Workqueue& wq, Pwq& pwq) {
  const auto found = std::ranges::find(wq.pwqs, &pwq, &std::unique_ptr<Pwq>::get);
  KT_ASSERT(found != wq.pwqs.end(), "a pwq of {} is not on its list", wq.name);
  dead_pwqs_.push_back(std::move(*found));
  wq.pwqs.erase(found);
}

Co<> Workqueues::pwq_release_workfn(Pwq& pwq) {
  Workqueue& wq = *pwq.wq;
  co_await base_.mutexes.lock(wq.mutex);
  unlink_pwq(wq, pwq);
  const bool is_last = wq.pwqs.empty();
  if (!is_last && wq.ordered()) co_await unplug_oldest_pwq(wq);
  co_await base_.mutexes.unlock(wq.mutex);
  if (pwq.pending_node.is_linked()) {
    NodeNrActive& nna = *wq.nr_active_of(pwq.pool->node);
    co_await base_.spinlocks.lock_irqsave(nna.lock);
    if (pwq.pending_node.is_linked()) pwq.pending_node.unlink();
    co_await base_.spinlocks.unlock_irqrestore(nna.lock);
  }
  if (pwq.pool->cpu >= 0) co_return;
  co_await base_.mutexes.lock(wq_pool_mutex_);
  co_await put_unbound_pool(*pwq.pool);
  co_await base_.mutexes.unlock(wq_pool_mutex_);
}

// An ordered queue runs what came before a change of its attributes first. Under wq->mutex.
Co<> Workqueues::unplug_oldest_pwq(Workqueue& wq) {
  Pwq& pwq = *wq.pwqs.front();
  co_await lock(*pwq.pool);
  if (pwq.plugged) {
    pwq.plugged = false;
    const bool activated = co_await pwq_activate_first_inactive(pwq, true);
    if (activated) {
      co_await pwq_activate_first_inactive(pwq, false);  // the rest waits for its turn on the node
      co_await kick_pool(*pwq.pool);
    }
  }
  co_await unlock(*pwq.pool);
}

// rcuwait_wait_event(): until nobody manages the pool. There is one waiter at most: wq_pool_mutex.
Co<> Workqueues::wait_for_manager(WorkerPool& pool) {
  Task& current = scheduler_.current();
  manager_waiter_ = &current;
  for (;;) {
    current.state = sched::kTaskUninterruptible;
    if ((pool.flags & kPoolManagerActive) == 0) break;
    co_await scheduler_.schedule();
  }
  current.state = sched::kTaskRunning;
  manager_waiter_ = nullptr;
}

// Drops a reference; the last one ends the workers and the pool. Under wq_pool_mutex.
Co<> Workqueues::put_unbound_pool(WorkerPool& pool) {
  if (--pool.refcnt != 0) co_return;
  KT_ASSERT(pool.cpu < 0 && pool.worklist.empty(), "pool {} is released in use", pool.id);
  std::unique_ptr<WorkerPool>& slot = pools_[static_cast<std::size_t>(pool.id)];
  KT_ASSERT(slot.get() == &pool, "pool {} is not in its place", pool.id);
  dead_pools_.push_back(std::move(slot));
  // Whoever makes a worker right now began before the last work ended.
  for (;;) {
    co_await wait_for_manager(pool);
    co_await base_.mutexes.lock(wq_pool_attach_mutex_);
    co_await lock(pool);
    if ((pool.flags & kPoolManagerActive) == 0) break;
    co_await unlock(pool);
    co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
  }
  pool.flags |= kPoolManagerActive;
  WorkerList<&Worker::entry> dying;
  while (pool.first_idle_worker() != nullptr) set_worker_dying(*pool.first_idle_worker(), dying);
  KT_ASSERT(pool.nr_workers == 0 && pool.nr_idle == 0, "pool {} is released with {} workers",
            pool.id, pool.nr_workers);
  co_await unlock(pool);
  co_await detach_dying_workers(dying);
  co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
  co_await reap_dying_workers(dying);
  co_await base_.timers.del_timer_sync(pool.idle_timer);
  co_await cancel_work_sync(pool.idle_cull_work);
  co_await base_.timers.del_timer_sync(pool.mayday_timer);
}

}  // namespace kt::workqueue
