#include "models/kthread/kthread_worker.hpp"

#include "sim/error.hpp"

namespace kt::kthread {

using sched::Wait;
using sched::WaitKind;
using trace::Event;

namespace {

constexpr std::uint64_t kTimerOffset = 40;     // of the timer in struct kthread_delayed_work
constexpr std::uint64_t kBarrierOffset = 256;  // of a flush's work below a timer on the same stack

// kernel/kthread.c: queuing_blocked
bool queuing_blocked(const KthreadWork& work) {
  return work.list != nullptr || work.canceling != 0;
}

// kernel/kthread.c: kthread_flush_work_fn
Co<> flush_work_fn(KthreadWorkers& workers, KthreadWork& work) {
  co_await workers.kthreads().completions().complete(*static_cast<Completion*>(work.object));
}

}  // namespace

void KthreadWorkList::link(KthreadWork& work, KthreadWork* before) {
  work.list = this;
  work.next = before;
  work.previous = before != nullptr ? before->previous : tail;
  (work.previous != nullptr ? work.previous->next : head) = &work;
  (before != nullptr ? before->previous : tail) = &work;
}

bool KthreadWorkList::unlink(KthreadWork& work) {
  if (work.list == nullptr) return false;
  (work.previous != nullptr ? work.previous->next : work.list->head) = work.next;
  (work.next != nullptr ? work.next->previous : work.list->tail) = work.previous;
  work.list = nullptr;
  return true;
}

KthreadWorkers::KthreadWorkers(Kthreads& kthreads, locking::Spinlocks& spinlocks)
    : kthreads_(kthreads), spinlocks_(spinlocks) {
  sim::NameTable& names = kthreads.scheduler().machine().trace().names();
  timer_function_name_ = names.intern("kthread_delayed_work_timer_fn");
  barrier_function_name_ = names.intern("kthread_flush_work_fn");
}

const cpu::CostTable& KthreadWorkers::costs() const {
  return kthreads_.scheduler().machine().costs();
}

std::string KthreadWorkers::describe(const KthreadWork& work) const {
  const sim::NameTable& names = kthreads_.scheduler().machine().trace().names();
  return fmt::format("kthread_work {} ({:#x})", names[work.function_name], work.address);
}

void KthreadWorkers::kthread_init_work(KthreadWork& work, KthreadWork::Function function,
                                       std::string_view name, std::uint64_t address) {
  work.function = function;
  work.function_name = kthreads_.scheduler().machine().trace().names().intern(name);
  work.address = address;
}

void KthreadWorkers::kthread_init_delayed_work(KthreadDelayedWork& work,
                                               KthreadWork::Function function,
                                               std::string_view name, std::uint64_t address) {
  kthread_init_work(work, function, name, address);
  work.timer.function = &delayed_work_timer_fn;
  work.timer.function_name = timer_function_name_;
  work.timer.object = &work;
  work.timer.address = address + kTimerOffset;
  work.timer.flags = timers::kTimerIrqsafe;
}

// raw_spin_lock_irqsave(&worker->lock), and what the caller does under it.
Co<> KthreadWorkers::lock(KthreadWorker& worker, sim::Time cost) {
  if (worker.destroyed) {
    throw sim::Defect(
        fmt::format("kthread_worker {} used after kthread_destroy_worker()",
                    kthreads_.scheduler().machine().trace().names()[worker.lock.name]));
  }
  co_await spinlocks_.lock_irqsave(worker.lock);
  co_await kthreads_.scheduler().machine().run(cost);
}

// kernel/kthread.c: kthread_insert_work_sanity_check
void KthreadWorkers::check_worker(const KthreadWorker& worker, const KthreadWork& work) const {
  if (work.worker == nullptr || work.worker == &worker) return;
  const sim::NameTable& names = kthreads_.scheduler().machine().trace().names();
  throw sim::Defect(fmt::format("{} is used with two workers: {}, and before with {}",
                                describe(work), names[worker.lock.name],
                                names[work.worker->lock.name]));
}

// kernel/kthread.c: kthread_insert_work, under the lock. A worker that has a work at hand looks at
// its list again by itself.
Co<> KthreadWorkers::insert_work(KthreadWorker& worker, KthreadWork& work, KthreadWorkList& list,
                                 KthreadWork* before) {
  check_worker(worker, work);
  kthreads_.scheduler().machine().this_cpu().trace(Event::kSchedKthreadWorkQueueWork, work.address,
                                                   work.function_name, worker.address);
  list.link(work, before);
  kthreads_.scheduler().machine().touch(&work, cpu::Access::kWrite);
  work.worker = &worker;
  if (worker.current_work == nullptr && worker.task != nullptr) {
    co_await kthreads_.scheduler().wake_up_process(*worker.task);
  }
}

Co<bool> KthreadWorkers::kthread_queue_work(KthreadWorker& worker, KthreadWork& work) {
  co_await lock(worker, costs().kthread_call);
  const bool queued = !queuing_blocked(work);
  if (queued) co_await insert_work(worker, work, worker.works, nullptr);
  co_await spinlocks_.unlock_irqrestore(worker.lock);
  co_return queued;
}

// kernel/kthread.c: __kthread_queue_delayed_work, under the lock
Co<> KthreadWorkers::queue_delayed_work(KthreadWorker& worker, KthreadDelayedWork& work,
                                        timers::Jiffies delay) {
  if (delay == 0) {
    co_await insert_work(worker, work, worker.works, nullptr);
    co_return;
  }
  check_worker(worker, work);
  worker.delayed_works.link(work, worker.delayed_works.head);
  kthreads_.scheduler().machine().touch(&work, cpu::Access::kWrite);
  work.worker = &worker;
  timers::Timers& timers = kthreads_.timers();
  co_await timers.mod_timer(work.timer, timers.jiffies() + delay);
}

Co<bool> KthreadWorkers::kthread_queue_delayed_work(KthreadWorker& worker, KthreadDelayedWork& work,
                                                    timers::Jiffies delay) {
  co_await lock(worker, costs().kthread_call);
  const bool queued = !queuing_blocked(work);
  if (queued) co_await queue_delayed_work(worker, work, delay);
  co_await spinlocks_.unlock_irqrestore(worker.lock);
  co_return queued;
}

// kernel/kthread.c: kthread_delayed_work_timer_fn
Co<> KthreadWorkers::delayed_work_timer_fn(timers::Timers&, timers::KernelTimer& timer) {
  KthreadDelayedWork& work = *static_cast<KthreadDelayedWork*>(timer.object);
  KthreadWorker& worker = *work.worker;
  KthreadWorkers& workers = *worker.workers;
  co_await workers.lock(worker, workers.costs().work_item);
  if (!KthreadWorkList::unlink(work)) {
    throw sim::Defect(
        fmt::format("{} was taken off its list while its timer was armed: a delayed "
                    "work needs kthread_cancel_delayed_work_sync()",
                    workers.describe(work)));
  }
  if (work.canceling == 0) co_await workers.insert_work(worker, work, worker.works, nullptr);
  co_await workers.spinlocks_.unlock_irqrestore(worker.lock);
}

// kernel/kthread.c: kthread_cancel_delayed_work_timer. Gives the lock up meanwhile: the callback
// takes it.
Co<> KthreadWorkers::cancel_delayed_work_timer(KthreadDelayedWork& work) {
  KthreadWorker& worker = *work.worker;
  ++work.canceling;
  co_await spinlocks_.unlock_irqrestore(worker.lock);
  co_await kthreads_.timers().del_timer_sync(work.timer);
  co_await spinlocks_.lock_irqsave(worker.lock);
  --work.canceling;
}

Co<bool> KthreadWorkers::kthread_mod_delayed_work(KthreadWorker& worker, KthreadDelayedWork& work,
                                                  timers::Jiffies delay) {
  co_await lock(worker, costs().kthread_call);
  bool was_pending = false;
  bool queue = true;
  if (work.worker != nullptr) {
    check_worker(worker, work);
    co_await cancel_delayed_work_timer(work);
    queue = work.canceling == 0;  // else another call cancels it, and wins
    was_pending = queue ? KthreadWorkList::unlink(work) : true;
  }
  if (queue) co_await queue_delayed_work(worker, work, delay);
  co_await spinlocks_.unlock_irqrestore(worker.lock);
  co_return was_pending;
}

KthreadWork KthreadWorkers::make_barrier(Completion& done) {
  KthreadWork barrier;
  barrier.function = &flush_work_fn;
  barrier.object = &done;
  barrier.function_name = barrier_function_name_;
  barrier.address = timers::Timers::stack_address(kthreads_.scheduler().current()) - kBarrierOffset;
  return barrier;
}

Co<> KthreadWorkers::wait_for_barrier(const KthreadWorker& worker, Completion& done) {
  const Wait why{WaitKind::kKthreadFlush, worker.lock.name, worker.task};
  co_await kthreads_.completions().wait_for_completion(done, sched::kTaskUninterruptible,
                                                       timers::kMaxScheduleTimeout, why);
}

Co<> KthreadWorkers::kthread_flush_work(KthreadWork& work) {
  kthreads_.scheduler().machine().touch(&work, cpu::Access::kRead);
  if (work.worker == nullptr) co_return;
  KthreadWorker& worker = *work.worker;
  Completion done;
  KthreadWork barrier = make_barrier(done);
  co_await lock(worker, costs().kthread_call);
  bool wait = true;
  if (work.list != nullptr) {
    co_await insert_work(worker, barrier, *work.list, work.next);
  } else if (worker.current_work == &work) {
    co_await insert_work(worker, barrier, worker.works, worker.works.head);
  } else {
    wait = false;
  }
  co_await spinlocks_.unlock_irqrestore(worker.lock);
  if (wait) co_await wait_for_barrier(worker, done);
}

Co<> KthreadWorkers::kthread_flush_worker(KthreadWorker& worker) {
  Completion done;
  KthreadWork barrier = make_barrier(done);
  co_await kthread_queue_work(worker, barrier);
  co_await wait_for_barrier(worker, done);
}

// kernel/kthread.c: __kthread_cancel_work_sync
Co<bool> KthreadWorkers::cancel_work_sync(KthreadWork& work, KthreadDelayedWork* delayed) {
  kthreads_.scheduler().machine().touch(&work, cpu::Access::kRead);
  if (work.worker == nullptr) co_return false;
  KthreadWorker& worker = *work.worker;
  co_await lock(worker, costs().kthread_call);
  if (delayed != nullptr) co_await cancel_delayed_work_timer(*delayed);
  const bool was_pending = KthreadWorkList::unlink(work);
  if (worker.current_work == &work) {
    ++work.canceling;
    co_await spinlocks_.unlock_irqrestore(worker.lock);
    co_await kthread_flush_work(work);
    co_await spinlocks_.lock_irqsave(worker.lock);
    --work.canceling;
  }
  co_await spinlocks_.unlock_irqrestore(worker.lock);
  co_return was_pending;
}

Co<bool> KthreadWorkers::kthread_cancel_work_sync(KthreadWork& work) {
  return cancel_work_sync(work, nullptr);
}

Co<bool> KthreadWorkers::kthread_cancel_delayed_work_sync(KthreadDelayedWork& work) {
  return cancel_work_sync(work, &work);
}

}  // namespace kt::kthread
