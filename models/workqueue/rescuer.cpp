// kernel/workqueue.c: the rescuers of queues with WQ_MEM_RECLAIM: one thread each, which runs the
// works of its queue on pools that cannot make a worker.
#include <fmt/format.h>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

namespace {

constexpr Time kMaydayInterval = 100'000'000;  // MAYDAY_INTERVAL
constexpr int kRescuerBatch = 16;              // RESCUER_BATCH

}  // namespace

// A manager has been at it for too long: calls for help, again and again.
Co<> Workqueues::pool_mayday_timeout(timers::Timers& timers, timers::KernelTimer& timer) {
  WorkerPool& pool = *static_cast<WorkerPool*>(timer.object);
  Workqueues& workqueues = *pool.workqueues;
  co_await workqueues.lock(pool);
  co_await workqueues.base_.spinlocks.lock(workqueues.wq_mayday_lock_);
  if (pool.need_to_create_worker()) {
    for (Work& work : pool.worklist) co_await workqueues.send_mayday(*work.pwq);
  }
  co_await workqueues.base_.spinlocks.unlock(workqueues.wq_mayday_lock_);
  co_await workqueues.unlock(pool);
  co_await timers.mod_timer(timer, timers.jiffies() + timers.ticks().from_time(kMaydayInterval));
}

Co<> Workqueues::send_mayday(Pwq& pwq) {
  if (pwq.wq->rescuer == nullptr || pwq.mayday_node.is_linked()) co_return;
  get_pwq(pwq);
  pwq.wq->maydays.push_back(pwq);
  ++pwq.stats[kMayday];
  co_await scheduler_.wake_up_process(*pwq.wq->rescuer->task);
}

// The next work of this pwq behind the cursor, if the pool still needs help. Under its lock.
bool Workqueues::assign_rescuer_work(Pwq& pwq, Worker& rescuer) {
  WorkerPool& pool = *pwq.pool;
  if (pwq.nr_active == 0 || !pool.need_to_create_worker()) return false;
  Work& cursor = pwq.mayday_cursor;
  WorkList::iterator at = pool.worklist.begin();
  if (cursor.is_linked()) at = std::next(WorkList::s_iterator_to(cursor));
  while (at != pool.worklist.end()) {
    Work& work = *at;
    if (work.pwq != &pwq) {
      ++at;
      continue;
    }
    // Linked works move as one: what follows them is known before.
    WorkList::iterator after = at;
    while (after->linked) ++after;
    ++after;
    if (assign_work(work, rescuer)) {
      ++pwq.stats[kRescued];
      ++pool.rescued;
      if (cursor.is_linked()) cursor.unlink();
      pool.worklist.insert(after, cursor);
      return true;
    }
    at = after;
  }
  return false;
}

// One turn with one pwq; kernel/workqueue.c: the body of rescuer_thread()'s loop.
Co<> Workqueues::rescue(Worker& rescuer, Pwq& pwq) {
  WorkerPool& pool = *pwq.pool;
  Workqueue& wq = *rescuer.rescue_wq;
  co_await worker_attach_to_pool(rescuer, pool);
  co_await lock(pool);
  int count = 0;
  while (assign_rescuer_work(pwq, rescuer)) {
    co_await process_scheduled_works(rescuer);
    if (++count <= kRescuerBatch || wq.maydays.empty() || pwq.nr_active == 0 ||
        !pool.need_to_create_worker()) {
      continue;
    }
    co_await base_.spinlocks.lock(wq_mayday_lock_);
    if (wq.rescuer != nullptr && !pwq.mayday_node.is_linked()) {  // others first
      get_pwq(pwq);
      wq.maydays.push_back(pwq);
    }
    co_await base_.spinlocks.unlock(wq_mayday_lock_);
    break;
  }
  if (pwq.mayday_cursor.is_linked() && !pwq.mayday_node.is_linked()) pwq.mayday_cursor.unlink();
  co_await kick_pool(pool);
  co_await unlock(pool);
  co_await worker_detach_from_pool(rescuer);
  co_await lock(pool);  // put_pwq_unlocked()
  co_await put_pwq(pwq);
  co_await unlock(pool);
}

Co<int> Workqueues::rescuer_thread(kthread::Kthreads& kthreads, Task& self, void* data) {
  Worker& rescuer = *static_cast<Worker*>(data);
  Workqueue& wq = *rescuer.rescue_wq;
  Workqueues& workqueues = *wq.workqueues;
  if (!rescuer.booted) {
    co_await kthreads.scheduler().set_user_nice(self, kHighpriNice);
    co_await workqueues.set_pf_worker(self, true);
  }
  locking::Spinlocks& spinlocks = workqueues.base_.spinlocks;
  for (;;) {
    self.state = sched::kTaskIdle;
    self.wait = {sched::WaitKind::kWorkerIdle, 0, nullptr};
    const bool should_stop = kthread::Kthreads::should_stop(self);
    co_await spinlocks.lock_irqsave(workqueues.wq_mayday_lock_);
    while (!wq.maydays.empty()) {
      Pwq& pwq = wq.maydays.front();
      self.state = sched::kTaskRunning;
      self.wait = {};
      pwq.mayday_node.unlink();
      co_await spinlocks.unlock_irqrestore(workqueues.wq_mayday_lock_);
      co_await workqueues.rescue(rescuer, pwq);
      co_await spinlocks.lock_irqsave(workqueues.wq_mayday_lock_);
    }
    co_await spinlocks.unlock_irqrestore(workqueues.wq_mayday_lock_);
    if (should_stop) break;
    co_await kthreads.scheduler().schedule();
    self.wait = {};
  }
  self.state = sched::kTaskRunning;
  self.wait = {};
  co_await workqueues.set_pf_worker(self, false);
  co_return 0;
}

const CpuMask& Workqueues::rescuer_cpumask(const Workqueue& wq) const {
  return wq.unbound() ? wq.dfl_pwq->pool->attrs.pod_cpumask : machine_.topology().possible();
}

// Under wq_pool_mutex, which a slow fork keeps from everybody else. False: -ENOMEM.
Co<bool> Workqueues::init_rescuer(Workqueue& wq) {
  if ((wq.flags & kWqMemReclaim) == 0) co_return true;
  Worker& rescuer = alloc_worker();
  rescuer.rescue_wq = &wq;
  const kthread::Created created = co_await base_.kthreads.kthread_create(
      fmt::format("kworker/R-{}", wq.name), &rescuer_thread, &rescuer);
  if (created.task == nullptr) {
    free_worker(rescuer);
    co_return false;
  }
  rescuer.task = created.task;
  wq.rescuer = &rescuer;
  co_await base_.kthreads.kthread_bind_mask(*created.task, rescuer_cpumask(wq));
  co_await scheduler_.wake_up_process(*created.task);
  co_return true;
}

void Workqueues::boot_rescuer(Workqueue& wq) {
  Worker& rescuer = alloc_worker();
  rescuer.rescue_wq = &wq;
  Task& k = base_.kthreads.boot_thread(fmt::format("kworker/R-{}", wq.name), &rescuer_thread,
                                       &rescuer, sched::kTaskIdle);
  scheduler_.init_policy(k, sched::Policy::kNormal, 0, kHighpriNice);
  k.flags |= sched::kPfNoSetaffinity | sched::kPfWqWorker;
  scheduler_.set_cpus_mask(k, rescuer_cpumask(wq));
  rescuer.booted = true;
  rescuer.task = &k;
  wq.rescuer = &rescuer;
}

}  // namespace kt::workqueue
