// Writes dirty pages back to the disks: a work of the workqueue `writeback` for each node that has
// dirty pages (fs/fs-writeback.c: wb_workfn, wb_wakeup).
#pragma once

#include <deque>

#include "models/mm/memory.hpp"
#include "tools/run/interpreter.hpp"

namespace kt::run {

class Flusher {
 public:
  /// Serves memory's hook; makes the workqueue if the machine has booted without it. `machine` and
  /// the others must outlive it.
  Flusher(Models& models, Devices& devices, const scenario::Machine& machine);
  [[nodiscard]] sim::FramePool& frame_pool() const { return models_.machine.frame_pool(); }

  /// Writes all dirty pages of the node, 4 MiB at a time in requests of 1 MiB, and returns when
  /// they are clean. In a task.
  Co<> write_back(int node);

  /// Whether some node has dirty pages.
  static bool needed(const scenario::Machine& machine);

 private:
  struct Node {
    Flusher* flusher = nullptr;
    int id = 0;
    int disk = 0;
    workqueue::Work work;
  };
  static Co<> start(void* self, sched::Scheduler& scheduler, int node);
  static Co<> wb_workfn(workqueue::Workqueues& workqueues, workqueue::Work& work);
  Co<> write(int node, mm::Pages pages);
  [[nodiscard]] int disk_of(int node) const;

  Models& models_;
  Devices& devices_;
  const scenario::Machine& machine_;
  workqueue::Workqueue* bdi_wq_ = nullptr;
  std::deque<Node> nodes_;
};

}  // namespace kt::run
