// What the layers above do for the scheduler, or want to know of it: each registers an object and
// functions. Null functions are never called before their layer is made.
#pragma once

#include "models/cpu/cpu.hpp"
#include "sim/co.hpp"

namespace kt::sched {

using cpu::Cpu;
using sim::Co;
using sim::Time;
class Scheduler;
struct Rq;
struct Task;

/// What the timer code (a layer above) does for the scheduler; kernel/time/tick-sched.c.
struct TimeHooks {
  void* object = nullptr;
  Co<> (*sleep)(void*, Scheduler&, Time) = nullptr;  ///< D for so many ns: schedule_hrtimeout()
  void (*start_tick)(void*, Cpu&) = nullptr;         ///< of the CPU that does not idle at t = 0
  /// Not unless the idle loop has got a tick. kernel/sched/idle.c: idle_call_stop_or_retain_tick
  void (*stop_tick)(void*, Cpu&, bool got_tick) = nullptr;
  void (*exit)(void*, Cpu&) = nullptr;               ///< tick_nohz_idle_exit()
  void (*raise_sched_softirq)(void*, Cpu&) = nullptr;
};

/// What a CPU does for others in the call-function interrupt before their wakeups: Cpu::irq_work
/// (kernel/irq_work.c: irq_work_single).
struct IrqWorkHook {
  void* object = nullptr;
  Co<> (*run)(void*, Cpu&) = nullptr;
};

/// What the workqueues (a layer above) want to know of their workers (PF_WQ_WORKER).
struct WorkerHooks {
  void* object = nullptr;
  Co<> (*sleeping)(void*, Task&) = nullptr;  ///< about to block: wq_worker_sleeping()
  Co<> (*running)(void*, Task&) = nullptr;   ///< back from schedule(): wq_worker_running()
  Co<> (*tick)(void*, Task&) = nullptr;      ///< hit by the tick: wq_worker_tick()
};

/// What a user task with a signal pending does on its way to user mode (kernel/signal.c:
/// get_signal).
struct SignalHook {
  void* object = nullptr;
  Co<> (*run)(void*, Task&) = nullptr;
};

/// What RCU (a layer above) does before a switch on a CPU that an expedited grace period waits for
/// (Rq::exp_wanted), with interrupts off (kernel/rcu/tree_plugin.h: rcu_note_context_switch).
struct ContextSwitchHook {
  void* object = nullptr;
  Co<> (*run)(void*, Cpu&) = nullptr;
};

/// What CPU hotplug (a layer above) does with a CPU that has gone offline, in its idle task:
/// returns when it is online again (kernel/sched/idle.c: do_idle, cpuhp_report_idle_dead).
struct IdleDeadHook {
  void* object = nullptr;
  Co<> (*body)(void*, Cpu&) = nullptr;
};

/// Told when a CPU stops in the idle loop and when it goes on: what it draws.
struct IdlePowerHook {
  void* object = nullptr;
  void (*call)(void*, Cpu&, bool idle) = nullptr;
};

/// What frequency scaling (a layer above) wants to know: include/linux/sched/cpufreq.h:
/// cpufreq_update_util, of this CPU's own queue; and each tick (arch_scale_freq_tick).
struct CpufreqHooks {
  void* object = nullptr;
  void (*update_util)(void*, Rq&, bool iowait) = nullptr;
  void (*tick)(void*, Rq&) = nullptr;
};

/// The tick from afar of CPUs that have none of their own (a layer above): told on a CPU that starts
/// and on one that dies.
struct RemoteTickHook {
  void* object = nullptr;
  Co<> (*start)(void*, Cpu&) = nullptr;  ///< sched_tick_start()
  void (*stop)(void*, Cpu&) = nullptr;   ///< sched_tick_stop()
};

/// Told when every CPU idles and waits: a run that lasts until nothing is left to happen may end.
struct AllIdleHook {
  void* object = nullptr;
  void (*call)(void*) = nullptr;
};

}  // namespace kt::sched
