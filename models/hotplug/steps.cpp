// The steps of a 6.12 kernel on x86-64 with Debian's configuration, in order: kernel/cpu.c:
// cpuhp_hp_states, and what subsystems add with cpuhp_setup_state(). Those of subsystems without a
// model are a name and a time, as recorded from that kernel under instruction counting.
#include <cerrno>

#include "models/hotplug/hotplug.hpp"
#include "sim/error.hpp"

namespace kt::hotplug {

/// What the steps do to the models.
struct Callbacks {
  static Co<int> smpboot_create_threads(Hotplug& hotplug, Cpu& cpu, void*) {
    return hotplug.base_.smpboot.smpboot_create_threads(cpu.id());
  }
  static Co<int> takeover_tasklets(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.base_.workqueues.workqueue_softirq_dead(cpu.id());
    co_await hotplug.base_.tasklets.takeover_tasklets(cpu.id());
    co_return 0;
  }
  // net/core/dev.c: the queues of the CPU go on here: with what they had, and if they had nothing.
  static Co<int> dev_cpu_dead(Hotplug& hotplug, Cpu&, void*) {
    Cpu& here = hotplug.machine().this_cpu();
    here.local_irq_disable();
    co_await hotplug.base_.softirqs.raise_softirq_irqoff(here, softirq::Vec::kNetTx);
    here.local_irq_enable();
    co_return 0;
  }
  // lib/irq_poll.c: the same, served before it returns.
  static Co<int> irq_poll_cpu_dead(Hotplug& hotplug, Cpu&, void*) {
    softirq::Softirqs& softirqs = hotplug.base_.softirqs;
    co_await softirqs.local_bh_disable();
    Cpu& here = hotplug.machine().this_cpu();
    here.local_irq_disable();
    softirqs.raise_irqoff(here, softirq::Vec::kIrqPoll);
    here.local_irq_enable();
    co_await softirqs.local_bh_enable();
    co_return 0;
  }
  // It takes a mutex: whoever has become runnable meanwhile runs.
  static Co<int> might_sleep(Hotplug& hotplug, Cpu&, void*) {
    co_await hotplug.scheduler_.might_sleep();
    co_return 0;
  }
  static Co<int> workqueue_prepare_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    return hotplug.base_.workqueues.workqueue_prepare_cpu(cpu.id());
  }
  // Only with nohz_full=, where one CPU keeps the time for all.
  static Co<int> tick_nohz_cpu_down(Hotplug& hotplug, Cpu& cpu, void*) {
    co_return hotplug.base_.timers.tick_nohz_cpu_hotpluggable(cpu.id()) ? 0 : -EBUSY;
  }
  static Co<int> timers_prepare_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    hotplug.base_.timers.timers_prepare_cpu(cpu.id());
    co_return 0;
  }
  static Co<int> timers_dead_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    hotplug.base_.timers.timers_dead_cpu(cpu.id());
    co_return 0;
  }
  static Co<int> cpuhp_kick_ap_alive(Hotplug& hotplug, Cpu& cpu, void*) {
    return hotplug.kick_ap_alive(cpu);
  }
  static Co<int> cpuhp_bringup_ap(Hotplug& hotplug, Cpu& cpu, void*) {
    return hotplug.bringup_ap(cpu);
  }
  // arch/x86/kernel/cpu/cacheinfo.c: all CPUs set their caches up at the same time.
  static Co<int> cache_rendezvous_handler(void*, Cpu&) { co_return 0; }
  static Co<int> cache_ap_online(Hotplug& hotplug, Cpu& cpu, void*) {
    if (hotplug.cache_aps_delayed_init_) co_return 0;
    co_return co_await hotplug.stop_machine_.stop_machine_from_inactive_cpu(
        cpu, &cache_rendezvous_handler, nullptr);
  }
  static Co<int> sched_cpu_starting(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.scheduler_.sched_cpu_starting(cpu);
    co_return 0;
  }
  static Co<int> sched_cpu_dying(Hotplug& hotplug, Cpu& cpu, void*) {
    hotplug.scheduler_.sched_cpu_dying(cpu);
    co_return 0;
  }
  // What was asked of the CPU by interrupt is done before it goes (flush_smp_call_function_queue).
  static Co<int> smpcfd_dying_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    return hotplug.scheduler_.smpcfd_dying_cpu(cpu);
  }
  static Co<int> hrtimers_cpu_starting(Hotplug& hotplug, Cpu& cpu, void*) {
    hotplug.base_.timers.hrtimers_cpu_starting(cpu);
    co_return 0;
  }
  static Co<int> hrtimers_cpu_dying(Hotplug& hotplug, Cpu& cpu, void*) {
    const cpu::CpuMask& active = hotplug.scheduler_.active_mask();
    int target = active.first_and(hotplug.scheduler_.housekeeping());
    if (target < 0) target = active.first();
    hotplug.base_.timers.hrtimers_cpu_dying(cpu, hotplug.machine().cpu(target));
    co_return 0;
  }
  static Co<int> tick_cpu_dying(Hotplug& hotplug, Cpu& cpu, void*) {
    hotplug.base_.timers.tick_cpu_dying(cpu);
    co_return 0;
  }
  static Co<int> takedown_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    return hotplug.takedown_cpu(cpu);
  }
  static Co<int> sched_cpu_wait_empty(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.scheduler_.sched_cpu_wait_empty(cpu);
    co_return 0;
  }
  static Co<int> smpboot_unpark_threads(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.base_.smpboot.smpboot_unpark_threads(cpu.id());
    co_return 0;
  }
  static Co<int> smpboot_park_threads(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.base_.smpboot.smpboot_park_threads(cpu.id());
    co_return 0;
  }
  static Co<int> workqueue_online_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.base_.workqueues.workqueue_online_cpu(cpu.id());
    co_return 0;
  }
  static Co<int> workqueue_offline_cpu(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.base_.workqueues.workqueue_offline_cpu(cpu.id());
    co_return 0;
  }
  static Co<int> sched_cpu_activate(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.scheduler_.sched_cpu_activate(cpu);
    co_return 0;
  }
  static Co<> synchronize(void* rcu) { return static_cast<rcu::Rcu*>(rcu)->synchronize_rcu(); }
  static Co<int> sched_cpu_deactivate(Hotplug& hotplug, Cpu& cpu, void*) {
    co_await hotplug.scheduler_.sched_cpu_deactivate(cpu, {&hotplug.base_.rcu, &synchronize});
    co_return 0;
  }
};

void Hotplug::add(const Step& step) {
  steps_[static_cast<std::size_t>(step.state)] = step;
}

void Hotplug::attach(int state, StepCallback::Function startup, StepCallback::Function teardown,
                     void* object) {
  Step& step = steps_[static_cast<std::size_t>(state)];
  const auto set = [object](StepCallback& callback, StepCallback::Function function) {
    if (function == nullptr) return;
    KT_ASSERT(!callback.name.empty() && callback.function == nullptr,
              "no step whose time alone is known");
    callback.function = function;
    callback.object = object;
  };
  set(step.startup, startup);
  set(step.teardown, teardown);
}

Co<> Hotplug::cache_aps_init() {
  co_await cpus_read_lock();  // stop_machine()
  co_await stop_machine_.stop_machine_cpuslocked(&Callbacks::cache_rendezvous_handler, nullptr,
                                                 machine().online_mask());
  co_await cpus_read_unlock();
  cache_aps_delayed_init_ = false;
}

void Hotplug::make_steps() {
  make_prepare_steps();
  make_starting_steps();
  make_online_steps();
}

void Hotplug::make_prepare_steps() {
  using C = Callbacks;
  const StepCallback none;
  add({1, "threads:prepare", {"smpboot_create_threads", 1'000, &C::smpboot_create_threads}, none});
  add({2, "perf:prepare", {"perf_event_init_cpu", 2'000}, {"perf_event_exit_cpu", 14'000}});
  add({8, "x86/mce:dead", none, {"mce_cpu_dead", 1'000}});
  add({11, "slub:dead", none, {"slub_cpu_dead", 60'000, &C::might_sleep}});
  add({13, "mm/writeback:dead", none, {"page_writeback_cpu_online", 1'000}});
  add({14, "mm/vmstat:dead", none, {"vmstat_cpu_dead", 3'000}});
  add({15, "softirq:dead", none, {"takeover_tasklets", 1'000, &C::takeover_tasklets}});
  add({20, "irq_poll:dead", none, {"irq_poll_cpu_dead", 1'000, &C::irq_poll_cpu_dead}});
  add({21, "block/softirq:dead", none, {"blk_softirq_cpu_dead", 1'000}});
  add({.state = 22, .name = "block/bio:dead", .teardown = {"bio_cpu_dead", 2'000}, .instances = 2});
  add({23, "acpi/cpu-drv:dead", none, {"acpi_soft_cpu_dead", 2'000}});
  add({26, "fs/buffer:dead", none, {"buffer_exit_cpu_dead", 2'000}});
  add({27, "printk:dead", none, {"console_cpu_notify", 4'000}});
  add({28, "mm/memctrl:dead", none, {"memcg_hotplug_cpu_dead", 1'000}});
  add({29, "lib/percpu_cnt:dead", none, {"percpu_counter_cpu_dead", 3'000}});
  add({30, "lib/radix:dead", none, {"radix_tree_cpu_dead", 6'000}});
  add({31,
       "mm/page_alloc:pcp",
       {"page_alloc_cpu_online", 3'000},
       {"page_alloc_cpu_dead", 500'000, &C::might_sleep}});
  add({32, "net/dev:dead", none, {"dev_cpu_dead", 1'000, &C::dev_cpu_dead}});
  add({37, "random:prepare", {"random_prepare_cpu", 1'000}, none});
  add({38, "workqueue:prepare", {"workqueue_prepare_cpu", 1'000, &C::workqueue_prepare_cpu}, none});
  add({40, "hrtimers:prepare", {"hrtimers_prepare_cpu", 1'000}, none});
  add({42, "smpcfd:prepare", {"smpcfd_prepare_cpu", 6'000}, {"smpcfd_dead_cpu", 3'000}});
  add({43, "relay:prepare", {"relay_prepare_cpu", 1'000}, none});
  add({45, "RCU/tree:prepare", {"rcutree_prepare_cpu", 2'000}, {"rcutree_dead_cpu", 2'000}});
  add({53, "base/topology:prepare", {"topology_add_dev", 47'000}, {"topology_remove_dev", 40'000}});
  add({.state = 56,
       .name = "trace/RB:prepare",
       .startup = {"trace_rb_cpu_prepare", 1'000},
       .instances = 3});
  add({61,
       "timers:prepare",
       {"timers_prepare_cpu", 1'000, &C::timers_prepare_cpu},
       {"timers_dead_cpu", 20'000, &C::timers_dead_cpu}});
  add({62, "tmigr:prepare", {"tmigr_cpu_prepare", 2'000}, none});
  add({64, "fork:vm_stack_cache", none, {"free_vm_stack_cache", 1'000}});
  add({65, "crash/cpuhp", {"crash_cpuhp_online", 1'000}, {"crash_cpuhp_offline", 2'000}});
  add({85, "cpu:kick_ap", {"cpuhp_kick_ap_alive", 0, &C::cpuhp_kick_ap_alive}, none});
  add({86, "cpu:bringup", {"cpuhp_bringup_ap", 0, &C::cpuhp_bringup_ap}, {"finish_cpu", 2'000}});
}

void Hotplug::make_starting_steps() {
  using C = Callbacks;
  const StepCallback none;
  add({89, "x86/cachectrl:starting", {"cache_ap_online", 0, &C::cache_ap_online}, none});
  add({90,
       "sched:starting",
       {"sched_cpu_starting", 500, &C::sched_cpu_starting},
       {"sched_cpu_dying", 500, &C::sched_cpu_dying}});
  add({91, "RCU/tree:dying", none, {"rcutree_dying_cpu", 500}});
  add({139, "smpcfd:dying", none, {"smpcfd_dying_cpu", 500, &C::smpcfd_dying_cpu}});
  add({140,
       "hrtimers:dying",
       {"hrtimers_cpu_starting", 500, &C::hrtimers_cpu_starting},
       {"hrtimers_cpu_dying", 1'000, &C::hrtimers_cpu_dying}});
  add({141, "tick:dying", none, {"tick_cpu_dying", 500, &C::tick_cpu_dying}});
}

void Hotplug::make_online_steps() {
  using C = Callbacks;
  const StepCallback none;
  add({145, "cpu:teardown", none, {"takedown_cpu", 0, &C::takedown_cpu}});
  add({149, "sched:waitempty", none, {"sched_cpu_wait_empty", 1'000, &C::sched_cpu_wait_empty}});
  add({150,
       "smpboot/threads:online",
       {"smpboot_unpark_threads", 500, &C::smpboot_unpark_threads},
       {"smpboot_park_threads", 500, &C::smpboot_park_threads}});
  add({151, "irq/affinity:online", {"irq_affinity_online_cpu", 20'000}, none});
  add({155, "perf:online", {"perf_event_init_cpu", 2'000}, {"perf_event_exit_cpu", 3'000}});
  add({186, "tmigr:online", {"tmigr_cpu_online", 2'000}, {"tmigr_cpu_offline", 2'000}});
  add({187,
       "lockup_detector:online",
       {"lockup_detector_online_cpu", 2'000},
       {"lockup_detector_offline_cpu", 1'000}});
  add({188,
       "workqueue:online",
       {"workqueue_online_cpu", 50'000, &C::workqueue_online_cpu},
       {"workqueue_offline_cpu", 42'000, &C::workqueue_offline_cpu}});
  add({189, "random:online", {"random_online_cpu", 1'000}, none});
  add({190, "RCU/tree:online", {"rcutree_online_cpu", 4'000}, {"rcutree_offline_cpu", 3'000}});
  add({191,
       "base/cacheinfo:online",
       {"cacheinfo_cpu_online", 280'000},
       {"cacheinfo_cpu_pre_down", 140'000}});
  add({192, "mm/writeback:online", {"page_writeback_cpu_online", 1'000}, none});
  add({193, "mm/vmstat:online", {"vmstat_cpu_online", 3'000}, {"vmstat_cpu_down_prep", 2'000}});
  if (!scheduler_.config().tick_full.empty())
    add({194, "kernel/nohz:predown", none, {"tick_nohz_cpu_down", 500, &C::tick_nohz_cpu_down}});
  add({195, "mm/compaction:online", {"kcompactd_cpu_online", 2'000}, none});
  add({197, "lib/percpu_cnt:online", {"compute_batch_value", 2'000}, none});
  add({198, "ledtrig:online", {"ledtrig_online_cpu", 2'000}, {"ledtrig_prepare_down_cpu", 2'000}});
  add({199, "acpi/cpu-drv:online", {"acpi_soft_cpu_online", 6'000}, none});
  add({200, "x86/mce:online", {"mce_cpu_online", 125'000}, {"mce_cpu_pre_down", 85'000}});
  add({201, "printk:online", {"console_cpu_notify", 4'000}, none});
  add({235,
       "sched:active",
       {"sched_cpu_activate", 1'000, &C::sched_cpu_activate},
       {"sched_cpu_deactivate", 1'000, &C::sched_cpu_deactivate}});
}

}  // namespace kt::hotplug
