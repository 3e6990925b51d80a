// Grace periods of RCU (kernel/rcu/tree.c) in one level: rcu_preempt starts one when a CPU has
// callbacks, waits until each CPU has passed a quiescent state, and lets the callbacks run, in the
// RCU softirq. A CPU that runs something reports at its tick; one that idles is found idle when the
// thread looks after it has slept a jiffy.
//
// Nothing in the models waits for a grace period: this is for the background. Each CPU is taken to
// queue one callback at each tick in which it does not idle.
#pragma once

#include <vector>

#include "models/kthread/kthread.hpp"
#include "models/softirq/softirq.hpp"

namespace kt::rcu {

using sched::Task;
using sim::Co;

class Rcu {
 public:
  /// `gp_thread` is rcu_preempt, asleep since boot. Before the run.
  Rcu(kthread::Kthreads& kthreads, softirq::Softirqs& softirqs, Task& gp_thread);
  Rcu(const Rcu&) = delete;
  Rcu& operator=(const Rcu&) = delete;
  [[nodiscard]] sim::FramePool& frame_pool() const { return kthreads_.frame_pool(); }

  [[nodiscard]] std::uint64_t grace_periods() const { return grace_periods_; }

 private:
  struct PerCpu {
    unsigned next = 0;     ///< callbacks for the next grace period
    unsigned waiting = 0;  ///< for the one that runs
    unsigned done = 0;     ///< to be run
    bool needs_qs = false;
  };
  static void rcu_sched_clock_irq(void* self, cpu::Cpu& cpu);
  static Co<> rcu_core_si(void* self, cpu::Cpu& cpu);
  static Co<int> rcu_gp_kthread(kthread::Kthreads& kthreads, Task& self, void* rcu);
  Co<> rcu_core(cpu::Cpu& cpu);
  Co<> gp_thread(Task& self);
  Co<> rcu_gp_init();
  void rcu_gp_cleanup();
  void report_idle_cpus();
  [[nodiscard]] bool all_reported() const;
  [[nodiscard]] PerCpu& at(const cpu::Cpu& cpu) {
    return percpu_[static_cast<std::size_t>(cpu.id())];
  }

  kthread::Kthreads& kthreads_;
  sched::Scheduler& scheduler_;
  softirq::Softirqs& softirqs_;
  Task& gp_thread_;
  std::vector<PerCpu> percpu_;
  bool gp_requested_ = false;
  bool gp_running_ = false;
  std::uint64_t grace_periods_ = 0;
};

}  // namespace kt::rcu
