// The journal of a file system (fs/jbd2/): changes of metadata gather in the running transaction;
// the thread jbd2/DISK-8 commits it five seconds after its first change, or when somebody asks, and
// who has asked sleeps until the commit is on the disk.
//
// A commit writes the changed blocks, then the commit record. File data is not part of it: delayed
// allocation, as ext4 mounts by default.
#pragma once

#include "models/fs/disks.hpp"
#include "models/kthread/kthread.hpp"

namespace kt::fs {

using sched::Task;

class Journal {
 public:
  /// Makes the thread, asleep: before the run.
  Journal(kthread::Kthreads& kthreads, locking::Waits& waits, Disks& disks, int disk);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return kthreads_.frame_pool(); }

  /// One handle that changes a block: it becomes part of the running transaction.
  /// fs/jbd2/transaction.c: start_this_handle
  Co<> dirty_metadata();
  /// Until all that was changed so far is on the disk. fs/jbd2/journal.c: jbd2_log_start_commit,
  /// jbd2_log_wait_commit
  Co<> commit_and_wait();

  /// The transaction whose commit ended last; 0: none.
  [[nodiscard]] std::uint32_t commit_sequence() const { return commit_sequence_; }

 private:
  struct Awaited {
    const Journal* journal = nullptr;
    std::uint32_t tid = 0;
  };
  static Co<int> kjournald2(kthread::Kthreads& kthreads, Task& self, void* journal);
  static Co<> commit_timeout(timers::Timers& timers, timers::KernelTimer& timer);
  Co<> thread(Task& self);
  Co<> commit_transaction();
  [[nodiscard]] bool expired() const;

  kthread::Kthreads& kthreads_;
  timers::Timers& timers_;
  locking::Waits& waits_;
  Disks& disks_;
  int disk_;
  Task* task_;
  timers::KernelTimer commit_timer_;
  locking::WaitQueue done_commit_;  // j_wait_done_commit
  std::uint32_t running_ = 0;       // transaction: 0 is none
  unsigned blocks_ = 0;             // changed by it
  timers::Jiffies expires_ = 0;     // of it
  std::uint32_t next_tid_ = 1;
  std::uint32_t committing_ = 0;
  std::uint32_t commit_request_ = 0;
  std::uint32_t commit_sequence_ = 0;
  std::uint32_t waited_for_ = 0;  // the latest transaction that somebody waits for
};

}  // namespace kt::fs
