#include "models/rcu/percpu_rwsem.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/error.hpp"

namespace kt::rcu {

namespace {

bool passed(const void* object) {
  return static_cast<const RcuSync*>(object)->state >= RcuSync::State::kPassed;
}

}  // namespace

// kernel/rcu/sync.c: rcu_sync_func, a grace period after rcu_sync_exit()
Co<> PercpuRwsems::rcu_sync_func(Rcu&, void* object) {
  RcuSync& rss = *static_cast<RcuSync*>(object);
  if (rss.count != 0) {
    rss.state = RcuSync::State::kPassed;
    co_await rss.rwsems->waits_.wake_up(rss.gp_wait, sched::kTaskNormal, 1);
  } else if (rss.state == RcuSync::State::kReplay) {
    rss.state = RcuSync::State::kExit;
    rss.rwsems->rcu_sync_call(rss);
  } else {
    rss.state = RcuSync::State::kIdle;
  }
}

void PercpuRwsems::rcu_sync_call(RcuSync& rss) {
  rss.rwsems = this;
  rss.head = {.function = &rcu_sync_func, .object = &rss};
  rcu_.call_rcu(rss.head);
}

Co<> PercpuRwsems::rcu_sync_enter(RcuSync& rss) {
  const bool was_idle = rss.state == RcuSync::State::kIdle;
  if (was_idle) rss.state = RcuSync::State::kEnter;
  ++rss.count;
  if (was_idle) {
    rss.rwsems = this;
    co_await rcu_.synchronize_rcu();
    co_await rcu_sync_func(rcu_, &rss);
    co_return;
  }
  co_await waits_.wait_event(rss.gp_wait, {&passed, &rss}, sched::kTaskUninterruptible, false,
                             timers::kMaxScheduleTimeout);
}

void PercpuRwsems::rcu_sync_exit(RcuSync& rss) {
  if (--rss.count != 0) return;
  if (rss.state == RcuSync::State::kPassed) {
    rss.state = RcuSync::State::kExit;
    rcu_sync_call(rss);
  } else if (rss.state == RcuSync::State::kExit) {
    rss.state = RcuSync::State::kReplay;
  }
}

// kernel/locking/percpu-rwsem.c: __percpu_rwsem_trylock
bool PercpuRwsems::trylock(PercpuRwsem& sem, bool reader, Task& task) {
  task.cpu->touch(&sem, cpu::Access::kWrite);
  if (sem.block) return false;
  if (reader) {
    sem.readers.push_back(&task);
  } else {
    sem.block = true;
    sem.writer = &task;
  }
  return true;
}

// percpu_rwsem_wait(): in order of arrival; who wakes it has taken the lock for it.
Co<> PercpuRwsems::wait(PercpuRwsem& sem, bool reader) {
  Task& self = scheduler_.current();
  PercpuRwsem::Waiter waiter{.task = &self, .reader = reader};
  if (trylock(sem, reader, self)) co_return;
  *sem.tail = &waiter;
  sem.tail = &waiter.next;
  const sched::Wait before = std::exchange(self.wait, {sched::WaitKind::kRwsem, sem.name, sem.writer});
  for (;;) {
    scheduler_.machine().touch(&self, cpu::Access::kWrite);
    scheduler_.machine().touch(&sem, cpu::Access::kRead);
    self.state = sched::kTaskUninterruptible;
    if (waiter.granted) break;
    co_await scheduler_.schedule();
  }
  self.state = sched::kTaskRunning;
  self.wait = before;
}

Co<> PercpuRwsems::down_read(PercpuRwsem& sem) {
  co_await scheduler_.might_sleep();
  scheduler_.machine().touch(&sem, cpu::Access::kWrite);
  if (sem.rss.state == RcuSync::State::kIdle) {
    sem.readers.push_back(&scheduler_.current());
  } else {
    co_await wait(sem, true);
  }
}

Co<> PercpuRwsems::up_read(PercpuRwsem& sem) {
  std::vector<Task*>& readers = sem.readers;
  const auto own = std::ranges::find(readers, &scheduler_.current());
  if (own == readers.end()) {
    throw sim::Defect(fmt::format("{} released by {} (pid {}), which does not hold it",
                                  scheduler_.machine().trace().names()[sem.name],
                                  scheduler_.machine().trace().names()[scheduler_.current().comm],
                                  scheduler_.current().pid));
  }
  scheduler_.machine().touch(&sem, cpu::Access::kWrite);
  readers.erase(own);
  if (sem.draining != nullptr) co_await scheduler_.wake_up_process(*sem.draining);
}

Co<> PercpuRwsems::down_write(PercpuRwsem& sem) {
  Task& self = scheduler_.current();
  co_await scheduler_.might_sleep();
  co_await rcu_sync_enter(sem.rss);
  co_await wait(sem, false);
  sem.draining = &self;
  const sched::Wait before = std::exchange(self.wait, {sched::WaitKind::kRwsem, sem.name, nullptr});
  for (;;) {  // rcuwait_wait_event(&sem->writer)
    scheduler_.machine().touch(&self, cpu::Access::kWrite);
    scheduler_.machine().touch(&sem, cpu::Access::kRead);
    self.state = sched::kTaskUninterruptible;
    if (sem.readers.empty()) break;
    co_await scheduler_.schedule();
  }
  self.state = sched::kTaskRunning;
  self.wait = before;
  sem.draining = nullptr;
}

// All readers up to the next writer, or that writer.
Co<> PercpuRwsems::up_write(PercpuRwsem& sem) {
  scheduler_.machine().touch(&sem, cpu::Access::kWrite);
  sem.block = false;
  sem.writer = nullptr;
  while (sem.head != nullptr) {
    PercpuRwsem::Waiter& first = *sem.head;
    if (!trylock(sem, first.reader, *first.task)) break;
    sem.head = first.next;
    if (sem.head == nullptr) sem.tail = &sem.head;
    first.granted = true;
    const bool reader = first.reader;
    co_await scheduler_.wake_up_process(*first.task);
    if (!reader) break;
  }
  rcu_sync_exit(sem.rss);
}

}  // namespace kt::rcu
