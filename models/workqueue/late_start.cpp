// Why a work starts late, from what its pool and its worker remember. Nothing here decides
// anything.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

namespace {

// The part of [from, to) that lies behind `since`.
Time part(Time from, Time to, Time since) {
  return std::max<Time>(to - std::max(from, since), 0);
}

}  // namespace

LateStart Workqueues::late_start(const Worker& worker, const Work& work) const {
  const WorkerPool& pool = *worker.pool;
  const Time now = machine_.now();
  const Task& runner = scheduler_.current();
  LateStart late{.queued_at = work.queued_at,
                 .latency = now - work.queued_at,
                 .inactive = work.activated_at - work.queued_at,
                 .address = work.address,
                 .function_name = work.function_name,
                 .queued_by = work.queued_by,
                 .queued_by_pid = work.queued_by_pid,
                 .queued_on = work.queued_on,
                 .queued_from = work.queued_from,
                 .rescued = worker.rescue_wq != nullptr,
                 .cpu = machine_.this_cpu().id(),
                 .worker = runner.comm};
  // Until this worker was done with the item before, or another one slept and gave way.
  Time since = work.activated_at;
  if (worker.ended_at > since) {
    late.behind = worker.ended_at - since;
    late.behind_work = worker.previous_name;
    late.behind_worker = runner.comm;
  } else if (pool.lifted_at > since) {
    late.behind = pool.lifted_at - since;
    late.behind_work = pool.lifted_work;
    late.behind_worker = pool.lifted_by;
  }
  since += late.behind;
  const Time made = pool.manager != nullptr ? now : pool.last_creation;
  late.creation = part(pool.creating_since, made, since);
  // A manager that could not run made nothing.
  const Worker& waiter = pool.manager != nullptr ? *pool.manager : worker;
  if (waiter.task == nullptr) return late;  // bottom halves run on whatever is there
  const sched::CpuWait& wait = waiter.task->cpu_wait;
  if (late.creation == 0 || wait.to <= pool.creating_since) {
    late.cpu_wait = part(wait.from, wait.to, since);
  } else {
    late.cpu_wait = part(wait.from, wait.to, std::max(since, made));
  }
  if (late.cpu_wait > 0) {
    late.cpu_taken_by = wait.behind;
    late.cpu_taken_by_pid = wait.behind_pid;
  }
  return late;
}

}  // namespace kt::workqueue
