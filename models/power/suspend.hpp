// Suspending the whole system and resuming it (kernel/power/suspend.c): suspend-to-idle (s2idle),
// in which the CPUs only idle and the clocks go on, and suspend to memory (deep), in which the
// other CPUs are taken down, the machine is off, and CLOCK_MONOTONIC stands still. The simulated
// time t is CLOCK_MONOTONIC, so that timers need not know of it; boottime() is t and all that was
// slept through. The task that calls pm_suspend() goes through all of it; what fails is undone in
// the kernel's order.
#pragma once

#include "models/hotplug/hotplug.hpp"
#include "models/irq/irq.hpp"
#include "models/power/dpm.hpp"
#include "models/power/process.hpp"

namespace kt::power {

/// suspend_state_t; the values are those of the events.
enum class SuspendState : std::uint8_t { kToIdle = 1, kMem = 3 };

/// Calls of the platform (struct platform_suspend_ops, platform_s2idle_ops), where the kernel makes
/// them.
enum class PlatformStep : std::uint8_t {
  kBegin,
  kPrepare,
  kPrepareLate,   ///< s2idle_ops->prepare
  kPrepareNoirq,  ///< suspend_ops->prepare_late, s2idle_ops->prepare_late
  kEnter,
  kResumeNoirq,  ///< suspend_ops->wake, s2idle_ops->restore_early
  kResumeEarly,  ///< s2idle_ops->restore
  kFinish,
  kEnd,
  kRecover,
};
struct PlatformHook {
  void* object = nullptr;
  Co<int> (*call)(void* object, PlatformStep step) = nullptr;  ///< 0 or a negative errno
};

/// PM_SUSPEND_PREPARE and PM_POST_SUSPEND.
enum class PmEvent : std::uint8_t { kSuspendPrepare, kPostSuspend };
struct PmNotifier {
  std::uint32_t name = 0;
  void* object = nullptr;
  Co<int> (*call)(void* object, PmEvent event) = nullptr;  ///< an error only before a suspend
};

/// struct syscore_ops: called on the last CPU with interrupts off. Either may be null.
struct SyscoreOps {
  std::uint32_t name = 0;
  void* object = nullptr;
  Co<int> (*suspend)(void* object) = nullptr;
  Co<> (*resume)(void* object) = nullptr;
};

/// The world outside of the machine, whose time goes on while the machine is off.
struct OutsideHook {
  void* object = nullptr;
  /// When the next event comes that wakes the machine, from now on; kNever: none will. `name`:
  /// what.
  Time (*next_wakeup)(void* object, std::uint32_t& name) = nullptr;
  /// So many ns have passed outside, and none in here.
  void (*slept)(void* object, Time time) = nullptr;
};

struct SuspendBase {
  timers::Timers& timers;
  locking::Waits& waits;
  locking::Completions& completions;
  kthread::Kthreads& kthreads;
  workqueue::Workqueues& workqueues;
};

class Suspend {
 public:
  explicit Suspend(const SuspendBase& base);
  Suspend(const Suspend&) = delete;
  Suspend& operator=(const Suspend&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return machine_.frame_pool(); }

  /// Interrupts of devices are off while devices are suspended; those that wake end it.
  void attach(irq::Irqs& irqs);
  /// CPUs neither come nor go but by the suspend. Without this the machine has to have one CPU.
  void attach(hotplug::Hotplug& hotplug) { hotplug_ = &hotplug; }
  /// The OOM killer stands still while tasks are frozen, and no allocation waits for devices that
  /// are suspended.
  void attach(mm::Memory& memory) {
    memory_ = &memory;
    processes.attach(memory);
  }
  /// Grace periods are expedited from PM_SUSPEND_PREPARE to PM_POST_SUSPEND.
  /// kernel/rcu/tree.c: rcu_pm_notify
  void attach(rcu::Rcu& rcu) { rcu_ = &rcu; }

  /// 0, or what made it fail: -EBUSY (a wakeup, tasks that do not freeze, another suspend), or the
  /// errno of a callback. `wake_after`: an alarm so many ns of boottime after the call; 0: as soon
  /// as the machine sleeps; kNever: none.
  Co<int> pm_suspend(SuspendState state, Time wake_after);

  /// From PM_SUSPEND_PREPARE to PM_POST_SUSPEND: tasks may stand still for as long as they like.
  [[nodiscard]] bool hung_task_detector_suspended() const { return prepared_; }
  [[nodiscard]] Time boottime() const { return machine_.now() + boot_offset_; }

  Freezer freezer;
  Phases phases;
  Wakeups wakeups;
  Processes processes;
  Async async;
  Dpm dpm;
  PlatformHook platform;
  OutsideHook outside;
  std::vector<PmNotifier> notifiers;    ///< in the order of their calls
  std::vector<SyscoreOps> syscore_ops;  ///< resumed in this order, suspended against it

 private:
  struct Alarm;

  Co<int> enter_state(SuspendState state);
  Co<int> suspend_prepare();
  Co<int> suspend_devices_and_enter(SuspendState state);
  Co<int> suspend_enter(SuspendState state);
  Co<int> suspend_noirq_and_enter(SuspendState state);
  Co<int> enter_deep(SuspendState state);
  Co<int> call_notifiers();
  Co<> post_notifiers(std::size_t count);
  Co<int> platform_call(PlatformStep step);
  Co<> resume_console(SuspendState state);

  // deep.cpp
  Co<int> disable_secondary_cpus();
  Co<> enable_secondary_cpus();
  static bool wakeup_pending(void* self);
  static void cpu_phase(void* self, int cpu, bool off, bool begins);
  Co<int> syscore_suspend();
  Co<> syscore_resume(std::size_t from);
  Co<int> machine_suspend(SuspendState state);
  [[nodiscard]] Time sleep_time();

  // s2idle.cpp
  Co<> s2idle_loop();
  Co<> s2idle_enter();
  Co<> s2idle_wait();
  static Co<> s2idle_wake(void* self);
  Co<> swake_up_one(Task& waiter);
  static Co<bool> alarm_fired(timers::Timers& timers, timers::KernelHrtimer& timer, cpu::Cpu& cpu);
  static Co<> wake_irq(void* self, irq::Irq& irq);
  static Co<> suspend_irqs(void* irqs);
  static void resume_irqs(void* irqs);

  SuspendBase base_;
  sched::Scheduler& scheduler_;
  cpu::Machine& machine_;
  enum class S2idleState : std::uint8_t { kNone, kEnter, kWake };
  S2idleState s2idle_state_ = S2idleState::kNone;
  Task* s2idle_waiter_ = nullptr;
  bool in_transition_ = false;  // system_transition_mutex is held
  bool prepared_ = false;
  bool wake_at_once_ = false;
  Time alarm_at_ = sim::kNever;  // of the transition under way
  Time boot_offset_ = 0;
  hotplug::Hotplug* hotplug_ = nullptr;
  rcu::Rcu* rcu_ = nullptr;
  mm::Memory* memory_ = nullptr;
  std::uint32_t alarm_name_ = 0;
};

}  // namespace kt::power
