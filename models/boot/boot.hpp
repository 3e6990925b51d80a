// The threads that a booted Linux 6.12 has: made at once, at t = 0, in the order in which the
// kernel makes them, with its names, PIDs counted from 1 without the gaps that threads of a moment
// leave, policies, affinities and sleep states. All of them sleep: an idle machine costs nothing.
//
// The list is that of x86-64 with Debian's configuration, without what a piece of hardware brings
// (tpm_dev_wq, nvme-wq, acpi_thermal_pm and the like).
#pragma once

#include <deque>
#include <vector>

#include "models/kthread/smpboot.hpp"
#include "models/rcu/rcu.hpp"
#include "models/softirq/softirq.hpp"
#include "models/workqueue/workqueues.hpp"

namespace kt::boot {

using kthread::Kthreads;
using sched::Task;
using sim::Co;

/// How many idle workers the worker pools of one kind have.
struct PoolWorkers {
  int cpu = -1;  ///< -1: each unbound pool that serves a cache
  bool highpri = false;
  int count = 0;
};

struct BootConfig {
  /// Only PID 1, kthreadd, migration/N and ksoftirqd/N: for explorations.
  bool minimal = false;
  /// With `minimal`: the kworkers too, as something queues works.
  bool workers = true;
  /// With `minimal`: cpuhp/N and RCU's threads too, as CPUs go and come.
  bool hotplug = false;
  /// kswapdN and oom_reaper also if minimal.
  bool reclaim = false;
  /// Instead of the usual counts: two workers a CPU, one highpri; four unbound, one highpri.
  std::vector<PoolWorkers> kworkers{};
};

struct Step;  // one entry of the boot's order

class Boot {
 public:
  Boot(kthread::SmpbootThreads& smpboot, softirq::Softirqs& softirqs,
       workqueue::Workqueues& workqueues, rcu::Rcu& rcu);
  Boot(const Boot&) = delete;
  Boot& operator=(const Boot&) = delete;

  /// Makes the threads. Once, before any other task exists.
  void boot(const BootConfig& config);

  /// PID 1: in TASK_NEW, without code. Whoever runs the scenario gives it a body and starts it.
  [[nodiscard]] Task& control() const { return *control_; }
  /// kswapdN, in the order of the nodes.
  [[nodiscard]] const std::vector<Task*>& kswapds() const { return kswapds_; }
  [[nodiscard]] Kthreads& kthreads() const { return kthreads_; }
  /// The thread of that name, or null.
  [[nodiscard]] Task* find_thread(std::string_view name) const;

  /// kernel/cpu.c: cpuhp_threads, powercap's idle_inject_threads. Nothing asks them to run until
  /// the layer that they belong to sets its callbacks here.
  kthread::HotplugThread cpuhp_threads;
  kthread::HotplugThread idle_inject_threads;

 private:
  void take(const Step& step, const BootConfig& config);
  Task& sleeper(std::string_view name, std::uint32_t state, int nice);
  Task& sleeper(const Step& step, std::string_view name);
  void bind(Task& k, const cpu::CpuMask& mask, cpu::Cpu& cpu);
  std::vector<Task*> per_node(const Step& step);
  void rcu_leaf(int cpu);
  void acpi_irq(const Step& step);

  static Co<> run_ksoftirqd(void* self, cpu::Cpu& cpu);
  void ksoftirqd(int cpu);
  void migration(int cpu);
  void idle_inject(int cpu);
  void secondary_cpus(const BootConfig& config);
  [[nodiscard]] std::vector<int> bringup_order() const;

  void boot_workers();
  void more_workers();
  void bound_workers(int cpu, bool highpri, int to);
  void unbound_workers(bool highpri, int to);
  [[nodiscard]] int worker_count(int cpu, bool highpri) const;

  Kthreads& kthreads_;
  kthread::SmpbootThreads& smpboot_;
  rcu::Rcu& rcu_;
  sched::Scheduler& scheduler_;
  softirq::Softirqs& softirqs_;
  workqueue::Workqueues& workqueues_;
  const cpu::Topology& topology_;
  std::vector<PoolWorkers> kworkers_;
  kthread::HotplugThread softirq_threads_;
  kthread::HotplugThread cpu_stop_threads_;
  Task* control_ = nullptr;
  std::vector<Task*> kswapds_;
};

}  // namespace kt::boot
