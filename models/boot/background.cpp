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

constexpr Time kMs = 1'000'000;

// Of the recording `freeze_failure`: 25 s in which its two CPUs do next to nothing.
constexpr Time kShepherdFirst = 621 * kMs;
constexpr Time kCompactFirst = 449 * kMs;
constexpr Time kCompactPeriod = 500 * kMs;  // HPAGE_FRAG_CHECK_INTERVAL_MSEC
constexpr Time kCompactTime = 6'000;        // 9 us with both switches

// mm/khugepaged.c: khugepaged_scan_sleep_millisecs, and khugepaged_pages_to_scan (4,096 pages) at an
// assumed 50 ns a page.
constexpr Time kHugepagePeriod = 10'000 * kMs;
constexpr Time kHugepageTime = 4'096 * 50;

}  // namespace

Background::Background(Boot& boot, workqueue::Workqueues& workqueues, mm::Memory& memory,
                       Chatter chatter)
    : workqueues_(workqueues),
      vmstat_(workqueues, memory, kShepherdFirst, chatter == Chatter::kServer) {
  add_works(chatter);
  for (int node = 0; node < memory.nr_nodes(); ++node) {
    add_thread(*boot.find_thread(fmt::format("kcompactd{}", node)), kCompactFirst, kCompactPeriod,
               kCompactTime);
  }
  if (chatter == Chatter::kServer) {
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
  timers::Timers& timers = workqueues_.timers();
  periodic.first.function = &wake_thread;
  periodic.first.object = &thread;
  periodic.first.function_name = workqueues_.machine().trace().names().intern("process_timeout");
  periodic.first.address = timers::Timers::stack_address(thread);
  timers.boot_timer(periodic.first, timers.jiffies() + timers.ticks().from_time(first));
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

}  // namespace kt::boot
