// kernel/workqueue.c: worker_thread and what it runs: process_scheduled_works, process_one_work.
#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

using trace::Event;

Co<int> Workqueues::worker_thread(kthread::Kthreads& kthreads, Task& self, void* data) {
  Worker& worker = *static_cast<Worker*>(data);
  WorkerPool& pool = *worker.pool;
  Workqueues& workqueues = *pool.workqueues;
  if (!worker.booted) co_await workqueues.set_pf_worker(self, true);
  for (;;) {
    co_await workqueues.lock(pool);
    if ((worker.flags & kWorkerDie) != 0) break;
    workqueues.worker_leave_idle(worker);
    if (pool.need_more_worker()) co_await workqueues.work(worker);
    // Workers are woken under the lock, or from this CPU: no wakeup is lost.
    workqueues.worker_enter_idle(worker);
    self.state = sched::kTaskIdle;
    self.wait = {sched::WaitKind::kWorkerIdle, 0, nullptr};
    co_await workqueues.unlock(pool);
    co_await kthreads.scheduler().schedule();
    self.wait = {};
  }
  co_await workqueues.unlock(pool);
  co_await workqueues.set_pf_worker(self, false);
  worker.pool = nullptr;
  pool.free_worker_id(worker.id);
  co_return 0;
}

// From "recheck" of worker_thread() on: there is a work that nobody runs. Under the lock.
Co<> Workqueues::work(Worker& worker) {
  WorkerPool& pool = *worker.pool;
  while (!pool.may_start_working() && (pool.flags & kPoolManagerActive) == 0) {
    co_await manage_workers(worker);
    if (!pool.need_more_worker()) co_return;
  }
  worker_clr_flags(worker, kWorkerPrep | kWorkerRebound);
  do {
    if (assign_work(pool.worklist.front(), worker)) {
      co_await process_scheduled_works(worker);
    }
  } while (pool.keep_working());
  worker_set_flags(worker, kWorkerPrep);
}

Co<> Workqueues::set_pf_worker(Task& self, bool worker) {
  co_await base_.mutexes.lock(wq_pool_attach_mutex_);
  if (worker) {
    self.flags |= sched::kPfWqWorker;
  } else {
    self.flags &= ~std::uint32_t{sched::kPfWqWorker};
  }
  co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
}

void Workqueues::worker_enter_idle(Worker& worker) {
  WorkerPool& pool = *worker.pool;
  KT_ASSERT((worker.flags & kWorkerIdle) == 0, "worker {} is idle already", worker.id);
  worker.flags |= kWorkerIdle;
  ++pool.nr_idle;
  worker.last_active = base_.timers.jiffies();
  if (worker.task != nullptr) worker.run_delay = worker.task->stats.run_delay;
  pool.idle_list.push_front(worker);
  if (pool.too_many_workers() && !pool.idle_timer.pending()) {
    base_.timers.add_timer(pool.idle_timer, worker.last_active + idle_timeout());
  }
}

void Workqueues::worker_leave_idle(Worker& worker) {
  worker_clr_flags(worker, kWorkerIdle);
  --worker.pool->nr_idle;
  worker.entry.unlink();
}

// Moves the work and those linked behind it to the end of a list.
void Workqueues::move_linked_works(Work& work, WorkList& to) {
  WorkList::iterator at = WorkList::s_iterator_to(work);
  for (bool more = true; more;) {
    Work& each = *at++;
    more = each.linked;
    each.unlink();
    to.push_back(each);
  }
}

// True if the work is the worker's now. Otherwise another worker of the pool executes the same
// work: it gets this instance too. Under the lock.
bool Workqueues::assign_work(Work& work, Worker& worker) {
  WorkerPool& pool = *worker.pool;
  if (&work == &work.pwq->mayday_cursor) {  // a rescuer's mark, left behind
    work.unlink();
    return false;
  }
  Worker* collision = pool.find_worker_executing_work(work);
  move_linked_works(work, collision != nullptr ? collision->scheduled : worker.scheduled);
  return collision == nullptr;
}

Co<> Workqueues::process_scheduled_works(Worker& worker) {
  if (!worker.scheduled.empty()) worker.pool->watchdog_ts = base_.timers.jiffies();
  while (!worker.scheduled.empty()) {
    co_await process_one_work(worker, worker.scheduled.front());
  }
}

// Hashes the worker as busy and takes the work off its list.
void Workqueues::claim(Worker& worker, Work& work) {
  WorkerPool& pool = *worker.pool;
  if ((pool.flags & kPoolDisassociated) == 0) {
    KT_ASSERT(machine_.this_cpu().id() == pool.cpu, "a worker of pool {} runs on CPU {}", pool.id,
              machine_.this_cpu().id());
  }
  worker.current_work = &work;
  worker.current_func = work.function;
  worker.previous_name = std::exchange(worker.current_name, work.function_name);
  worker.current_address = work.address;
  worker.current_pwq = work.pwq;
  worker.current_color = work.color;
  worker.before = pool.taken;
  if (worker.rescue_wq == nullptr) {
    pool.taken = {machine_.now(), work.function_name, scheduler_.current().comm};
  }
  if (worker.task != nullptr) worker.current_at = worker.task->se.sum_exec_runtime;
  worker.desc = work.pwq->wq->name_id;
  pool.hash_busy(worker);
  work.unlink();
}

void Workqueues::note_start(Worker& worker, const Queueing& queueing) {
  worker.started_at = machine_.now();
  if (worker.current_func == &wq_barrier_func) return;  // nobody queued it: it ends a flush
  const Time latency = worker.started_at - queueing.queued_at;
  for (WorkStats* stats : {queueing.stats, worker.current_pwq->wq->stats}) {
    if (stats == nullptr) continue;
    ++stats->started;
    stats->queue_to_start.record(latency);
    if (stats->among_worst(latency)) stats->keep(late_start(worker, queueing));
  }
}

void Workqueues::note_end(Worker& worker, WorkStats* of_work) {
  worker.ended_at = machine_.now();
  if (worker.task != nullptr) worker.run_delay = worker.task->stats.run_delay;
  if (worker.current_func == &wq_barrier_func) return;
  const Time duration = worker.ended_at - worker.started_at;
  for (WorkStats* stats : {of_work, worker.current_pwq->wq->stats}) {
    if (stats == nullptr) continue;
    ++stats->ended;
    stats->start_to_end.record(duration);
  }
}

Co<> Workqueues::process_one_work(Worker& worker, Work& work) {
  WorkerPool& pool = *worker.pool;
  Pwq& pwq = *work.pwq;
  claim(worker, work);
  const bool was_inactive = work.inactive;
  const std::uint64_t address = work.address;
  co_await machine_.run(costs().work_item);
  if ((pwq.wq->flags & kWqCpuIntensive) != 0) worker_set_flags(worker, kWorkerCpuIntensive);
  // A counted worker is running itself; the others start the next one here.
  co_await kick_pool(pool);
  work.pwq = nullptr;
  work.pool = pool.id;
  work.on_bh = (pool.flags & kPoolBh) != 0;
  work.inactive = work.linked = false;
  machine_.touch(&work, cpu::Access::kWrite);
  const Queueing queueing = work;
  work.pending = false;  // from here on it may be queued again, or freed
  ++pwq.stats[kStarted];
  co_await unlock(pool);
  machine_.this_cpu().trace(Event::kWorkqueueExecuteStart, address, worker.current_name);
  note_start(worker, queueing);
  co_await work.function(*this, work);
  machine_.touch(&work, cpu::Access::kRelease);
  machine_.this_cpu().trace(Event::kWorkqueueExecuteEnd, address, worker.current_name);
  ++pwq.stats[kCompleted];
  note_end(worker, queueing.stats);
  if (worker.task != nullptr) {
    check_leaks(worker);
    co_await scheduler_.cond_resched();
  }
  co_await lock(pool);
  worker_clr_flags(worker, kWorkerCpuIntensive);
  pool.unhash_busy(worker);
  worker.current_work = nullptr;
  worker.current_func = nullptr;
  worker.current_pwq = nullptr;
  co_await pwq_dec_nr_in_flight(pwq, worker.current_color, was_inactive);
}

void Workqueues::check_leaks(const Worker& worker) const {
  if (worker.task->preempt_count == 0) return;
  const sim::NameTable& names = machine_.trace().names();
  throw sim::Defect(
      fmt::format("BUG: workqueue leaked atomic, lock or RCU: {}[{}] preempt={:#010x} "
                  "workfn={}",
                  names[worker.task->comm], worker.task->pid, worker.task->preempt_count,
                  names[worker.current_name]));
}

}  // namespace kt::workqueue
