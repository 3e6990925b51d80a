#include "models/rcu/rcu.hpp"

#include <algorithm>

namespace kt::rcu {

using cpu::Cpu;

namespace {

// As assumed: one callback, the start or the end of a grace period for one CPU.
constexpr sim::Time kCallback = 300;
constexpr sim::Time kPerCpu = 200;

}  // namespace

Rcu::Rcu(kthread::Kthreads& kthreads, softirq::Softirqs& softirqs, Task& gp_thread)
    : kthreads_(kthreads),
      scheduler_(kthreads.scheduler()),
      softirqs_(softirqs),
      gp_thread_(gp_thread),
      percpu_(static_cast<std::size_t>(scheduler_.machine().nr_cpus())) {
  gp_thread.kthread->function = &rcu_gp_kthread;
  gp_thread.kthread->data = this;
  softirqs.open_softirq(softirq::Vec::kRcu, &rcu_core_si, this);
  kthreads.timers().tick_hook = {this, &rcu_sched_clock_irq};
}

// In the tick: raises the softirq if it has something to do (rcu_pending).
void Rcu::rcu_sched_clock_irq(void* self, Cpu& cpu) {
  Rcu& rcu = *static_cast<Rcu*>(self);
  PerCpu& percpu = rcu.at(cpu);
  if (!static_cast<const Task*>(cpu.current)->is_idle()) ++percpu.next;
  const bool starts = percpu.next > 0 && !rcu.gp_running_ && !rcu.gp_requested_;
  const bool reports = rcu.gp_running_ && percpu.needs_qs;
  if (starts || reports || percpu.done > 0) {
    rcu.softirqs_.raise_irqoff(cpu, softirq::Vec::kRcu);
  }
}

Co<> Rcu::rcu_core_si(void* self, Cpu& cpu) {
  return static_cast<Rcu*>(self)->rcu_core(cpu);
}

Co<> Rcu::rcu_core(Cpu& cpu) {
  PerCpu& percpu = at(cpu);
  bool wake = false;
  if (gp_running_ && percpu.needs_qs) {  // rcu_report_qs_rdp()
    percpu.needs_qs = false;
    wake = all_reported();
  }
  if (percpu.next > 0 && !gp_running_ && !gp_requested_) {  // rcu_start_this_gp()
    gp_requested_ = true;
    wake = true;
  }
  if (wake) co_await scheduler_.try_to_wake_up(gp_thread_, sched::kTaskNormal, 0);
  const unsigned done = std::exchange(percpu.done, 0);
  if (done > 0) co_await cpu.run(static_cast<sim::Time>(done) * kCallback);  // rcu_do_batch()
}

Co<int> Rcu::rcu_gp_kthread(kthread::Kthreads&, Task& self, void* data) {
  co_await static_cast<Rcu*>(data)->gp_thread(self);
  co_return 0;
}

Co<> Rcu::gp_thread(Task& self) {
  for (;;) {
    while (!gp_requested_) {
      self.state = sched::kTaskIdle;
      if (!gp_requested_) co_await scheduler_.schedule();
    }
    self.state = sched::kTaskRunning;
    co_await rcu_gp_init();
    while (!all_reported()) {  // rcu_gp_fqs_loop()
      self.state = sched::kTaskIdle;
      constexpr timers::Jiffies kFirstFqs = 1;  // jiffies_till_first_fqs up to 250 Hz
      co_await kthreads_.timers().schedule_timeout(kFirstFqs);
      report_idle_cpus();
    }
    co_await scheduler_.machine().run(static_cast<sim::Time>(percpu_.size()) * kPerCpu);
    rcu_gp_cleanup();
  }
}

Co<> Rcu::rcu_gp_init() {
  co_await scheduler_.machine().run(static_cast<sim::Time>(percpu_.size()) * kPerCpu);
  gp_requested_ = false;
  gp_running_ = true;
  for (PerCpu& percpu : percpu_) {
    percpu.waiting = std::exchange(percpu.next, 0);
    percpu.needs_qs = true;
  }
}

// Callbacks that have come meanwhile want the next one.
void Rcu::rcu_gp_cleanup() {
  gp_running_ = false;
  ++grace_periods_;
  for (PerCpu& percpu : percpu_) {
    percpu.done += std::exchange(percpu.waiting, 0);
    gp_requested_ = gp_requested_ || percpu.next > 0;
  }
}

// rcu_gp_fqs(), dyntick_save_progress_counter()
void Rcu::report_idle_cpus() {
  for (int cpu = 0; cpu < scheduler_.machine().nr_cpus(); ++cpu) {
    const sched::Rq& rq = scheduler_.rq(cpu);
    if (rq.curr == rq.idle) percpu_[static_cast<std::size_t>(cpu)].needs_qs = false;
  }
}

bool Rcu::all_reported() const {
  return std::ranges::none_of(percpu_, &PerCpu::needs_qs);
}

}  // namespace kt::rcu
