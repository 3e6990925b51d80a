// The chatter of a machine: what works, timers and threads of the kernel do that nobody has asked
// for. `idle` is a machine that nobody uses, as it was recorded; `server` has in addition what a
// busy one has of it. The rates, and where they come from, are listed in scenarios/README.md.
//
// It runs through the same queues, timers and CPUs as the scenario, and never ends.
#pragma once

#include <deque>

#include "models/boot/boot.hpp"
#include "models/fs/file_system.hpp"
#include "models/mm/vmstat.hpp"

namespace kt::boot {

enum class Chatter : std::uint8_t { kIdle, kServer };

class Background {
 public:
  /// On a machine that has booted in full, before the run. `file_system`: where the logger writes;
  /// null: there is no disk and no logger.
  Background(Boot& boot, hotplug::Hotplug& hotplug, mm::Memory& memory, fs::FileSystem* file_system,
             Chatter chatter);
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return workqueues_.frame_pool(); }

 private:
  struct PeriodicSpec;
  /// A delayed work that queues itself.
  struct PeriodicWork {
    const PeriodicSpec* spec = nullptr;
    workqueue::Workqueue* wq = nullptr;
    workqueue::DelayedWork work;
  };
  /// A thread that wakes up at intervals, or sooner if somebody calls it, and looks.
  struct PeriodicThread {
    sim::Time period = 0;
    sim::Time cost = 0;
    timers::KernelTimer first;  ///< what it sleeps on at t = 0
  };
  /// kernel/watchdog.c: of one CPU: its stopper shows that it can run.
  struct Lockup {
    hotplug::Hotplug* hotplug = nullptr;
    int cpu = 0;
    bool watched = false;  ///< watchdog_allowed_mask
    timers::KernelHrtimer timer;
    sched::Scheduler::StopWork stop_work;
    locking::Completion softlockup;  ///< done: the stop work is not queued
  };
  void add_works(Chatter chatter);
  void add_lockup_watchdogs();
  void add_logger();
  Co<> log();
  static Co<bool> watchdog_timer_fn(timers::Timers& timers, timers::KernelHrtimer& timer,
                                    cpu::Cpu& cpu);
  static Co<> softlockup_fn(sched::Scheduler& scheduler, cpu::Cpu& cpu,
                            sched::Scheduler::StopWork& work);
  static Co<int> lockup_detector_online_cpu(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  static Co<int> lockup_detector_offline_cpu(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  static Co<int> kcompactd_cpu_online(hotplug::Hotplug& hotplug, cpu::Cpu& cpu, void* self);
  void add_thread(Task& thread, sim::Time first, sim::Time period, sim::Time cost);
  static Co<> run_work(workqueue::Workqueues& workqueues, workqueue::Work& work);
  void wake_later(timers::KernelTimer& timer, Task& thread, sim::Time first);
  static Co<> wake_thread(timers::Timers& timers, timers::KernelTimer& timer);
  static Co<int> run_thread(Kthreads& kthreads, Task& self, void* thread);

  hotplug::Hotplug& hotplug_;
  workqueue::Workqueues& workqueues_;
  Kthreads& kthreads_;
  fs::FileSystem* file_system_;
  bool server_;
  timers::KernelTimer logger_timer_;
  std::deque<Lockup> lockups_;  // of each CPU
  std::vector<Task*> kcompactds_;
  std::deque<PeriodicWork> works_;
  std::deque<PeriodicThread> threads_;
  mm::Vmstat vmstat_;
};

}  // namespace kt::boot
