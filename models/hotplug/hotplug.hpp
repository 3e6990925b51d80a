// CPU hotplug (kernel/cpu.c): cpu_up() and cpu_down() drive one CPU through the steps of
// cpuhp_state.hpp, each where the kernel runs it: PREPARE in the task that asks, STARTING and DYING on
// the CPU with interrupts off, ONLINE in its thread cpuhp/N. An error on the way brings the CPU back
// to where it was. What each step moves or waits for is recorded for the reports.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "models/hotplug/cpuhp_state.hpp"
#include "models/hotplug/stop_machine.hpp"
#include "models/irq/irq.hpp"
#include "models/kthread/smpboot.hpp"
#include "models/rcu/percpu_rwsem.hpp"
#include "models/softirq/tasklet.hpp"
#include "models/workqueue/workqueues.hpp"

namespace kt::hotplug {

/// The models whose CPUs come and go.
struct Base {
  sched::Scheduler& scheduler;
  timers::Timers& timers;
  softirq::Softirqs& softirqs;
  softirq::Tasklets& tasklets;
  locking::Waits& waits;
  locking::Completions& completions;
  locking::Mutexes& mutexes;
  kthread::SmpbootThreads& smpboot;
  rcu::Rcu& rcu;
  workqueue::Workqueues& workqueues;
  irq::Irqs& irqs;
};

/// One callback that ran.
struct StepRecord {
  int state = 0;
  bool up = false;
  std::string_view function{};
  std::uint32_t task = 0;  ///< NameTable id of who ran it
  int cpu = -1;            ///< where it began
  Time start = 0;
  Time end = -1;  ///< -1: it has not ended
  int result = 0;
};

/// What an operation has moved off a CPU.
struct Moves {
  std::uint64_t tasks_pushed = 0;  ///< by balance_push()
  std::uint64_t hrtimers = 0;
  std::uint64_t timers = 0;
  std::uint64_t irqs = 0;
  std::uint64_t tasklets = 0;
  std::uint64_t works = 0;  ///< waiting in pools that were cut off from, or tied to their CPU
};

/// One cpu_up() or cpu_down().
struct Operation {
  bool up = false;
  int cpu = -1;
  bool frozen = false;     ///< part of a suspend or resume
  Time start = 0;
  Time locked = -1;        ///< when it had cpu_hotplug_lock
  Time end = -1;           ///< -1: it has not ended
  int result = 0;
  std::vector<StepRecord> steps{};
  Moves moves{};
};

class Hotplug {
 public:
  Hotplug(const Base& base, kthread::HotplugThread& cpuhp_threads);
  Hotplug(const Hotplug&) = delete;
  Hotplug& operator=(const Hotplug&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }
  [[nodiscard]] const Base& base() const { return base_; }
  [[nodiscard]] sched::Scheduler& scheduler() const { return scheduler_; }

  /// As a write to /sys/devices/system/cpu/cpuN/online: 0, -EBUSY (hotplug is disabled, or it is the
  /// last CPU), -EAGAIN, or what a step gave. A CPU that is where it is asked to be: 0.
  Co<int> cpu_up(int cpu);
  Co<int> cpu_down(int cpu);
  /// The same for the CPUs beside the boot CPU, by the task that suspends; kernel/cpu.c:
  /// freeze_secondary_cpus, thaw_secondary_cpus. `wakeup_pending` aborts it between two CPUs.
  struct WakeupPending {
    void* object = nullptr;
    bool (*test)(void* object) = nullptr;
  };
  /// Told at the begin and at the end of each CPU's way (trace_suspend_resume: CPU_OFF, CPU_ON).
  struct CpuPhase {
    void* object = nullptr;
    void (*call)(void* object, int cpu, bool off, bool begin) = nullptr;
  };
  Co<int> freeze_secondary_cpus(WakeupPending wakeup_pending, CpuPhase phase);
  Co<> thaw_secondary_cpus(CpuPhase phase);
  /// While above zero cpu_up() and cpu_down() give -EBUSY (cpu_hotplug_disable, _enable).
  Co<> cpu_hotplug_disable();
  Co<> cpu_hotplug_enable();

  /// No CPU comes or goes; kernel/cpu.c: cpus_read_lock, cpus_read_unlock.
  Co<> cpus_read_lock() { return rwsems_.down_read(cpu_hotplug_lock_); }
  Co<> cpus_read_unlock() { return rwsems_.up_read(cpu_hotplug_lock_); }
  [[nodiscard]] const rcu::PercpuRwsem& cpu_hotplug_lock() const { return cpu_hotplug_lock_; }

  /// Adds a step of a dynamic state, online (CPUHP_AP_ONLINE_DYN) or not (CPUHP_BP_PREPARE_DYN); if
  /// `invoke`, its startup runs on every CPU that is past it. The state, or an error.
  /// kernel/cpu.c: __cpuhp_setup_state
  Co<int> cpuhp_setup_state(std::string name, bool online, StepCallback startup,
                            StepCallback teardown, bool invoke);
  /// The same for a driver that was there at boot; the name must last.
  void add_driver_step(std::string_view name, StepCallback startup, StepCallback teardown) {
    add({cpuhp_reserve_state(true), name, startup, teardown});
  }

  /// What a model of another folder does in a step of the table, after the time that the table has
  /// for it. Null: nothing. Before the run. kernel/cpu.c: __cpuhp_setup_state, nocalls
  void attach(int state, StepCallback::Function startup, StepCallback::Function teardown,
              void* object);

  /// The thread cpuhp/N.
  [[nodiscard]] Task& thread(int cpu) const;
  /// Told when a CPU has died and when it is kicked: what it draws.
  struct CpuPower {
    void* object = nullptr;
    void (*call)(void* object, Cpu& cpu, bool on) = nullptr;
  } cpu_power;
  /// Told when an operation has got its lock, and when it ends.
  struct Observer {
    void* object = nullptr;
    void (*call)(void* object, const Operation& operation, bool begin) = nullptr;
  } observer;
  /// The CPU's state (/sys/devices/system/cpu/cpuN/hotplug/state).
  [[nodiscard]] int state(int cpu) const { return at(cpu).state; }
  [[nodiscard]] const std::deque<Operation>& operations() const { return operations_; }
  /// The one that is under way, or null.
  [[nodiscard]] const Operation* current_operation() const { return operation_; }

 private:
  // struct cpuhp_cpu_state
  struct CpuState {
    int state = kCpuhpOnline;
    int target = kCpuhpOnline;
    bool should_run = false;
    bool rollback = false;
    bool single = false;
    bool bringup = false;
    int cb_state = 0;
    int result = 0;
    locking::Completion done_up;
    locking::Completion done_down;
    sched::CallSingleData dead_call;
    cpu::Segment* parked_at = nullptr;  // the CPU is dead, or alive and waits for the go-ahead
    bool alive = false;
    bool should_online = false;
  };
  [[nodiscard]] CpuState& at(int cpu) { return states_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] const CpuState& at(int cpu) const { return states_[static_cast<std::size_t>(cpu)]; }
  [[nodiscard]] cpu::Machine& machine() const { return scheduler_.machine(); }

  // cpu.cpp
  Co<int> cpu_down_maps_locked(int cpu, Time asked);
  Co<int> _cpu_down(int cpu, bool frozen, int target, Time asked);
  Co<int> _cpu_up(int cpu, bool frozen, int target, Time asked);
  static Co<> work_for_cpu_fn(workqueue::Workqueues& workqueues, workqueue::Work& work);
  Co<> cpus_write_lock();
  Co<> cpus_write_unlock();
  void begin(bool up, int cpu, bool frozen, Time asked);
  void end(int result);

  // cpuhp.cpp
  [[nodiscard]] const Step* step(int state) const;
  void trace_enter(int cpu, int state, std::string_view function, bool multi);
  void trace_exit(int cpu, int step, int result);
  std::size_t record_step(int state, bool up, std::string_view function);
  void record_end(std::size_t index, int result);
  [[noreturn]] void rollback_failed(int cpu, int result) const;
  Co<int> invoke_on_all(int state);
  Co<int> issue_call(int cpu, int state, bool bringup);
  int cpuhp_set_state(int cpu, int target);
  void cpuhp_reset_state(int cpu, int prev_state);
  bool cpuhp_next_state(bool bringup, int& state, CpuState& st, int target) const;
  Co<int> cpuhp_invoke_callback(int cpu, int state, bool bringup);
  Co<int> invoke_once(int cpu, const Step& step, const StepCallback& callback, bool bringup);
  Co<int> cpuhp_invoke_callback_range(bool bringup, int cpu, int target);
  Co<int> cpuhp_up_callbacks(int cpu, int target);
  Co<int> cpuhp_down_callbacks(int cpu, int target);
  Co<int> cpuhp_kick_ap(int cpu, int target);
  Co<> kick_ap(int cpu);
  Co<int> cpuhp_kick_ap_work(int cpu);
  Co<int> cpuhp_invoke_ap_callback(int cpu, int state, bool bringup);
  static bool cpuhp_should_run(void* self, Cpu& cpu);
  static Co<> cpuhp_thread_fun(void* self, Cpu& cpu);
  Co<> complete_ap_thread(int cpu, bool bringup);
  Co<> wait_for_ap_thread(int cpu, bool bringup);

  // bringup.cpp: the CPU itself
  friend struct Callbacks;
  Co<int> takedown_cpu(Cpu& cpu);
  static Co<int> take_cpu_down(void* self, Cpu& cpu);
  static Co<> idle_dead(void* self, Cpu& cpu);
  static Co<> complete_idle_dead(void* state, Cpu& cpu);
  Co<> start_secondary(Cpu& cpu);
  Co<int> kick_ap_alive(Cpu& cpu);
  Co<int> bringup_ap(Cpu& cpu);

  // steps.cpp
  void make_steps();
  void make_prepare_steps();
  void make_starting_steps();
  void make_online_steps();
  void add(const Step& step);
  [[nodiscard]] int cpuhp_reserve_state(bool online) const;
  Co<> cache_aps_init();

  Base base_;
  sched::Scheduler& scheduler_;
  kthread::HotplugThread& cpuhp_threads_;
  StopMachine stop_machine_;
  rcu::PercpuRwsems rwsems_;
  rcu::PercpuRwsem cpu_hotplug_lock_;
  rcu::PercpuRwsem mem_hotplug_lock_;
  locking::Mutex device_hotplug_lock_;
  locking::Mutex cpu_add_remove_lock_;
  locking::Mutex sparse_irq_lock_;
  locking::Mutex cpuhp_state_mutex_;
  std::array<Step, kCpuhpStates> steps_{};
  std::deque<std::string> names_;  // of dynamic steps
  std::vector<CpuState> states_;
  cpu::CpuMask frozen_cpus_;
  int hotplug_disabled_ = 0;
  bool cache_aps_delayed_init_ = false;  // CPUs set up their caches later, all at once
  int dying_cpu_ = -1;
  std::deque<Operation> operations_;
  Operation* operation_ = nullptr;
  Moves before_;  // counters of the models when the operation began
};

}  // namespace kt::hotplug
