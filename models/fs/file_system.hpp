// File systems of the machine's disks: what write() and fsync() of a task do, through the page
// cache and a journal for each disk. Each node's page cache belongs to one disk (Writeback).
#pragma once

#include <memory>

#include "models/fs/jbd2.hpp"
#include "models/fs/writeback.hpp"

namespace kt::fs {

class FileSystem {
 public:
  /// Before the run. Without `journals` nobody may write.
  FileSystem(workqueue::Workqueues& workqueues, kthread::Kthreads& kthreads, locking::Waits& waits,
             mm::Memory& memory, Disks& disks, const std::vector<int>& disk_of_node, bool journals);
  [[nodiscard]] sim::FramePool& frame_pool() const { return writeback_.frame_pool(); }

  /// The current task writes to a file whose pages are on the node (-1: its own). False: no memory,
  /// or killed. fs/ext4/file.c: ext4_buffered_write_iter
  Co<bool> write(std::uint64_t bytes, int node);
  /// Until what the current task has written, and the journal of those disks, is on the disk.
  /// fs/ext4/fsync.c: ext4_sync_file
  Co<> fsync();

  [[nodiscard]] const Writeback& writeback() const { return writeback_; }

 private:
  cpu::Machine& machine_;
  Writeback writeback_;
  std::vector<std::unique_ptr<Journal>> journals_;  // by disk; null: no node's
};

}  // namespace kt::fs
