// The threads that every CPU has: those of kernel/smpboot.c, and the workers of its pools.
#include <fmt/format.h>

#include <algorithm>

#include "models/boot/boot.hpp"

namespace kt::boot {

using cpu::Cpu;
using sched::Policy;

Co<> Boot::run_ksoftirqd(void* self, Cpu& cpu) {
  return static_cast<Boot*>(self)->softirqs_.run_ksoftirqd(cpu);
}

void Boot::ksoftirqd(int cpu) {
  softirqs_.set_ksoftirqd(cpu, smpboot_.boot_thread(softirq_threads_, cpu));
}

// kernel/stop_machine.c: cpu_stop_create, kernel/sched/core.c: sched_set_stop_task: above every
// other class, dressed up as FIFO 99.
void Boot::migration(int cpu) {
  Task& k = smpboot_.boot_thread(cpu_stop_threads_, cpu);
  scheduler_.init_policy(k, Policy::kFifo, 99, 0);
  k.sched_class = sched::Class::kStop;
  scheduler_.rq(cpu).stop = &k;
}

// drivers/powercap/idle_inject.c: idle_inject_setup: sched_set_fifo()
void Boot::idle_inject(int cpu) {
  scheduler_.init_policy(smpboot_.boot_thread(idle_inject_threads, cpu), Policy::kFifo, 50, 0);
}

// kernel/cpu.c: bringup_nonboot_cpus, cpuhp_bringup_cpus_parallel: first one CPU of each core, then
// the siblings.
std::vector<int> Boot::bringup_order() const {
  std::vector<int> order;
  for (int cpu = 1; cpu < topology_.nr_cpus(); ++cpu) order.push_back(cpu);
  std::stable_partition(order.begin(), order.end(),
                        [this](int cpu) { return topology_.siblings(cpu).first() == cpu; });
  return order;
}

// kernel/smpboot.c: smpboot_create_threads goes from the newest kind to the oldest, and
// kernel/workqueue.c: workqueue_prepare_cpu follows, then kernel/rcu/tree.c: rcutree_prepare_cpu.
void Boot::secondary_cpus(const BootConfig& config) {
  for (int cpu : bringup_order()) {
    if (!config.minimal || config.hotplug) smpboot_.boot_thread(cpuhp_threads, cpu);
    if (!config.minimal) idle_inject(cpu);
    migration(cpu);
    ksoftirqd(cpu);
    if (config.minimal) continue;
    bound_workers(cpu, false, 1);
    bound_workers(cpu, true, 1);
    rcu_leaf(cpu);
  }
}

}  // namespace kt::boot
