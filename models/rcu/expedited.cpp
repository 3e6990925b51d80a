// kernel/rcu/tree_exp.h: grace periods by interrupt.
#include "models/rcu/rcu.hpp"

namespace kt::rcu {

namespace {

// struct rcu_exp_work, on the stack of who waits.
struct ExpeditedWork : kthread::KthreadWork {
  Rcu* rcu = nullptr;
  locking::Completion done;
};

}  // namespace

Task& Rcu::boot_exp_worker() {
  constexpr std::uint64_t kAddress = 0xffff8880041e9b80;
  exp_worker_ = &workers_.boot_worker("rcu_exp_gp_kthread_worker", kAddress);
  return *exp_worker_->task;
}

Co<> Rcu::synchronize_rcu_expedited() {
  ExpeditedWork work;
  work.rcu = this;
  work.done.name = name_;
  workers_.kthread_init_work(work, &wait_rcu_exp_gp, "wait_rcu_exp_gp",
                             timers::Timers::stack_address(scheduler_.current()));
  work.object = this;
  co_await workers_.kthread_queue_work(*exp_worker_, work);
  co_await completions_.wait_for_completion(work.done, sched::kTaskUninterruptible,
                                            timers::kMaxScheduleTimeout,
                                            {sched::WaitKind::kCompletion, name_, nullptr});
}

Co<> Rcu::wait_rcu_exp_gp(kthread::KthreadWorkers&, kthread::KthreadWork& work) {
  ExpeditedWork& expedited = static_cast<ExpeditedWork&>(work);
  Rcu& rcu = *expedited.rcu;
  Task& self = rcu.scheduler_.current();
  co_await rcu.select_cpus();
  rcu.exp_waiter_ = &self;
  for (;;) {  // synchronize_rcu_expedited_wait()
    self.state = sched::kTaskUninterruptible;
    if (rcu.exp_waits_for_.empty()) break;
    co_await rcu.scheduler_.schedule();
  }
  self.state = sched::kTaskRunning;
  rcu.exp_waiter_ = nullptr;
  co_await rcu.completions_.complete(expedited.done);
}

// sync_rcu_exp_select_cpus(): the CPU itself, idle ones and those that are offline are quiescent.
Co<> Rcu::select_cpus() {
  cpu::Machine& machine = scheduler_.machine();
  co_await machine.run(machine.costs().rcu_fqs * machine.nr_cpus());
  for (int cpu = 0; cpu < machine.nr_cpus(); ++cpu) {
    if (cpu == machine.this_cpu().id() || idle_or_offline(cpu)) continue;
    exp_waits_for_.set(cpu);
    PerCpu& rdp = at(cpu);
    rdp.exp_call = {.function = &rcu_exp_handler, .object = this};
    co_await scheduler_.smp_call_function_single_async(cpu, rdp.exp_call);
  }
}

// In the interrupt: quiescent if it hit code that can be preempted, or the idle loop.
Co<> Rcu::rcu_exp_handler(void* self, Cpu& cpu) {
  Rcu& rcu = *static_cast<Rcu*>(self);
  PerCpu& rdp = rcu.at(cpu.id());
  const std::uint32_t atomic = cpu.current->preempt_count & (cpu::kPreemptMask | cpu::kSoftirqMask);
  const bool idle = rcu.scheduler_.rq(cpu.id()).curr->is_idle();
  if (atomic == 0 || idle) {
    co_await rcu.report_expedited(cpu.id());
    co_return;
  }
  rcu.scheduler_.rq(cpu.id()).exp_wanted = true;
  rdp.exp_passed = false;
  cpu.current->need_resched = cpu.current->resched_folded = true;
}

bool Rcu::exp_passed(int cpu) const {
  return scheduler_.rq(cpu).exp_wanted && percpu_[static_cast<std::size_t>(cpu)].exp_passed;
}

Co<> Rcu::note_context_switch(void* self, Cpu& cpu) {
  return static_cast<Rcu*>(self)->report_expedited(cpu.id());
}

Co<> Rcu::report_expedited(int cpu) {
  scheduler_.rq(cpu).exp_wanted = false;
  exp_waits_for_.clear(cpu);
  if (exp_waits_for_.empty() && exp_waiter_ != nullptr) {
    co_await scheduler_.wake_up_process(*exp_waiter_);
  }
}

}  // namespace kt::rcu
