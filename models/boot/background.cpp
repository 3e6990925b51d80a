#include "models/boot/background.hpp"

#include <fmt/format.h>

#include <array>

namespace kt::boot {

using sim::Time;

/// Times in ns.
struct Background::PeriodicSpec {
  std::string_view function;
  std::string_view workqueue;
  Time period = 0;
  Time cost = 0;
  Time first = 0;
  bool deferrable = true;
  Chatter least = Chatter::kIdle;  ///< only a machine that is at least so busy has it
  std::uint64_t address = 0;
};

namespace {

using sim::kMs;

// Of the recording `freeze_failure`: 25 s in which its two CPUs do next to nothing.
constexpr Time kShepherdFirst = 621 * kMs;
constexpr Time kCompactFirst = 449 * kMs;
constexpr Time kCompactPeriod = 500 * kMs;  // HPAGE_FRAG_CHECK_INTERVAL_MSEC
constexpr Time kCompactTime = 6'000;        // 9 us with both switches

// mm/khugepaged.c: khugepaged_scan_sleep_millisecs, and khugepaged_pages_to_scan (4,096 pages) at
// an assumed 50 ns a page.
constexpr Time kHugepagePeriod = 10'000 * kMs;
constexpr Time kHugepageTime = 4'096 * 50;

// kernel/watchdog.c: sample_period with watchdog_thresh 10.
constexpr Time kLockupPeriod = 4'000 * kMs;

// A daemon's log, as assumed: 4 KiB each second, on a server 64 KiB and fsync() each fifth time.
constexpr Time kLogPeriod = 1'000 * kMs;
constexpr std::uint64_t kLogBytes = 4 << 10;
constexpr std::uint64_t kServerLogBytes = 64 << 10;
constexpr int kServerLogsPerSync = 5;
constexpr Time kLogTime = 50'000;

}  // namespace

Background::Background(Boot& boot, hotplug::Hotplug& hotplug, mm::Memory& memory,
                       fs::FileSystem* file_system, Chatter chatter)
    : hotplug_(hotplug),
      workqueues_(hotplug.base().workqueues),
      kthreads_(boot.kthreads()),
      file_system_(file_system),
      server_(chatter == Chatter::kServer),
      vmstat_(hotplug, memory, kShepherdFirst, server_) {
  add_works(chatter);
  add_lockup_watchdogs();
  if (file_system != nullptr) add_logger();
  for (int node = 0; node < memory.nr_nodes(); ++node) {
    kcompactds_.push_back(boot.find_thread(fmt::format("kcompactd{}", node)));
    add_thread(*kcompactds_.back(), kCompactFirst, kCompactPeriod, kCompactTime);
  }
  hotplug.attach(hotplug::kCpuhpApCompactionOnline, &kcompactd_cpu_online, nullptr, this);
  if (server_) {
    add_thread(*boot.find_thread("khugepaged"), kHugepagePeriod, kHugepagePeriod, kHugepageTime);
  }
}

void Background::add_works(Chatter chatter) {
  static constexpr std::array kWorks{
      PeriodicSpec{.function = "flush_memcg_stats_dwork",
                   .workqueue = "events_unbound",
                   .period = 2'000 * kMs,
                   .cost = 4'900,
                   .first = 53 * kMs,
                   .address = 0xffffffff82d719a0},
      PeriodicSpec{.function = "psi_avgs_work",
                   .workqueue = "events",
                   .period = 2'000 * kMs,
                   .cost = 4'400,
                   .first = 1'729 * kMs,
                   .deferrable = false,
                   .address = 0xffffffff82c5a178},
      // The table of IPv6 neighbours, and that of IPv4.
      PeriodicSpec{.function = "neigh_managed_work",
                   .workqueue = "events_power_efficient",
                   .period = 5'000 * kMs,
                   .cost = 1'900,
                   .first = 385 * kMs,
                   .address = 0xffffffff82e1ad30},
      PeriodicSpec{.function = "neigh_managed_work",
                   .workqueue = "events_power_efficient",
                   .period = 5'000 * kMs,
                   .cost = 1'900,
                   .first = 4'993 * kMs,
                   .address = 0xffffffff82e15950},
      PeriodicSpec{.function = "kfree_rcu_monitor",
                   .workqueue = "kvfree_rcu_reclaim",
                   .period = 5'000 * kMs,
                   .cost = 5'000,
                   .first = 385 * kMs,
                   .deferrable = false,
                   .least = Chatter::kServer,
                   .address = 0xffff88802e622278},
  };
  for (const PeriodicSpec& spec : kWorks) {
    if (spec.least > chatter) continue;
    PeriodicWork& periodic = works_.emplace_back();
    periodic.spec = &spec;
    periodic.wq = workqueues_.find_workqueue(spec.workqueue);
    workqueues_.init_delayed_work(periodic.work, &run_work, spec.function, spec.address);
    if (spec.deferrable) periodic.work.timer.flags |= timers::kTimerDeferrable;
    periodic.work.object = &periodic;
    workqueues_.boot_delayed_work(*periodic.wq, periodic.work, spec.first);
  }
}

Co<> Background::run_work(workqueue::Workqueues& workqueues, workqueue::Work& work) {
  PeriodicWork& periodic = *static_cast<PeriodicWork*>(work.object);
  co_await workqueues.machine().run(periodic.spec->cost);
  co_await workqueues.queue_delayed_work_on(
      workqueue::kWorkCpuUnbound, *periodic.wq, periodic.work,
      workqueues.timers().ticks().from_time(periodic.spec->period));
}

void Background::add_thread(Task& thread, Time first, Time period, Time cost) {
  PeriodicThread& periodic = threads_.emplace_back();
  periodic.period = period;
  periodic.cost = cost;
  thread.kthread->function = &run_thread;
  thread.kthread->data = &periodic;
  wake_later(periodic.first, thread, first);
}

void Background::wake_later(timers::KernelTimer& timer, Task& thread, Time first) {
  timers::Timers& timers = workqueues_.timers();
  timer.function = &wake_thread;
  timer.object = &thread;
  timer.function_name = workqueues_.machine().trace().names().intern("process_timeout");
  timer.address = timers::Timers::stack_address(thread);
  timers.boot_timer(timer, timers.jiffies() + timers.ticks().from_time(first));
}

Co<> Background::wake_thread(timers::Timers& timers, timers::KernelTimer& timer) {
  co_await timers.scheduler().wake_up_process(*static_cast<Task*>(timer.object));
}

Co<int> Background::run_thread(Kthreads& kthreads, Task& self, void* data) {
  const PeriodicThread& periodic = *static_cast<const PeriodicThread*>(data);
  const timers::Jiffies period = kthreads.timers().ticks().from_time(periodic.period);
  for (;;) {
    co_await kthreads.scheduler().machine().run(periodic.cost);
    if (Kthreads::should_stop(self)) co_return 0;
    self.state = sched::kTaskInterruptible | sched::kTaskFreezable;
    co_await kthreads.timers().schedule_timeout(period);
  }
}

// kernel/watchdog.c: watchdog_cpumask: not on the CPUs of nohz_full=.
void Background::add_lockup_watchdogs() {
  constexpr std::uint64_t kFirstCpu = 0xffff88802e61e5a0;
  constexpr std::uint64_t kNextCpu = 0x100000;
  timers::Timers& timers = workqueues_.timers();
  sim::NameTable& names = workqueues_.machine().trace().names();
  for (int cpu = 0; cpu < workqueues_.machine().nr_cpus(); ++cpu) {
    Lockup& lockup = lockups_.emplace_back();
    lockup.hotplug = &hotplug_;
    lockup.cpu = cpu;
    lockup.watched = workqueues_.scheduler().housekeeping().test(cpu);
    lockup.stop_work.function = &softlockup_fn;
    lockup.stop_work.data = &lockup;
    lockup.softlockup.name = names.intern("softlockup_completion");
    lockup.softlockup.done = 1;
    lockup.timer.function = &watchdog_timer_fn;
    lockup.timer.object = &lockup;
    lockup.timer.function_name = names.intern("watchdog_timer_fn");
    lockup.timer.address = kFirstCpu + static_cast<std::uint64_t>(cpu) * kNextCpu;
    lockup.timer.pinned = lockup.timer.hard = true;
    timers.hrtimer_init(lockup.timer, false);
    if (lockup.watched) timers.boot_hrtimer(lockup.timer, cpu, kLockupPeriod);
  }
  hotplug_.attach(hotplug::kCpuhpApWatchdogOnline, &lockup_detector_online_cpu,
                  &lockup_detector_offline_cpu, this);
}

// watchdog_enable()
Co<int> Background::lockup_detector_online_cpu(hotplug::Hotplug&, cpu::Cpu& cpu, void* self) {
  Background& background = *static_cast<Background*>(self);
  Lockup& lockup = background.lockups_[static_cast<std::size_t>(cpu.id())];
  if (!lockup.watched) co_return 0;
  lockup.softlockup.done = 1;
  timers::Timers& timers = background.workqueues_.timers();
  timers.hrtimer_start(lockup.timer, timers.machine().now() + kLockupPeriod, 0);
  co_return 0;
}

// watchdog_disable()
Co<int> Background::lockup_detector_offline_cpu(hotplug::Hotplug& hotplug, cpu::Cpu& cpu,
                                                void* self) {
  Background& background = *static_cast<Background*>(self);
  Lockup& lockup = background.lockups_[static_cast<std::size_t>(cpu.id())];
  if (!lockup.watched) co_return 0;
  co_await background.workqueues_.timers().hrtimer_cancel(lockup.timer);
  co_await hotplug.base().completions.wait_for_completion(
      lockup.softlockup, sched::kTaskUninterruptible, timers::kMaxScheduleTimeout,
      {sched::WaitKind::kCompletion, lockup.softlockup.name, nullptr});
  co_return 0;
}

// That it runs is what it is there for.
Co<> Background::softlockup_fn(sched::Scheduler&, cpu::Cpu&, sched::Scheduler::StopWork& work) {
  Lockup& lockup = *static_cast<Lockup*>(work.data);
  return lockup.hotplug->base().completions.complete(lockup.softlockup);
}

Co<bool> Background::watchdog_timer_fn(timers::Timers& timers, timers::KernelHrtimer& timer,
                                       cpu::Cpu&) {
  Lockup& lockup = *static_cast<Lockup*>(timer.object);
  if (std::exchange(lockup.softlockup.done, 0) != 0) {
    co_await timers.scheduler().stop_one_cpu_nowait(lockup.cpu, lockup.stop_work);
  }
  timer.set_expires(timers.machine().now() + kLockupPeriod);
  co_return true;
}

// mm/compaction.c: a node that has a CPU again has its thread there.
Co<int> Background::kcompactd_cpu_online(hotplug::Hotplug& hotplug, cpu::Cpu&, void* self) {
  const cpu::Machine& machine = hotplug.scheduler().machine();
  int node = 0;
  for (Task* kcompactd : static_cast<Background*>(self)->kcompactds_) {
    const cpu::CpuMask& cpus = machine.topology().node(node++);
    if (machine.online_mask().first_and(cpus) < 0) continue;
    co_await hotplug.scheduler().set_cpus_allowed(*kcompactd, cpus, false);
  }
  co_return 0;
}

void Background::add_logger() {
  sched::Scheduler& scheduler = workqueues_.scheduler();
  Task& logger = scheduler.new_task("systemd-journal");
  logger.ppid = 1;
  logger.mm = 1U << 31;
  logger.body = log();
  logger.resume_point = logger.body.handle();
  logger.state = sched::kTaskInterruptible;
  logger.cpu = &workqueues_.machine().cpu(0);
  wake_later(logger_timer_, logger, kLogPeriod);
}

Co<> Background::log() {
  sched::Scheduler& scheduler = workqueues_.scheduler();
  co_await scheduler.schedule_tail();
  Task& self = scheduler.current();
  for (int logs = 1; !self.fatal_signal; ++logs) {
    co_await workqueues_.machine().run(kLogTime);
    co_await file_system_->write(server_ ? kServerLogBytes : kLogBytes, -1);
    if (server_ && logs % kServerLogsPerSync == 0) co_await file_system_->fsync();
    co_await scheduler.exit_to_user_mode();
    const Time next = workqueues_.machine().now() + kLogPeriod;
    while (workqueues_.machine().now() < next && !self.fatal_signal) {  // epoll_wait()
      self.state = sched::kTaskInterruptible;
      co_await workqueues_.timers().schedule_hrtimeout_range(next, 0);
      co_await scheduler.exit_to_user_mode();  // where the freezer's signal takes it
    }
  }
  co_await kthreads_.do_exit(self);
}

}  // namespace kt::boot
