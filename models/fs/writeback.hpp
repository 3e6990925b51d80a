// Dirty page cache and its way to the disk (fs/fs-writeback.c, mm/page-writeback.c): writers make
// pages dirty; a work of the queue `writeback` for each node writes them when reclaim asks, when
// more than a tenth of memory is dirty, and every five seconds those that have been dirty for
// thirty; who writes while much is dirty is slowed down to what the disk takes.
//
// Pages belong to no file: the oldest are written first. One bdi_writeback a node; its pages go to
// the first disk of the node, else to the first disk.
#pragma once

#include <deque>
#include <vector>

#include "models/fs/disks.hpp"
#include "models/mm/memory.hpp"
#include "models/workqueue/workqueues.hpp"

namespace kt::fs {

using mm::Pages;
using sched::Task;
using sim::Time;

/// What may be dirty of all that could be, in pages.
struct DirtyLimits {
  Pages background = 0;  ///< above it the flusher works: dirty_background_ratio, 10 %
  Pages limit = 0;       ///< dirty_ratio, 20 %

  /// Below it nobody is slowed down. mm/page-writeback.c: dirty_freerun_ceiling
  [[nodiscard]] Pages freerun() const { return (background + limit) / 2; }
};

class Writeback {
 public:
  /// Before the run; serves memory's hook. `disk_of_node` has a disk for each node.
  Writeback(workqueue::Workqueues& workqueues, mm::Memory& memory, Disks& disks,
            std::vector<int> disk_of_node);
  Writeback(const Writeback&) = delete;
  Writeback& operator=(const Writeback&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return workqueues_.frame_pool(); }

  /// The current task writes so many bytes to the page cache, preferably that of the node (-1: its
  /// own), and is slowed down where it must. False: no memory, or killed. mm/filemap.c:
  /// generic_perform_write
  Co<bool> write(std::uint64_t bytes, int node);
  /// Writes as many of the dirty pages as the current task has made since its last call, and waits
  /// for them: the disks on which it has made some. mm/filemap.c: file_write_and_wait_range
  Co<std::vector<int>> write_and_wait();

  [[nodiscard]] DirtyLimits limits() const;
  /// Dirty or under writeback, on all nodes.
  [[nodiscard]] Pages dirty() const;
  [[nodiscard]] int disk_of(int node) const { return nodes_[static_cast<std::size_t>(node)].disk; }

 private:
  struct Batch {
    Time dirtied_when = 0;
    Pages pages = 0;
  };
  /// struct bdi_writeback.
  struct Wb {
    Writeback* writeback = nullptr;
    int node = 0;
    int disk = 0;
    workqueue::DelayedWork dwork;
    bool asked = false;  ///< a reclaimer wants all of it written
    bool running = false;
    Time last_old_flush = 0;
    std::deque<Batch> batches;  ///< oldest first
    // Rates in pages a second, stamps at the last estimate.
    Time bw_time_stamp = 0;
    Pages dirtied = 0;
    Pages dirtied_stamp = 0;
    Pages written_stamp = 0;
    std::int64_t write_bandwidth = 0;
    std::int64_t dirty_ratelimit = 0;
  };
  /// What task_struct has of it.
  struct Dirtier {
    Pages nr_dirtied = 0;
    Pages nr_dirtied_pause = 0;
    Time paused_when = 0;
    std::vector<Pages> unsynced;  ///< since its last fsync, on each node
  };
  static Co<> start(void* self, sched::Scheduler& scheduler, int node);
  static Co<> wb_workfn(workqueue::Workqueues& workqueues, workqueue::Work& work);
  Co<> do_writeback(Wb& wb);
  Co<> write_pages(Wb& wb, Pages most);
  Co<> wb_wakeup(Wb& wb);
  Co<> wb_wakeup_delayed(Wb& wb);
  [[nodiscard]] Pages expired(const Wb& wb) const;
  static void forget_oldest(Wb& wb, Pages pages);
  [[nodiscard]] Wb& wb_of(int node) { return nodes_[static_cast<std::size_t>(node)]; }
  [[nodiscard]] Dirtier& dirtier(const Task& task);

  // balance_dirty.cpp
  Co<> balance_dirty_pages(Wb& wb, Dirtier& self);
  [[nodiscard]] Pages poll_interval(const DirtyLimits& limits) const;
  [[nodiscard]] std::int64_t pos_ratio(const DirtyLimits& limits) const;
  void update_bandwidth(Wb& wb, std::int64_t pos_ratio);

  workqueue::Workqueues& workqueues_;
  cpu::Machine& machine_;
  timers::Timers& timers_;
  mm::Memory& memory_;
  Disks& disks_;
  workqueue::Workqueue* bdi_wq_;
  std::deque<Wb> nodes_;
  std::deque<Dirtier> dirtiers_;  // by PID
};

}  // namespace kt::fs
