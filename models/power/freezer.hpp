// The freezer's core (kernel/freezer.c): which tasks have to freeze, how one is frozen where it
// sleeps or asked to freeze itself, the refrigerator, and the way out. A frozen task is in
// TASK_FROZEN; its own state is kept in saved_state, and a wakeup meanwhile only sets that to
// TASK_RUNNING. The kernel's freezer_lock is held for a few instructions at a time and takes no
// time of its own here.
#pragma once

#include "models/kthread/kthread.hpp"

namespace kt::power {

using sched::Task;
using sim::Co;
using sim::Time;

class Freezer {
 public:
  /// Takes over Kthreads::freezer, and what a signal does to a user task on its way to user mode.
  explicit Freezer(kthread::Kthreads& kthreads);
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// include/linux/freezer.h: freezing, kernel/freezer.c: freezing_slow_path
  [[nodiscard]] bool freezing(const Task& p) const;
  [[nodiscard]] static bool frozen(const Task& p) { return (p.state & sched::kTaskFrozen) != 0; }
  /// Freezes a task where it sleeps, or asks it to freeze. False: it need not freeze, or is frozen.
  /// kernel/freezer.c: freeze_task
  Co<bool> freeze_task(Task& p);
  /// Restores the state of a task that nobody woke while it was frozen, else wakes it.
  /// kernel/freezer.c: __thaw_task
  Co<> thaw_task(Task& p);
  /// The current task stays here while it is to be frozen, and (for the variant that checks) not
  /// told to stop. Whether it was frozen. kernel/freezer.c: __refrigerator
  Co<bool> refrigerator(Task& self, bool check_kthr_stop);

  // Set by who suspends (kernel/power/process.c).
  bool active = false;             ///< freezer_active
  bool pm_freezing = false;        ///< user tasks freeze
  bool pm_nosig_freezing = false;  ///< freezable kernel threads too

 private:
  Co<bool> freeze_in_place(Task& p);
  Co<> fake_signal_wake_up(Task& p);
  static bool is_freezing(void* self, const Task& p);
  static Co<bool> enter_refrigerator(void* self, Task& p, bool check_kthr_stop);
  static Co<> thaw(void* self, Task& p);
  static Co<> get_signal(void* self, Task& p);
  Co<> handle_fake_signal(Task& p);

  kthread::Kthreads& kthreads_;
  sched::Scheduler& scheduler_;
};

}  // namespace kt::power
