// The tick that CPUs without one get from afar (kernel/sched/core.c: sched_tick_remote): a delayed
// work of system_unbound_wq a second for each CPU of nohz_full= or isolcpus=nohz. It does what the
// tick does for the task that runs there, if the CPU's own tick is stopped. The work outlives its
// CPU: it ends itself when it finds that the CPU has gone, and goes on if that is back by then.
#pragma once

#include <deque>

#include "models/workqueue/workqueues.hpp"

namespace kt::workqueue {

class RemoteTick {
 public:
  /// Before the run: the works of all CPUs that need one wait for their first second. CPU 0 is
  /// online before the scheduler could start its work, and has none.
  explicit RemoteTick(Workqueues& workqueues);
  RemoteTick(const RemoteTick&) = delete;
  RemoteTick& operator=(const RemoteTick&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return workqueues_.frame_pool(); }

  /// Works whose timer is armed: they go on for ever, whatever else happens.
  [[nodiscard]] std::size_t armed() const;

 private:
  enum class State : std::uint8_t { kOffline, kOfflining, kRunning };  // TICK_SCHED_REMOTE_*
  // struct tick_work
  struct TickWork {
    RemoteTick* owner = nullptr;
    int cpu = -1;
    State state = State::kOffline;
    DelayedWork work;
  };

  [[nodiscard]] TickWork* find(int cpu);
  [[nodiscard]] timers::Jiffies second() const;
  static Co<> sched_tick_start(void* self, Cpu& cpu);
  static void sched_tick_stop(void* self, Cpu& cpu);
  static Co<> sched_tick_remote(Workqueues& workqueues, Work& work);

  Workqueues& workqueues_;
  std::deque<TickWork> works_;  // by CPU
};

}  // namespace kt::workqueue
