// kernel/workqueue.c: wq_worker_sleeping, wq_worker_running, wq_worker_tick: the scheduler tells
// the pools of CPUs when their workers block, so that another one may start.
#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

Worker* Workqueues::current_worker(const Task& task) {
  if ((task.flags & sched::kPfWqWorker) == 0) return nullptr;
  return static_cast<Worker*>(task.kthread->data);
}

// Before the task is taken off the run queue. Plain for those that are not counted: idle ones are.
Co<> Workqueues::wq_worker_sleeping(void* self, Task& task) {
  Worker& worker = *static_cast<Worker*>(task.kthread->data);
  if ((worker.flags & kWorkerNotRunning) != 0 || worker.sleeping) return {};
  return static_cast<Workqueues*>(self)->worker_sleeping(worker);
}

Co<> Workqueues::worker_sleeping(Worker& worker) {
  WorkerPool& pool = *worker.pool;
  worker.sleeping = true;
  co_await lock(pool);
  if ((worker.flags & kWorkerNotRunning) == 0) {  // unbind_workers() may have come between
    --pool.nr_running;
    if (pool.need_more_worker()) pool.note_lifted(worker, machine_.now());
    if (kick_wanted(pool)) {
      ++worker.current_pwq->stats[kCmWakeup];
      co_await kick_pool(pool);
    }
  }
  co_await unlock(pool);
}

// When it is back on its CPU, before it returns from schedule(). Without the pool's lock: it cannot be
// preempted, and unbind_workers() runs on this CPU.
Co<> Workqueues::wq_worker_running(void* self, Task& task) {
  Worker& worker = *static_cast<Worker*>(task.kthread->data);
  if (!worker.sleeping) return {};
  return static_cast<Workqueues*>(self)->worker_running(worker);
}

Co<> Workqueues::worker_running(Worker& worker) {
  const bool counts = (worker.flags & kWorkerNotRunning) == 0;
  if (machine_.bugs.have(Bug::kWq04)) co_await machine_.run(machine_.costs().lock);
  machine_.touch(&worker.pool->nr_running, cpu::Access::kWrite);
  if (counts) ++worker.pool->nr_running;
  worker.current_at = worker.task->se.sum_exec_runtime;
  worker.sleeping = false;
}

// In the tick that hits the worker.
Co<> Workqueues::wq_worker_tick(void* self, Task& task) {
  Workqueues& workqueues = *static_cast<Workqueues*>(self);
  Worker& worker = *static_cast<Worker*>(task.kthread->data);
  if (worker.current_pwq == nullptr) return {};
  using sim::kUs;
  worker.current_pwq->stats[kCpuTime] +=
      static_cast<std::uint64_t>(workqueues.timers().ticks().period / kUs);
  const Time threshold = workqueues.params_.cpu_intensive_thresh;
  if (threshold == 0 || worker.pool->owner != nullptr || (worker.flags & kWorkerNotRunning) != 0 ||
      worker.sleeping || task.se.sum_exec_runtime - worker.current_at < threshold) {
    return {};
  }
  return workqueues.mark_cpu_intensive(worker);
}

Co<> Workqueues::mark_cpu_intensive(Worker& worker) {
  WorkerPool& pool = *worker.pool;
  co_await lock(pool);
  worker_set_flags(worker, kWorkerCpuIntensive);
  ++worker.current_pwq->stats[kCpuIntensive];
  if (pool.need_more_worker()) pool.note_lifted(worker, machine_.now());
  if (kick_wanted(pool)) {
    ++worker.current_pwq->stats[kCmWakeup];
    co_await kick_pool(pool);
  }
  co_await unlock(pool);
}

}  // namespace kt::workqueue
