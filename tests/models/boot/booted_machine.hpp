// A machine with everything that booting needs, for tests.
#pragma once

#include "models/boot/boot.hpp"
#include "sim/calendar.hpp"

namespace kt::boot {

/// So many CPUs in one node, with so many threads a core.
inline cpu::TopologySpec cpus(int count, int smt = 1) {
  cpu::TopologySpec spec;
  spec.nr_cpus = count;
  spec.smt = smt;
  return spec;
}

struct BootedMachine {
  explicit BootedMachine(const cpu::TopologySpec& spec, const BootConfig& config = {})
      : machine(calendar, cpu::Topology(spec), {}, trace) {
    boot.boot(config);
  }

  [[nodiscard]] sim::FramePool& frame_pool() { return machine.frame_pool(); }

  [[nodiscard]] Task& named(std::string_view name) {
    for (Task& p : scheduler.tasks()) {
      if (trace.names()[p.full_name] == name) return p;
    }
    throw std::out_of_range(std::string(name));
  }

  /// Starts all CPUs, and PID 1 with this code on CPU 0.
  void start(sim::Co<> code) {
    scheduler.make_idle_tasks();
    Task& p = boot.control();
    p.body = std::move(code);
    p.resume_point = p.body.handle();
    scheduler.start(&p);
  }

  sim::Calendar calendar;
  sim::Trace trace;
  timers::Ticks ticks;
  cpu::Machine machine;
  sched::Scheduler scheduler{machine, {}};
  softirq::Softirqs softirqs{scheduler, ticks};
  softirq::Tasklets tasklets{softirqs};
  timers::Timers timers{scheduler, softirqs, ticks};
  locking::Completions completions{scheduler, timers};
  kthread::Kthreads kthreads{scheduler, timers, completions};
  locking::Mutexes mutexes{scheduler};
  locking::Spinlocks spinlocks{scheduler};
  workqueue::Workqueues workqueues{{timers, softirqs, tasklets, completions, mutexes, spinlocks, kthreads},
                                   workqueue::WorkqueueParams(machine.topology())};
  kthread::KthreadWorkers workers{kthreads, spinlocks};
  kthread::SmpbootThreads smpboot{kthreads};
  rcu::Rcu rcu{workers, softirqs};
  Boot boot{smpboot, softirqs, workqueues, rcu};
};

}  // namespace kt::boot
