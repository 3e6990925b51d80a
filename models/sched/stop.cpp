// kernel/stop_machine.c: the stopper of each CPU, as far as the scheduler needs it.
#include "models/sched/scheduler.hpp"
#include "sim/error.hpp"

namespace kt::sched {

// cpu_stop_queue_work(): the work must stay until it is done.
Co<bool> Scheduler::stop_one_cpu_nowait(int cpu, StopWork& work) {
  Stopper& stopper = stoppers_[static_cast<std::size_t>(cpu)];
  Task* thread = rq(cpu).stop;
  KT_ASSERT(thread != nullptr, "CPU {} has no stopper", cpu);
  if (!stopper.enabled) {
    work.done = true;
    co_return false;
  }
  work.next = nullptr;
  *stopper.tail = &work;
  stopper.tail = &work.next;
  preempt_disable();
  co_await wake_up_process(*thread);
  co_await preempt_enable();
  co_return true;
}

Co<> Scheduler::stop_one_cpu(int cpu, StopWork& work) {
  Task& self = current();
  work.waiter = &self;
  co_await stop_one_cpu_nowait(cpu, work);
  for (;;) {
    self.state = kTaskUninterruptible;
    if (work.done) break;
    co_await schedule();
  }
  self.state = kTaskRunning;
}

// cpu_stopper_thread()
Co<> Scheduler::run_stop_works(Cpu& cpu) {
  Stopper& stopper = stoppers_[static_cast<std::size_t>(cpu.id())];
  while (stopper.head != nullptr) {
    StopWork& work = *stopper.head;
    stopper.head = work.next;
    if (stopper.head == nullptr) stopper.tail = &stopper.head;
    cpu.preempt_disable();
    co_await cpu.run(cpu.costs().stopper);
    // migration_cpu_stop(): what is on the wake list has to be queued first
    cpu.local_irq_disable();
    if (rq(cpu.id()).wake_list != nullptr) co_await sched_ttwu_pending(rq(cpu.id()));
    cpu.local_irq_enable();
    co_await work.function(*this, cpu, work);
    work.done = true;
    Task* waiter = work.waiter;
    if (work.left != nullptr && --*work.left != 0) waiter = nullptr;
    if (waiter != nullptr) co_await wake_up_process(*waiter);
    co_await preempt_enable();
  }
}

}  // namespace kt::sched
