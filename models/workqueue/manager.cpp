// kernel/workqueue.c: manage_workers, create_worker, and the culling of idle workers.
#include <fmt/format.h>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

namespace {

using sim::kSecond;
constexpr Time kCreateCooldown = kSecond;           // CREATE_COOLDOWN
constexpr Time kIdleWorkerTimeout = 300 * kSecond;  // IDLE_WORKER_TIMEOUT

}  // namespace

timers::Jiffies Workqueues::idle_timeout() const {
  return base_.timers.ticks().from_time(kIdleWorkerTimeout);
}

// MAYDAY_INITIAL_TIMEOUT: 10 ms, at least two jiffies.
timers::Jiffies Workqueues::mayday_initial_timeout() const {
  const timers::Ticks& ticks = base_.timers.ticks();
  constexpr Time kHundredth = kSecond / 100;
  return std::max<timers::Jiffies>(static_cast<timers::Jiffies>(kHundredth / ticks.period), 2);
}

// Under the lock, which it drops.
Co<> Workqueues::manage_workers(Worker& worker) {
  WorkerPool& pool = *worker.pool;
  pool.flags |= kPoolManagerActive;
  pool.manager = &worker;
  pool.creating_since = machine_.now();
  pool.manager_waits = cpu_waits(worker);
  co_await maybe_create_worker(pool);
  pool.manager = nullptr;
  pool.created_until = machine_.now();
  pool.flags &= ~std::uint32_t{kPoolManagerActive};
  if (manager_waiter_ != nullptr) co_await scheduler_.wake_up_process(*manager_waiter_);
}

Co<> Workqueues::maybe_create_worker(WorkerPool& pool) {
  timers::Timers& timers = base_.timers;
  do {
    co_await unlock(pool);
    co_await timers.mod_timer(pool.mayday_timer, timers.jiffies() + mayday_initial_timeout());
    for (;;) {
      const Worker* made = co_await create_worker(pool);
      if (made == nullptr && pool.failed_creations++ == 0) pool.failing_since = machine_.now();
      if (made != nullptr || !pool.need_to_create_worker()) break;
      scheduler_.current().state = sched::kTaskInterruptible;
      co_await timers.schedule_timeout(timers.ticks().from_time(kCreateCooldown));
      if (!pool.need_to_create_worker()) break;
    }
    pool.failed_creations = 0;
    co_await timers.del_timer_sync(pool.mayday_timer);
    co_await lock(pool);
  } while (pool.need_to_create_worker());  // the new one may be busy already
}

// A worker of no pool and without a thread.
Worker& Workqueues::alloc_worker() {
  if (free_workers_.empty()) free_workers_.push_back(&workers_.emplace_back());
  Worker& worker = *free_workers_.back();
  free_workers_.pop_back();
  worker.flags = kWorkerPrep;
  worker.task = nullptr;
  worker.pool = nullptr;
  worker.rescue_wq = nullptr;
  worker.sleeping = worker.booted = false;
  worker.desc = worker.current_name = 0;
  worker.ended_at = -1;
  worker.run_delay = 0;
  return worker;
}

Worker& Workqueues::alloc_pool_worker(WorkerPool& pool) {
  Worker& worker = alloc_worker();
  worker.id = pool.allocate_worker_id();
  worker.pool = &pool;
  return worker;
}

void Workqueues::free_worker(Worker& worker) {
  free_workers_.push_back(&worker);
}

// kernel/workqueue.c: format_worker_id
std::string Workqueues::worker_name(const Worker& worker, const WorkerPool& pool) {
  if (pool.owner != nullptr) {
    return pool.cpu < 0 ? pool.owner->name : fmt::format("{}/{}", pool.owner->name, pool.cpu);
  }
  if (pool.cpu < 0) return fmt::format("kworker/u{}:{}", pool.id, worker.id);
  return fmt::format("kworker/{}:{}{}", pool.cpu, worker.id, pool.attrs.nice < 0 ? "H" : "");
}

// The manager waits for kthreadd here. Null: no thread could be made.
Co<Worker*> Workqueues::create_worker(WorkerPool& pool) {
  Worker& worker = alloc_pool_worker(pool);
  const kthread::Created created =
      co_await base_.kthreads.kthread_create(worker_name(worker, pool), &worker_thread, &worker);
  if (created.task == nullptr) {
    pool.free_worker_id(worker.id);
    free_worker(worker);
    co_return nullptr;
  }
  Task& task = *created.task;
  worker.task = &task;
  co_await scheduler_.set_user_nice(task, pool.attrs.nice);
  co_await base_.kthreads.kthread_bind_mask(task, pool.allowed_cpus());
  co_await worker_attach_to_pool(worker, pool);
  co_await lock(pool);
  ++pool.nr_workers;
  ++pool.created;
  pool.note_workers(machine_.now());
  worker_enter_idle(worker);
  // It waits for its first wakeup, which kick_pool() might not give.
  co_await scheduler_.wake_up_process(task);
  co_await unlock(pool);
  co_return &worker;
}

void Workqueues::attach(Worker& worker, WorkerPool& pool) {
  if ((pool.flags & kPoolDisassociated) != 0) {
    worker.flags |= kWorkerUnbound;
  } else {
    base_.kthreads.kthread_set_per_cpu(*worker.task, pool.cpu);
  }
  pool.workers.push_back(worker);
  worker.pool = &pool;
}

Co<> Workqueues::worker_attach_to_pool(Worker& worker, WorkerPool& pool) {
  co_await base_.mutexes.lock(wq_pool_attach_mutex_);
  attach(worker, pool);
  if (worker.rescue_wq != nullptr) {
    co_await scheduler_.set_cpus_allowed(*worker.task, pool.allowed_cpus(), false);
  }
  co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
}

Co<> Workqueues::unbind_worker(Worker& worker) {
  base_.kthreads.kthread_set_per_cpu(*worker.task, -1);
  const bool usable = unbound_cpumask_.intersects(scheduler_.active_mask());
  co_await scheduler_.set_cpus_allowed(
      *worker.task, usable ? unbound_cpumask_ : machine_.topology().possible(), false);
}

Co<> Workqueues::worker_detach_from_pool(Worker& worker) {
  co_await base_.mutexes.lock(wq_pool_attach_mutex_);
  co_await unbind_worker(worker);
  worker.node.unlink();
  worker.pool = nullptr;
  co_await base_.mutexes.unlock(wq_pool_attach_mutex_);
  worker.flags &= ~std::uint32_t{kWorkerUnbound | kWorkerRebound};
}

// The timer of a pool that has had too many idle workers: the oldest one decides.
Co<> Workqueues::idle_worker_timeout(timers::Timers& timers, timers::KernelTimer& timer) {
  WorkerPool& pool = *static_cast<WorkerPool*>(timer.object);
  Workqueues& workqueues = *pool.workqueues;
  if (pool.idle_cull_work.pending) co_return;
  co_await workqueues.lock(pool);
  bool cull = false;
  if (pool.too_many_workers()) {
    const timers::Jiffies expires = pool.idle_list.back().last_active + workqueues.idle_timeout();
    cull = !timers::time_before(timers.jiffies(), expires);
    if (!cull) timers.add_timer(pool.idle_timer, expires);
  }
  co_await workqueues.unlock(pool);
  if (cull) co_await workqueues.queue_work(*workqueues.system_.unbound, pool.idle_cull_work);
}

// Under the lock of the pool and of the attachments.
void Workqueues::set_worker_dying(Worker& worker, WorkerList<&Worker::entry>& dying) {
  WorkerPool& pool = *worker.pool;
  --pool.nr_workers;
  --pool.nr_idle;
  ++pool.culled;
  pool.note_workers(machine_.now());
  worker.flags |= kWorkerDie;
  worker.entry.unlink();
  dying.push_back(worker);
}

Co<> Workqueues::idle_cull_fn(Workqueues& workqueues, Work& work) {
  WorkerPool& pool = *static_cast<WorkerPool*>(work.object);
  timers::Timers& timers = workqueues.base_.timers;
  WorkerList<&Worker::entry> dying;
  co_await workqueues.base_.mutexes.lock(workqueues.wq_pool_attach_mutex_);
  co_await workqueues.lock(pool);
  while (pool.too_many_workers()) {
    Worker& oldest = pool.idle_list.back();
    const timers::Jiffies expires = oldest.last_active + workqueues.idle_timeout();
    if (timers::time_before(timers.jiffies(), expires)) {
      if (!pool.idle_timer.pending()) timers.add_timer(pool.idle_timer, expires);
      break;
    }
    workqueues.set_worker_dying(oldest, dying);
  }
  co_await workqueues.unlock(pool);
  co_await workqueues.detach_dying_workers(dying);
  co_await workqueues.base_.mutexes.unlock(workqueues.wq_pool_attach_mutex_);
  co_await workqueues.reap_dying_workers(dying);
}

// Under wq_pool_attach_mutex.
Co<> Workqueues::detach_dying_workers(WorkerList<&Worker::entry>& dying) {
  for (Worker& worker : dying) {
    co_await unbind_worker(worker);
    worker.node.unlink();
  }
}

// One after the other, waiting for each to exit.
Co<> Workqueues::reap_dying_workers(WorkerList<&Worker::entry>& dying) {
  while (!dying.empty()) {
    Worker& worker = dying.front();
    worker.entry.unlink();
    co_await base_.kthreads.kthread_stop(*worker.task);
    free_worker(worker);
  }
}

}  // namespace kt::workqueue
