// Counters that each CPU keeps of its own and folds into the global ones (mm/vmstat.c):
// vmstat_update on each CPU once a second while there is something to fold, and vmstat_shepherd,
// which looks once a second for CPUs that have something and no work queued. A CPU that goes takes
// its work with it.
#pragma once

#include <deque>

#include "models/hotplug/hotplug.hpp"
#include "models/mm/memory.hpp"
#include "models/workqueue/workqueues.hpp"

namespace kt::mm {

class Vmstat {
 public:
  /// Before the run, on a machine that has booted; the shepherd runs `first` ns after t = 0. If
  /// `busy` every CPU always has something to fold, else only what `memory` has counted.
  Vmstat(hotplug::Hotplug& hotplug, Memory& memory, Time first, bool busy);
  Vmstat(const Vmstat&) = delete;
  Vmstat& operator=(const Vmstat&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return workqueues_.frame_pool(); }

 private:
  struct PerCpu {
    Vmstat* vmstat = nullptr;
    int cpu = 0;
    int shrinking = 0;  ///< so many more times its lists of free pages shrink
    workqueue::DelayedWork work;
  };
  static Co<> vmstat_update(workqueue::Workqueues& workqueues, workqueue::Work& work);
  static Co<> vmstat_shepherd(workqueue::Workqueues& workqueues, workqueue::Work& work);
  static Co<int> vmstat_cpu_down_prep(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  static Co<int> vmstat_cpu_dead(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  [[nodiscard]] PerCpu& at(int cpu) { return percpu_[static_cast<std::size_t>(cpu)]; }
  Co<> update(PerCpu& percpu);
  Co<> shepherd();
  bool need_update(PerCpu& percpu);
  [[nodiscard]] timers::Jiffies stat_interval() const;

  hotplug::Hotplug& hotplug_;
  workqueue::Workqueues& workqueues_;
  Memory& memory_;
  bool busy_;
  workqueue::Workqueue* mm_percpu_wq_;
  workqueue::DelayedWork shepherd_;
  std::deque<PerCpu> percpu_;
};

}  // namespace kt::mm
