// kernel/workqueue.c: drain_workqueue, destroy_workqueue.
#include <algorithm>

#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

Who Workqueues::who() const {
  const Task& current = scheduler_.current();
  return {current.comm, current.pid, machine_.now()};
}

std::string Workqueues::describe(const Who& who) const {
  return fmt::format("{}[{}] at {}", machine_.trace().names()[who.name], who.pid,
                     sim::format_time(who.at));
}

// A queue that is gone must not be touched.
void Workqueues::check_alive(const Workqueue& wq, std::string_view call) const {
  if (!wq.destroyed) return;
  throw sim::Defect(fmt::format("{}({}) by {}: the workqueue was destroyed by {}", call, wq.name,
                                describe(who()), describe(wq.destroyed_by)));
}

Co<> Workqueues::drain_workqueue(Workqueue& wq) {
  check_alive(wq, "drain_workqueue");
  co_await base_.mutexes.lock(wq.mutex);
  if (wq.nr_drainers++ == 0) {
    wq.flags |= kWqDraining;
    wq.drained_by = who();
  }
  co_await base_.mutexes.unlock(wq.mutex);
  for (bool drained = false; !drained;) {  // its works may queue others of it
    co_await flush_workqueue(wq);
    co_await base_.mutexes.lock(wq.mutex);
    drained = true;
    for (std::size_t i = 0; i < wq.pwqs.size() && drained; ++i) {
      Pwq& pwq = *wq.pwqs[i];
      co_await lock(*pwq.pool);
      drained = pwq.empty();
      co_await unlock(*pwq.pool);
    }
    if (!drained) co_await base_.mutexes.unlock(wq.mutex);
  }
  if (--wq.nr_drainers == 0) wq.flags &= ~std::uint32_t{kWqDraining};
  co_await base_.mutexes.unlock(wq.mutex);
}

// kernel/workqueue.c: pwq_busy, and what the kernel would print of it.
void Workqueues::check_idle(const Pwq& pwq) const {
  const Workqueue& wq = *pwq.wq;
  int in_flight = 0;
  for (int count : pwq.nr_in_flight) in_flight += count;
  const bool referenced = &pwq != wq.dfl_pwq && pwq.refcnt > 1;
  if (in_flight == 0 && !referenced && pwq.empty()) return;
  std::string items;
  for (const Worker& worker : pwq.pool->workers) {
    if (worker.current_pwq != &pwq || worker.task == nullptr) continue;
    items += fmt::format("; {} runs in {}[{}]", machine_.trace().names()[worker.current_name],
                         machine_.trace().names()[worker.task->comm], worker.task->pid);
  }
  const auto add_queued = [&](const Work& work) {
    items += fmt::format("; {} is queued, by {}", describe(work),
                         describe(Who{work.queued_by, work.queued_by_pid, work.queued_at}));
  };
  for (const Work& work : pwq.pool->worklist) {
    if (work.pwq == &pwq && &work != &pwq.mayday_cursor) add_queued(work);
  }
  for (const Work& work : pwq.inactive_works) add_queued(work);
  throw sim::Defect(fmt::format(
      "destroy_workqueue({}) by {}: busy pwq of pool {}: in-flight={} active={} refcnt={}{}",
      wq.name, describe(who()), pwq.pool->id, in_flight, pwq.nr_active, pwq.refcnt, items));
}

// The thread empties the maydays before it ends.
Co<> Workqueues::stop_rescuer(Workqueue& wq) {
  Worker& rescuer = *wq.rescuer;
  co_await base_.spinlocks.lock_irqsave(wq_mayday_lock_);
  wq.rescuer = nullptr;  // no new calls for help
  co_await base_.spinlocks.unlock_irqrestore(wq_mayday_lock_);
  co_await base_.kthreads.kthread_stop(*rescuer.task);
  free_worker(rescuer);
}

Co<> Workqueues::destroy_workqueue(Workqueue& wq) {
  check_alive(wq, "destroy_workqueue");
  if ((wq.flags & kWqDestroying) != 0) {
    throw sim::Defect(fmt::format("destroy_workqueue({}) by {}: {} is destroying it", wq.name,
                                  describe(who()), describe(wq.destroyed_by)));
  }
  co_await base_.mutexes.lock(wq.mutex);
  wq.flags |= kWqDestroying;
  wq.destroyed_by = who();
  co_await base_.mutexes.unlock(wq.mutex);
  co_await drain_workqueue(wq);
  if (wq.rescuer != nullptr) co_await stop_rescuer(wq);
  co_await base_.mutexes.lock(wq_pool_mutex_);
  co_await base_.mutexes.lock(wq.mutex);
  for (std::size_t i = 0; i < wq.pwqs.size(); ++i) {
    Pwq& pwq = *wq.pwqs[i];
    co_await lock(*pwq.pool);
    check_idle(pwq);
    co_await unlock(*pwq.pool);
  }
  co_await base_.mutexes.unlock(wq.mutex);
  wq.destroyed = true;
  unlist(wq);
  co_await base_.mutexes.unlock(wq_pool_mutex_);
  for (Pwq*& slot : wq.cpu_pwq) co_await put_pwq_unlocked(*std::exchange(slot, nullptr));
  Pwq* dfl = std::exchange(wq.dfl_pwq, nullptr);
  if (dfl != nullptr) co_await put_pwq_unlocked(*dfl);
}

// Off the list of all queues; whoever still names it is told so.
void Workqueues::unlist(Workqueue& wq) {
  const auto found = std::ranges::find(list_, &wq, &std::unique_ptr<Workqueue>::get);
  KT_ASSERT(found != list_.end(), "workqueue {} is not on the list", wq.name);
  dead_workqueues_.push_back(std::move(*found));
  list_.erase(found);
}

}  // namespace kt::workqueue
