#include "models/locking/completion.hpp"

namespace kt::locking {

namespace {

void unlink(Completion& x, Completion::Waiter& waiter) {
  if (!waiter.linked) return;
  (waiter.previous != nullptr ? waiter.previous->next : x.head) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : x.tail) = waiter.previous;
  waiter.linked = false;
}

void link(Completion& x, Completion::Waiter& waiter) {
  waiter.previous = x.tail;
  waiter.next = nullptr;
  (x.tail != nullptr ? x.tail->next : x.head) = &waiter;
  x.tail = &waiter;
  waiter.linked = true;
}

}  // namespace

// kernel/sched/completion.c: complete_with_flags, complete_all; kernel/sched/swait.c:
// swake_up_locked
Co<> Completions::complete(Completion& x, bool all) {
  cpu::Cpu& cpu = scheduler_.machine().this_cpu();
  const bool irqs_were_off = cpu.lock_irqsave();
  co_await cpu.run(cpu.costs().completion);
  cpu.touch(&x, cpu::Access::kWrite);
  if (all) x.done = kAll;
  if (x.done != kAll) ++x.done;
  while (Completion::Waiter* first = x.head) {
    Task& task = *first->task;
    unlink(x, *first);  // the waker unlinks, whether or not the task was asleep
    co_await scheduler_.wake_up_process(task);
    if (!all) break;
  }
  cpu.unlock_irqrestore(irqs_were_off);
  if (scheduler_.should_resched()) co_await scheduler_.preempt_schedule();
}

// kernel/sched/completion.c: wait_for_common, do_wait_for_common
Co<std::int64_t> Completions::wait_for_completion(Completion& x, std::uint32_t state,
                                                  Jiffies timeout, sched::Wait why) {
  Task& current = scheduler_.current();
  co_await scheduler_.might_sleep();
  co_await current.cpu->run(current.cpu->costs().completion);
  std::int64_t result = static_cast<std::int64_t>(timeout);
  current.cpu->touch(&x, cpu::Access::kWrite);
  if (x.done == 0) {
    Completion::Waiter waiter{.task = &current};
    do {
      if (sched::Scheduler::signal_pending_state(state, current)) {
        result = -kErestartsys;
        break;
      }
      if (!waiter.linked) link(x, waiter);
      current.cpu->touch(&current, cpu::Access::kWrite);
      current.state = state;
      current.wait = why;
      current.in_iowait = why.kind == sched::WaitKind::kIo;  // wait_for_completion_io()
      timeout = co_await timers_.schedule_timeout(timeout);
      result = static_cast<std::int64_t>(timeout);
      current.cpu->touch(&x, cpu::Access::kWrite);
    } while (x.done == 0 && timeout != 0);
    unlink(x, waiter);
    current.state = sched::kTaskRunning;
    current.wait = {};
    current.in_iowait = false;
    if (x.done == 0) co_return result;
  }
  if (x.done != kAll) --x.done;
  co_return result != 0 ? result : 1;
}

}  // namespace kt::locking
