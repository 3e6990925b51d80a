// The thread of a kthread worker: its loop, its creation, its end.
#include <cerrno>

#include "models/kthread/kthread_worker.hpp"
#include "sim/error.hpp"

namespace kt::kthread {

using sched::WaitKind;
using trace::Event;

Co<CreatedWorker> KthreadWorkers::kthread_create_worker(unsigned flags, std::string_view name,
                                                        std::uint64_t address) {
  return kthread_create_worker_on_cpu(-1, flags, name, address);
}

Co<CreatedWorker> KthreadWorkers::kthread_create_worker_on_cpu(int cpu, unsigned flags,
                                                               std::string_view name,
                                                               std::uint64_t address) {
  Scheduler& scheduler = kthreads_.scheduler();
  const auto creator = static_cast<std::uint32_t>(scheduler.current().pid);
  if (sim::choose(scheduler.machine().chooser, sim::Question::kAllocation, 2, creator) != 0) {
    co_return {nullptr, -ENOMEM};
  }
  KthreadWorker& worker = workers_.emplace_back();
  worker.workers = this;
  worker.address = address;
  worker.lock.name = scheduler.machine().trace().names().intern(name);
  const Created created = co_await kthreads_.kthread_create(name, &kthread_worker_fn, &worker);
  if (created.task == nullptr) {
    worker.destroyed = true;
    co_return {nullptr, created.error};
  }
  if (cpu >= 0) co_await kthreads_.kthread_bind(*created.task, cpu);
  worker.flags = flags;
  worker.task = created.task;
  co_await scheduler.wake_up_process(*created.task);
  co_return {&worker, 0};
}

KthreadWorker& KthreadWorkers::boot_worker(std::string_view name, std::uint64_t address) {
  KthreadWorker& worker = workers_.emplace_back();
  worker.workers = this;
  worker.address = address;
  worker.lock.name = kthreads_.scheduler().machine().trace().names().intern(name);
  worker.task = &kthreads_.boot_thread(name, &kthread_worker_fn, &worker, sched::kTaskInterruptible);
  return worker;
}

Co<> KthreadWorkers::kthread_destroy_worker(KthreadWorker& worker) {
  const std::string_view name = kthreads_.scheduler().machine().trace().names()[worker.lock.name];
  if (worker.task == nullptr) {
    throw sim::Defect(fmt::format("kthread_worker {} destroyed, and it has no thread", name));
  }
  Task& task = *worker.task;
  co_await kthread_flush_worker(worker);
  co_await kthreads_.kthread_stop(task);
  const KthreadWork* left =
      worker.works.head != nullptr ? worker.works.head : worker.delayed_works.head;
  if (left != nullptr) {
    throw sim::Defect(
        fmt::format("kthread_worker {} destroyed with {} pending", name, describe(*left)));
  }
  worker.destroyed = true;
}

Co<int> KthreadWorkers::kthread_worker_fn(Kthreads&, Task& self, void* data) {
  KthreadWorker& worker = *static_cast<KthreadWorker*>(data);
  KthreadWorkers& workers = *worker.workers;
  worker.task = &self;
  if ((worker.flags & kKtwFreezable) != 0) co_await workers.kthreads_.set_freezable();
  co_await workers.run_works(worker, self);
  co_await workers.spinlocks_.lock_irqsave(worker.lock);
  worker.task = nullptr;
  co_await workers.spinlocks_.unlock_irqrestore(worker.lock);
  co_return 0;
}

// The loop of kthread_worker_fn(). What is queued when the thread is told to stop stays.
Co<> KthreadWorkers::run_works(KthreadWorker& worker, Task& self) {
  Scheduler& scheduler = kthreads_.scheduler();
  for (;;) {
    self.state = sched::kTaskInterruptible;
    if (Kthreads::should_stop(self)) break;
    co_await lock(worker, costs().work_item);
    KthreadWork* work = worker.works.head;
    if (work != nullptr) KthreadWorkList::unlink(*work);
    worker.current_work = work;
    co_await spinlocks_.unlock_irqrestore(worker.lock);
    if (work != nullptr) {
      self.state = sched::kTaskRunning;
      co_await execute(*work);
    } else if (!kthreads_.freezing(self)) {
      self.wait = {WaitKind::kKthreadWorker, worker.lock.name, nullptr};
      co_await scheduler.schedule();
      self.wait = {};
    } else {
      self.state = sched::kTaskRunning;
    }
    co_await kthreads_.try_to_freeze();
    co_await scheduler.cond_resched();
  }
  self.state = sched::kTaskRunning;
}

// The work may be gone, or queued again, once its function has returned.
Co<> KthreadWorkers::execute(KthreadWork& work) {
  cpu::Machine& machine = kthreads_.scheduler().machine();
  const std::uint64_t address = work.address;
  const std::uint32_t function_name = work.function_name;
  machine.this_cpu().trace(Event::kSchedKthreadWorkExecuteStart, address, function_name);
  co_await work.function(*this, work);
  machine.this_cpu().trace(Event::kSchedKthreadWorkExecuteEnd, address, function_name);
}

}  // namespace kt::kthread
