#include "models/mm/vmstat.hpp"

#include "models/timers/round_jiffies.hpp"

namespace kt::mm {

namespace {

constexpr Time kStatInterval = 1'000'000'000;  // ns, sysctl_stat_interval
// Recorded: 4.2 and 5.6 us, and four updates a CPU after something had happened on it, while
// decay_pcp_high() gives pages of its lists back (scenarios/README.md: Background).
constexpr Time kShepherdTime = 4'200;
constexpr Time kUpdateTime = 5'600;
constexpr int kShrinkingUpdates = 3;

}  // namespace

Vmstat::Vmstat(hotplug::Hotplug& hotplug, Memory& memory, Time first, bool busy)
    : hotplug_(hotplug),
      workqueues_(hotplug.base().workqueues),
      memory_(memory),
      busy_(busy),
      mm_percpu_wq_(workqueues_.find_workqueue("mm_percpu_wq")) {
  constexpr std::uint64_t kShepherd = 0xffffffff82d59da0;
  constexpr std::uint64_t kFirstCpu = 0xffff88802e631200;
  constexpr std::uint64_t kNextCpu = 0x100000;
  workqueues_.init_delayed_work(shepherd_, &vmstat_shepherd, "vmstat_shepherd", kShepherd);
  shepherd_.timer.flags |= timers::kTimerDeferrable;
  shepherd_.object = this;
  for (int cpu = 0; cpu < workqueues_.machine().nr_cpus(); ++cpu) {
    PerCpu& percpu = percpu_.emplace_back();
    percpu.vmstat = this;
    percpu.cpu = cpu;
    workqueues_.init_delayed_work(percpu.work, &vmstat_update, "vmstat_update",
                                  kFirstCpu + static_cast<std::uint64_t>(cpu) * kNextCpu);
    percpu.work.timer.flags |= timers::kTimerDeferrable;
    percpu.work.object = &percpu;
  }
  workqueues_.boot_delayed_work(*workqueues_.system().events, shepherd_, first);
  hotplug.attach(hotplug::kCpuhpApVmstatOnline, nullptr, &vmstat_cpu_down_prep, this);
  hotplug.attach(hotplug::kCpuhpMmVmstatDead, nullptr, &vmstat_cpu_dead, this);
}

Co<int> Vmstat::vmstat_cpu_down_prep(hotplug::Hotplug&, cpu::Cpu& cpu, void* self) {
  Vmstat& vmstat = *static_cast<Vmstat*>(self);
  co_await vmstat.workqueues_.cancel_work_sync(vmstat.at(cpu.id()).work);
  co_return 0;
}

// What its counters had has been folded into the global ones by now (page_alloc_cpu_dead).
Co<int> Vmstat::vmstat_cpu_dead(hotplug::Hotplug&, cpu::Cpu& cpu, void* self) {
  Vmstat& vmstat = *static_cast<Vmstat*>(self);
  static_cast<void>(vmstat.memory_.take_counters_changed(cpu.id()));
  vmstat.at(cpu.id()).shrinking = 0;
  co_return 0;
}

timers::Jiffies Vmstat::stat_interval() const {
  const timers::Timers& timers = workqueues_.timers();
  const timers::Jiffies second = timers.ticks().from_time(kStatInterval);
  return timers::round_jiffies_relative(timers.jiffies(), second,
                                        workqueues_.machine().this_cpu().id(), second);
}

bool Vmstat::need_update(PerCpu& percpu) {
  if (memory_.take_counters_changed(percpu.cpu)) percpu.shrinking = kShrinkingUpdates + 1;
  return busy_ || percpu.shrinking > 0;
}

Co<> Vmstat::vmstat_update(workqueue::Workqueues&, workqueue::Work& work) {
  PerCpu& percpu = *static_cast<PerCpu*>(work.object);
  return percpu.vmstat->update(percpu);
}

// Goes on as long as it finds something (refresh_cpu_vm_stats).
Co<> Vmstat::update(PerCpu& percpu) {
  co_await workqueues_.machine().run(kUpdateTime);
  if (!need_update(percpu)) co_return;
  if (percpu.shrinking > 0) --percpu.shrinking;
  co_await workqueues_.queue_delayed_work_on(percpu.cpu, *mm_percpu_wq_, percpu.work,
                                             stat_interval());
}

Co<> Vmstat::vmstat_shepherd(workqueue::Workqueues&, workqueue::Work& work) {
  return static_cast<Vmstat*>(work.object)->shepherd();
}

// The CPUs of isolcpus= and nohz_full= are left alone (cpu_is_isolated).
Co<> Vmstat::shepherd() {
  co_await workqueues_.machine().run(kShepherdTime);
  co_await hotplug_.cpus_read_lock();
  sched::Scheduler& scheduler = workqueues_.scheduler();
  for (const int cpu : workqueues_.machine().online_mask()) {
    PerCpu& percpu = at(cpu);
    if (!scheduler.domain_cpus().test(percpu.cpu)) continue;
    if (!scheduler.housekeeping().test(percpu.cpu)) continue;
    if (!workqueue::Workqueues::work_pending(percpu.work) && need_update(percpu)) {
      co_await workqueues_.queue_delayed_work_on(percpu.cpu, *mm_percpu_wq_, percpu.work, 0);
    }
    co_await scheduler.cond_resched();
  }
  co_await hotplug_.cpus_read_unlock();
  co_await workqueues_.queue_delayed_work_on(
      workqueue::kWorkCpuUnbound, *workqueues_.system().events, shepherd_, stat_interval());
}

}  // namespace kt::mm
