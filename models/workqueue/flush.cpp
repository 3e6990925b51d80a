// kernel/workqueue.c: flush_work and flush_workqueue.
#include "models/workqueue/workqueues.hpp"
#include "sim/error.hpp"

namespace kt::workqueue {

namespace {

std::uint8_t work_next_color(int color) {
  return static_cast<std::uint8_t>((color + 1) % kWorkNrColors);
}

}  // namespace

Co<> Workqueues::wq_barrier_func(Workqueues& workqueues, Work& work) {
  return workqueues.base_.completions.complete(static_cast<Barrier&>(work).done);
}

// Under the lock of the target's pool.
void Workqueues::check_flush_dependency(const Workqueue& target, const Work* work) const {
  if ((target.flags & kWqMemReclaim) != 0) return;
  const Task& current = scheduler_.current();
  const Worker* worker = current_worker(current);
  const sim::NameTable& names = machine_.trace().names();
  const std::string_view function = work != nullptr ? names[work->function_name] : "(all)";
  if ((current.flags & sched::kPfMemalloc) != 0) {
    throw sim::Defect(
        fmt::format("workqueue: PF_MEMALLOC task {}({}) is flushing !WQ_MEM_RECLAIM {}:{}",
                    current.pid, names[current.comm], target.name, function));
  }
  if (worker == nullptr || worker->current_pwq == nullptr ||
      (worker->current_pwq->wq->flags & (kWqMemReclaim | kWqLegacy)) != kWqMemReclaim) {
    return;
  }
  throw sim::Defect(fmt::format("workqueue: WQ_MEM_RECLAIM {}:{} is flushing !WQ_MEM_RECLAIM {}:{}",
                                worker->current_pwq->wq->name, names[worker->current_name],
                                target.name, function));
}

// The barrier goes behind the target, to be run by the worker that runs it. It takes no slot.
void Workqueues::insert_wq_barrier(Pwq& pwq, Barrier& barrier, Work& target, Worker* worker) {
  init_work(barrier, &wq_barrier_func, barrier_name_,
            timers::Timers::stack_address(scheduler_.current()));
  barrier.task = &scheduler_.current();
  barrier.pending = true;
  barrier.inactive = true;
  barrier.pwq = &pwq;
  if (worker != nullptr) {
    barrier.color = worker->current_color;
    worker->scheduled.push_front(barrier);
  } else {
    barrier.color = target.color;
    barrier.linked = std::exchange(target.linked, true);
    WorkList& list = target.inactive ? pwq.inactive_works : pwq.pool->worklist;
    list.insert(std::next(WorkList::s_iterator_to(target)), barrier);
  }
  ++pwq.nr_in_flight[barrier.color];
  get_pwq(pwq);
}

// False if the work is idle. Then, and only then, nothing waits.
Co<bool> Workqueues::start_flush_work(Work& work, Barrier& barrier, bool from_cancel) {
  co_await machine_.run(costs().flush_work);
  WorkerPool* pool = pool_of(work);
  if (pool == nullptr) co_return false;
  co_await lock(*pool);
  Worker* worker = nullptr;
  Pwq* pwq = work.pwq;
  if (pwq == nullptr) {
    worker = pool->find_worker_executing_work(work);
    if (worker != nullptr) pwq = worker->current_pwq;
  }
  const bool found = pwq != nullptr && pwq->pool == pool;
  if (found) {
    if (!from_cancel) check_flush_dependency(*pwq->wq, &work);
    if (worker != nullptr) check_self_flush(*worker, work, from_cancel);
    insert_wq_barrier(*pwq, barrier, work, worker);
  }
  co_await unlock(*pool);
  co_return found;
}

void Workqueues::check_self_flush(const Worker& worker, const Work& work, bool from_cancel) const {
  if (worker.task == nullptr || worker.task != &scheduler_.current()) return;
  throw sim::Defect(fmt::format("{} waits for itself: {}() by the function that runs it, in {}[{}]",
                                describe(work), from_cancel ? "cancel_work_sync" : "flush_work",
                                machine_.trace().names()[worker.task->comm], worker.task->pid));
}

// kernel/workqueue.c: __flush_work
Co<bool> Workqueues::__flush_work(Work& work, bool from_cancel) {
  if (work.function == nullptr) [[unlikely]] {
    check_initialized(work, from_cancel ? "cancel_work_sync" : "flush_work");
  }
  Barrier barrier;
  barrier.done.name = work.function_name;
  const bool waits = co_await start_flush_work(work, barrier, from_cancel);
  if (!waits) co_return false;
  if (from_cancel && work.on_bh) {  // its softirq runs on another CPU, or on top of this
    while (barrier.done.done == 0) co_await machine_.run(cpu::kSpinPoll);
    co_return true;
  }
  FlushWait wait;
  wait.task = barrier.task;
  wait.barrier = &barrier;
  wait.work = &work;
  check_circular_flush(wait);
  flush_waits_.push_back(wait);
  const sched::Wait why{sched::WaitKind::kWorkFlush, work.function_name, executor_of(work)};
  co_await base_.completions.wait_for_completion(barrier.done, sched::kTaskUninterruptible,
                                                 timers::kMaxScheduleTimeout, why);
  co_return true;
}

// Who runs it, if somebody does: for the reports.
Task* Workqueues::executor_of(const Work& work) {
  const WorkerPool* pool = pool_of(work);
  const Worker* worker = pool != nullptr ? pool->find_worker_executing_work(work) : nullptr;
  return worker != nullptr ? worker->task : nullptr;
}

Co<bool> Workqueues::flush_work(Work& work) {
  return __flush_work(work, false);
}

// A timer that runs is not waited for, but queued at once.
Co<bool> Workqueues::flush_delayed_work(DelayedWork& work) {
  machine_.this_cpu().local_irq_disable();
  const bool armed = co_await base_.timers.del_timer_sync(work.timer);
  if (armed) co_await __queue_work(work.cpu, *work.wq, work);
  machine_.this_cpu().local_irq_enable();
  const bool waited = co_await __flush_work(work, false);
  co_return waited;
}

// Marks the pwqs that have items of `flush_color` (if it is not -1) and gives new items
// `work_color`. True if there is something to wait for. Under wq->mutex.
Co<bool> Workqueues::flush_workqueue_prep_pwqs(Workqueue& wq, int flush_color, int work_color) {
  bool wait = false;
  if (flush_color >= 0) wq.nr_pwqs_to_flush = 1;
  for (std::size_t i = 0; i < wq.pwqs.size(); ++i) {
    Pwq& pwq = *wq.pwqs[i];
    co_await lock(*pwq.pool);
    if (flush_color >= 0 && pwq.nr_in_flight[static_cast<std::size_t>(flush_color)] != 0) {
      pwq.flush_color = flush_color;
      ++wq.nr_pwqs_to_flush;
      wait = true;
    }
    if (work_color >= 0) pwq.work_color = static_cast<std::uint8_t>(work_color);
    co_await unlock(*pwq.pool);
  }
  if (flush_color >= 0 && --wq.nr_pwqs_to_flush == 0) {
    co_await base_.completions.complete(wq.first_flusher->done);
  }
  co_return wait;
}

// Waits until all that is queued now has run. The items of each time between two flushes have a
// colour of their own; the flusher that waits for the oldest one wakes those behind it.
Co<> Workqueues::flush_workqueue(Workqueue& wq) {
  const Worker* self = current_worker(scheduler_.current());
  if (self != nullptr && self->current_pwq != nullptr && self->current_pwq->wq == &wq) {
    throw sim::Defect(fmt::format("flush_workqueue({}) by an item of it ({}) waits for itself",
                                  wq.name, machine_.trace().names()[self->current_name]));
  }
  check_alive(wq, "flush_workqueue");
  Flusher flusher;
  flusher.done.name = wq.name_id;
  flusher.task = &scheduler_.current();
  co_await base_.mutexes.lock(wq.mutex);
  const std::uint8_t next_color = work_next_color(wq.work_color);
  const bool overflows = next_color == wq.flush_color;
  if (!overflows) {
    flusher.flush_color = wq.work_color;
    wq.work_color = next_color;
    if (wq.first_flusher == nullptr) {
      wq.first_flusher = &flusher;
      const bool wait = co_await flush_workqueue_prep_pwqs(wq, wq.flush_color, wq.work_color);
      if (!wait) {
        wq.flush_color = next_color;
        wq.first_flusher = nullptr;
        co_await base_.mutexes.unlock(wq.mutex);
        co_return;
      }
    } else {
      wq.flusher_queue.push_back(flusher);
      co_await flush_workqueue_prep_pwqs(wq, -1, wq.work_color);
    }
  } else {
    wq.flusher_overflow.push_back(flusher);
  }
  check_flush_dependency(wq, nullptr);
  co_await base_.mutexes.unlock(wq.mutex);
  FlushWait wait;
  wait.task = flusher.task;
  wait.wq = &wq;
  wait.color = overflows ? wq.work_color : flusher.flush_color;
  if (flusher.done.done == 0) check_circular_flush(wait);
  flush_waits_.push_back(wait);
  co_await base_.completions.wait_for_completion(
      flusher.done, sched::kTaskUninterruptible, timers::kMaxScheduleTimeout,
      {sched::WaitKind::kWorkFlush, wq.name_id, nullptr});
  wait.unlink();
  if (wq.first_flusher != &flusher) co_return;
  co_await base_.mutexes.lock(wq.mutex);
  if (wq.first_flusher == &flusher) {
    wq.first_flusher = nullptr;
    co_await cascade_flushers(wq);
  }
  co_await base_.mutexes.unlock(wq.mutex);
}

// The second half of __flush_workqueue(), under wq->mutex: wakes who waited for the same colour,
// gives colours to those for whom there was none, and makes the next flusher the first.
Co<> Workqueues::cascade_flushers(Workqueue& wq) {
  for (;;) {
    while (!wq.flusher_queue.empty() && wq.flusher_queue.front().flush_color == wq.flush_color) {
      Flusher& same = wq.flusher_queue.front();
      same.entry.unlink();
      co_await base_.completions.complete(same.done);
    }
    wq.flush_color = work_next_color(wq.flush_color);
    if (!wq.flusher_overflow.empty()) {
      for (Flusher& late : wq.flusher_overflow) late.flush_color = wq.work_color;
      wq.work_color = work_next_color(wq.work_color);
      wq.flusher_queue.splice(wq.flusher_queue.end(), wq.flusher_overflow);
      co_await flush_workqueue_prep_pwqs(wq, -1, wq.work_color);
    }
    if (wq.flusher_queue.empty()) co_return;
    Flusher& next = wq.flusher_queue.front();
    next.entry.unlink();
    wq.first_flusher = &next;
    const bool wait = co_await flush_workqueue_prep_pwqs(wq, wq.flush_color, -1);
    if (wait) co_return;
    wq.first_flusher = nullptr;  // its items have gone meanwhile
  }
}

}  // namespace kt::workqueue
