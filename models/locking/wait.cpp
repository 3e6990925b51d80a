#include "models/locking/wait.hpp"

#include "sim/error.hpp"

namespace kt::locking {

namespace {

void link_head(WaitQueue& queue, WaitEntry& entry) {
  entry.previous = nullptr;
  entry.next = queue.head;
  (queue.head != nullptr ? queue.head->previous : queue.tail) = &entry;
  queue.head = &entry;
  entry.linked = true;
}

void link_tail(WaitQueue& queue, WaitEntry& entry) {
  entry.next = nullptr;
  entry.previous = queue.tail;
  (queue.tail != nullptr ? queue.tail->next : queue.head) = &entry;
  queue.tail = &entry;
  entry.linked = true;
}

void unlink(WaitQueue& queue, WaitEntry& entry) {
  if (!entry.linked) return;
  (entry.previous != nullptr ? entry.previous->next : queue.head) = entry.next;
  (entry.next != nullptr ? entry.next->previous : queue.tail) = entry.previous;
  entry.linked = false;
}

}  // namespace

Co<> Waits::add_wait_queue(WaitQueue& queue, WaitEntry& entry) {
  while (queue.locked) co_await scheduler_.machine().run(cpu::kSpinPoll);
  scheduler_.machine().touch(&queue, cpu::Access::kWrite);
  link_head(queue, entry);
}

Co<> Waits::remove_wait_queue(WaitQueue& queue, WaitEntry& entry) {
  while (queue.locked) co_await scheduler_.machine().run(cpu::kSpinPoll);
  scheduler_.machine().touch(&queue, cpu::Access::kWrite);
  unlink(queue, entry);
}

Co<> Waits::prepare_to_wait(WaitQueue& queue, WaitEntry& entry, std::uint32_t state,
                            bool exclusive) {
  Task& current = scheduler_.current();
  co_await current.cpu->run(current.cpu->costs().wait_queue);
  while (queue.locked) co_await current.cpu->run(cpu::kSpinPoll);
  current.cpu->touch(&queue, cpu::Access::kWrite);
  current.cpu->touch(&current, cpu::Access::kWrite);
  entry.task = &current;
  entry.exclusive = exclusive;
  if (!entry.linked) exclusive ? link_tail(queue, entry) : link_head(queue, entry);
  current.state = state;
  current.wait = {sched::WaitKind::kWaitQueue, queue.name, nullptr};
}

Co<> Waits::finish_wait(WaitQueue& queue, WaitEntry& entry) {
  Task& current = scheduler_.current();
  co_await current.cpu->run(current.cpu->costs().wait_queue);
  current.cpu->touch(&current, cpu::Access::kWrite);
  current.cpu->touch(&queue, cpu::Access::kRead);
  current.state = sched::kTaskRunning;
  current.wait = {};
  if (!entry.linked) co_return;
  while (queue.locked) co_await current.cpu->run(cpu::kSpinPoll);
  current.cpu->touch(&queue, cpu::Access::kWrite);
  unlink(queue, entry);
}

Co<int> Waits::prepare_to_wait_event(WaitQueue& queue, WaitEntry& entry, std::uint32_t state,
                                     bool exclusive) {
  Task& current = scheduler_.current();
  co_await current.cpu->run(current.cpu->costs().wait_queue);
  while (queue.locked) co_await current.cpu->run(cpu::kSpinPoll);
  current.cpu->touch(&queue, cpu::Access::kWrite);
  current.cpu->touch(&current, cpu::Access::kWrite);
  if (sched::Scheduler::signal_pending_state(state, current)) {
    unlink(queue, entry);
    co_return -kErestartsys;
  }
  entry.task = &current;
  entry.exclusive = exclusive;
  if (!entry.linked) exclusive ? link_tail(queue, entry) : link_head(queue, entry);
  current.state = state;
  current.wait = {sched::WaitKind::kWaitQueue, queue.name, nullptr};
  co_return 0;
}

// default_wake_function, autoremove_wake_function, woken_wake_function
Co<bool> Waits::call_wake_function(WaitQueue& queue, WaitEntry& entry, std::uint32_t mask) {
  if (entry.function == WaitEntry::Wake::kWoken) entry.woken = true;
  const bool woken = co_await scheduler_.try_to_wake_up(*entry.task, mask, 0);
  if (woken && entry.function == WaitEntry::Wake::kAutoremove) unlink(queue, entry);
  co_return woken;
}

// kernel/sched/wait.c: __wake_up_common_lock
Co<int> Waits::wake_up(WaitQueue& queue, std::uint32_t mask, int nr_exclusive) {
  cpu::Cpu& cpu = scheduler_.machine().this_cpu();
  const bool irqs_were_off = cpu.lock_irqsave();
  co_await cpu.run(cpu.costs().wait_queue);
  while (queue.locked) co_await cpu.run(cpu::kSpinPoll);
  cpu.touch(&queue, cpu::Access::kWrite);
  queue.locked = true;
  int woken = 0;
  WaitEntry* next = nullptr;
  for (WaitEntry* entry = queue.head; entry != nullptr; entry = next) {
    KT_ASSERT(entry->linked, "a wait entry has left its queue during a wakeup");
    next = entry->next;
    const bool exclusive = entry->exclusive;
    const bool done = co_await call_wake_function(queue, *entry, mask);
    woken += done ? 1 : 0;
    if (done && exclusive && --nr_exclusive == 0) break;
  }
  queue.locked = false;
  cpu.unlock_irqrestore(irqs_were_off);
  if (scheduler_.should_resched()) co_await scheduler_.preempt_schedule();
  co_return woken;
}

Co<std::int64_t> Waits::wait_event(WaitQueue& queue, Condition condition, std::uint32_t state,
                                   bool exclusive, Jiffies timeout) {
  const bool timed = timeout != timers::kMaxScheduleTimeout;
  co_await scheduler_.might_sleep();
  if (condition()) co_return timed ? static_cast<std::int64_t>(timeout != 0 ? timeout : 1) : 0;
  Task& current = scheduler_.current();
  WaitEntry entry;
  std::int64_t result = 0;
  for (;;) {
    const int interrupted = co_await prepare_to_wait_event(queue, entry, state, exclusive);
    if (condition()) {
      result = timed ? static_cast<std::int64_t>(timeout != 0 ? timeout : 1) : 0;
      break;
    }
    if (timed && timeout == 0) break;
    if (interrupted != 0) {
      current.wait = {};
      co_return interrupted;
    }
    timeout = co_await timers_.schedule_timeout(timeout);
  }
  co_await finish_wait(queue, entry);
  co_return result;
}

Co<Jiffies> Waits::wait_woken(WaitEntry& entry, std::uint32_t state, Jiffies timeout) {
  Task& current = scheduler_.current();
  current.state = state;
  const bool told =
      scheduler_.should_stop_or_park != nullptr && scheduler_.should_stop_or_park(current);
  if (!entry.woken && !told) timeout = co_await timers_.schedule_timeout(timeout);
  current.state = sched::kTaskRunning;
  entry.woken = false;
  co_return timeout;
}

}  // namespace kt::locking
