// Grace periods of preemptible RCU (kernel/rcu/tree.c), as far as somebody waits for them: callbacks,
// the thread rcu_preempt that runs one grace period after the other, and the quiescent states that
// CPUs report in their RCU softirq, which the tick raises. An idle CPU, and one that is offline,
// reports nothing: the thread finds it quiescent when it looks (force_quiescent_state).
//
// No read-side section is modelled: a CPU is quiescent at each switch of tasks, and at each tick that
// hits code which can be preempted. A machine in which nobody asks for a grace period does nothing
// here.
#pragma once

#include <vector>

#include "models/kthread/kthread_worker.hpp"
#include "models/softirq/softirq.hpp"
#include "models/timers/timers.hpp"

namespace kt::rcu {

using cpu::Cpu;
using sched::Task;
using sim::Co;
using sim::Time;

class Rcu;

/// struct rcu_head: what runs in the RCU softirq of the CPU that asked, a grace period later. Must
/// stay until then.
struct RcuHead {
  using Function = Co<> (*)(Rcu& rcu, void* object);
  Function function = nullptr;
  void* object = nullptr;
  std::uint64_t wanted = 0;  ///< the grace period that has to have ended; 0: not known yet
  RcuHead* next = nullptr;
};

class Rcu {
 public:
  Rcu(kthread::KthreadWorkers& workers, softirq::Softirqs& softirqs);
  Rcu(const Rcu&) = delete;
  Rcu& operator=(const Rcu&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return scheduler_.frame_pool(); }

  /// The thread rcu_preempt, and the worker of expedited grace periods, once; kernel/rcu/tree.c:
  /// rcu_spawn_gp_kthread, rcu_start_exp_gp_kworkers.
  Task& boot_thread();
  Task& boot_exp_worker();

  /// kernel/rcu/tree.c: call_rcu
  void call_rcu(RcuHead& head);
  /// Sleeps in D for a grace period; kernel/rcu/tree.c: synchronize_rcu
  Co<> synchronize_rcu();
  /// The same by interrupts to all CPUs that do not idle: tens of microseconds instead of
  /// milliseconds. kernel/rcu/tree_exp.h: synchronize_rcu_expedited
  Co<> synchronize_rcu_expedited();
  /// A CPU that has died: its callbacks go to the CPU of the caller.
  /// kernel/rcu/tree.c: rcutree_migrate_callbacks
  Co<> migrate_callbacks(int dead);
  /// While above zero grace periods are expedited: kernel/rcu/update.c: rcu_expedite_gp.
  void rcu_expedite_gp() { ++expedited_; }
  void rcu_unexpedite_gp() { --expedited_; }

  /// Whether a callback waits somewhere.
  [[nodiscard]] bool busy() const { return callbacks_ != 0; }
  [[nodiscard]] std::uint64_t completed() const { return gp_seq_ / 2; }

 private:
  struct PerCpu {
    RcuHead* head = nullptr;  // oldest first
    RcuHead** tail = &head;
    std::uint64_t gp_seq = 0;    // the last change of gp_seq_ that it has seen
    bool core_needs_qs = false;  // the grace period waits for this CPU
    Time no_qs_since = -1;       // cpu_no_qs, and from when on a quiescent state counts; -1: had one
    std::uint64_t watching_snap = 0;  // nr_halts of the CPU at the first look for it
    bool exp_passed = false;     // a tick hit code that an expedited grace period may end in
    sched::CallSingleData exp_call;  // its interrupt
  };
  [[nodiscard]] PerCpu& at(int cpu) { return percpu_[static_cast<std::size_t>(cpu)]; }
  /// When a whole grace period from now on has ended (rcu_seq_snap).
  [[nodiscard]] std::uint64_t rcu_seq_snap() const { return (gp_seq_ + 3) & ~std::uint64_t{1}; }
  [[nodiscard]] bool in_progress() const { return (gp_seq_ & 1) != 0; }
  [[nodiscard]] bool quiescent(int cpu, const PerCpu& rdp) const;
  [[nodiscard]] bool idle_or_offline(int cpu) const;

  static bool rcu_sched_clock_irq(void* self, Cpu& cpu);
  static bool rcu_needs_cpu(void* self, Cpu& cpu);
  static Co<> rcu_core(void* self, Cpu& cpu);
  bool note_gp_changes(int cpu);
  bool accelerate(PerCpu& rdp);
  Co<> do_batch(PerCpu& rdp);
  Co<> wake_gp_thread();
  Co<> wake_thread();

  static Co<int> gp_kthread(kthread::Kthreads& kthreads, Task& self, void* rcu);
  Co<> gp_init();
  Co<> fqs_loop(Task& self);
  Co<> force_quiescent_state(bool first);
  Co<> gp_cleanup();

  // expedited.cpp
  static Co<> wait_rcu_exp_gp(kthread::KthreadWorkers& workers, kthread::KthreadWork& work);
  static Co<> rcu_exp_handler(void* self, Cpu& cpu);
  static Co<> note_context_switch(void* self, Cpu& cpu);
  [[nodiscard]] bool exp_passed(int cpu) const;
  Co<> select_cpus();
  Co<> report_expedited(int cpu);

  kthread::KthreadWorkers& workers_;
  kthread::Kthreads& kthreads_;
  sched::Scheduler& scheduler_;
  timers::Timers& timers_;
  softirq::Softirqs& softirqs_;
  locking::Completions& completions_;
  std::uint32_t name_;
  std::vector<PerCpu> percpu_;
  cpu::CpuMask waits_for_;    // rnp->qsmask: who has not reported
  std::uint64_t gp_seq_ = 0;  // odd: a grace period is under way
  Time gp_start_ = 0;         // of the last grace period
  std::uint64_t needed_ = 0;  // a grace period up to this value of gp_seq_ is asked for
  std::size_t callbacks_ = 0;
  int expedited_ = 0;
  kthread::KthreadWorker* exp_worker_ = nullptr;
  cpu::CpuMask exp_waits_for_;
  Task* exp_waiter_ = nullptr;
  Task* thread_ = nullptr;
};

}  // namespace kt::rcu
