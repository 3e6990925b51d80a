// kernel/workqueue.c: workqueues of bottom halves: pools without threads, whose one pseudo worker
// runs in the TASKLET and HI softirqs of its CPU.
#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

namespace {

constexpr int kBhWorkerRestarts = 10;      // BH_WORKER_RESTARTS
constexpr Time kBhWorkerTime = 2'000'000;  // BH_WORKER_JIFFIES, ns

}  // namespace

// From any context, under the pool's lock.
Co<> Workqueues::kick_bh_pool(WorkerPool& pool) {
  const softirq::Vec vec = pool.attrs.nice < 0 ? softirq::Vec::kHi : softirq::Vec::kTasklet;
  if ((pool.flags & kPoolBhDraining) != 0) return {};  // who drains it looks again
  return base_.softirqs.raise_on(pool.cpu, vec);
}

Co<> Workqueues::workqueue_softirq_action(void* self, Cpu& cpu, bool highpri) {
  Workqueues& workqueues = *static_cast<Workqueues*>(self);
  WorkerPool& pool = workqueues.bh_pool(cpu.id(), highpri);
  if (!pool.need_more_worker()) return {};
  return workqueues.bh_worker(pool.workers.front());
}

// The shape of worker_thread(), with bounds: the softirq comes back for the rest.
Co<> Workqueues::bh_worker(Worker& worker) {
  WorkerPool& pool = *worker.pool;
  const timers::Ticks& ticks = base_.timers.ticks();
  const timers::Jiffies end =
      base_.timers.jiffies() +
      std::max<timers::Jiffies>(static_cast<timers::Jiffies>(kBhWorkerTime / ticks.period), 1);
  int restarts = kBhWorkerRestarts;
  co_await lock(pool);
  worker_leave_idle(worker);
  if (pool.need_more_worker()) {
    worker_clr_flags(worker, kWorkerPrep | kWorkerRebound);
    do {
      if (assign_work(pool.worklist.front(), worker)) co_await process_scheduled_works(worker);
    } while (pool.keep_working() && --restarts != 0 &&
             timers::time_before(base_.timers.jiffies(), end));
    worker_set_flags(worker, kWorkerPrep);
  }
  worker_enter_idle(worker);
  co_await kick_pool(pool);
  co_await unlock(pool);
}

}  // namespace kt::workqueue
