// Writes dirty pages back to the disks: what the works of the workqueue `writeback` do
// (fs/fs-writeback.c: wb_workfn), one for each node that has dirty pages. As long as there is no
// such workqueue a thread of its own, flush-N, runs it; the CPU time that it takes is the same.
#pragma once

#include <deque>

#include "models/mm/memory.hpp"
#include "tools/run/interpreter.hpp"

namespace kt::run {

class Flusher {
 public:
  /// Makes a thread for each node that has dirty pages, and serves memory's hook. `machine` and the
  /// others must outlive it.
  Flusher(Models& models, Devices& devices, const scenario::Machine& machine);
  [[nodiscard]] sim::FramePool& frame_pool() const { return models_.machine.frame_pool(); }

  /// Writes all dirty pages of the node, 4 MiB at a time in requests of 1 MiB, and returns when they
  /// are clean. In a task.
  Co<> write_back(int node);

  /// Whether some node has dirty pages.
  static bool needed(const scenario::Machine& machine);

 private:
  struct Node {
    Flusher* flusher = nullptr;
    int id = 0;
    int disk = 0;
    Task* thread = nullptr;
    bool asked = false;
  };
  static Co<> start(void* self, sched::Scheduler& scheduler, int node);
  static Co<int> body(kthread::Kthreads& kthreads, Task& self, void* node);
  Co<> write(int node, mm::Pages pages);
  [[nodiscard]] int disk_of(int node) const;

  Models& models_;
  Devices& devices_;
  const scenario::Machine& machine_;
  std::deque<Node> nodes_;
};

}  // namespace kt::run
