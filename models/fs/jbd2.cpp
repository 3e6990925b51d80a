#include "models/fs/jbd2.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kt::fs {

using trace::Event;

namespace {

constexpr sim::Time kCommitInterval = 5'000'000'000;  // ns, JBD2_DEFAULT_MAX_COMMIT_AGE
constexpr std::uint64_t kBlockSize = 4096;

// The first partition of sda, sdb, …
std::uint64_t device_number(int disk) {
  return cpu::pack(8, 16 * disk + 1);
}

}  // namespace

Journal::Journal(kthread::Kthreads& kthreads, locking::Waits& waits, Disks& disks, int disk)
    : kthreads_(kthreads),
      timers_(kthreads.timers()),
      waits_(waits),
      disks_(disks),
      disk_(disk),
      task_(&kthreads.boot_thread(fmt::format("jbd2/{}-8", disks.name(disk)), &kjournald2, this,
                                  sched::kTaskInterruptible)) {
  task_->flags &= ~std::uint32_t{sched::kPfNofreeze};  // set_freezable(), before it first slept
  sim::NameTable& names = kthreads.scheduler().machine().trace().names();
  done_commit_.name = names.intern("j_wait_done_commit");
  commit_timer_.function = &commit_timeout;
  commit_timer_.object = this;
  commit_timer_.function_name = names.intern("commit_timeout");
  commit_timer_.address = timers::Timers::stack_address(*task_);
}

Co<> Journal::dirty_metadata() {
  sched::Scheduler& scheduler = kthreads_.scheduler();
  co_await scheduler.machine().run(scheduler.machine().costs().lock);
  ++blocks_;
  if (running_ != 0) co_return;
  running_ = next_tid_++;  // jbd2_get_transaction()
  expires_ = timers_.jiffies() + timers_.ticks().from_time(kCommitInterval);
  co_await timers_.mod_timer(commit_timer_, expires_);
}

Co<> Journal::commit_timeout(timers::Timers& timers, timers::KernelTimer& timer) {
  Journal& journal = *static_cast<Journal*>(timer.object);
  co_await timers.scheduler().wake_up_process(*journal.task_);
}

Co<> Journal::commit_and_wait() {
  const Awaited awaited{this, running_ != 0 ? running_ : committing_};
  if (awaited.tid == 0) co_return;
  waited_for_ = std::max(waited_for_, awaited.tid);
  if (commit_request_ < awaited.tid) {
    commit_request_ = awaited.tid;
    co_await kthreads_.scheduler().wake_up_process(*task_);
  }
  const locking::Condition committed{[](const void* object) {
                                       const Awaited& one = *static_cast<const Awaited*>(object);
                                       return one.journal->commit_sequence_ >= one.tid;
                                     },
                                     &awaited};
  co_await waits_.wait_event(done_commit_, committed, sched::kTaskUninterruptible, false,
                             timers::kMaxScheduleTimeout);
}

bool Journal::expired() const {
  return running_ != 0 && !timers::time_before(timers_.jiffies(), expires_);
}

Co<int> Journal::kjournald2(kthread::Kthreads&, Task& self, void* data) {
  co_await static_cast<Journal*>(data)->thread(self);
  co_return 0;
}

// fs/jbd2/journal.c: kjournald2
Co<> Journal::thread(Task& self) {
  for (;;) {
    if (expired()) commit_request_ = std::max(commit_request_, running_);
    if (commit_sequence_ < commit_request_) {
      co_await commit_transaction();
      continue;
    }
    const bool was_frozen = co_await kthreads_.try_to_freeze();
    if (was_frozen) continue;
    self.state = sched::kTaskInterruptible;  // the freezer has to wake it
    co_await kthreads_.scheduler().schedule();
  }
}

// fs/jbd2/commit.c: jbd2_journal_commit_transaction
Co<> Journal::commit_transaction() {
  cpu::Machine& machine = kthreads_.scheduler().machine();
  timers_.del_timer(commit_timer_);
  committing_ = std::exchange(running_, 0);
  const unsigned blocks = std::exchange(blocks_, 0);
  const std::uint64_t sync = waited_for_ >= committing_ ? 1 : 0;
  machine.this_cpu().trace(Event::kJbd2StartCommit, device_number(disk_), committing_, sync);
  co_await machine.run(static_cast<sim::Time>(blocks + 2) * machine.costs().writeback_page);
  co_await disks_.write(disk_, (blocks + 1) * kBlockSize);  // a descriptor before the blocks
  co_await disks_.write(disk_, kBlockSize);                 // the commit record
  commit_sequence_ = std::exchange(committing_, 0);
  machine.this_cpu().trace(Event::kJbd2EndCommit, device_number(disk_), commit_sequence_,
                           waited_for_ >= commit_sequence_ ? 1U : 0U);
  if (done_commit_.head != nullptr) {
    co_await waits_.wake_up(done_commit_, sched::kTaskNormal, 0);
  }
}

}  // namespace kt::fs
