// kernel/sched/core.c: what the scheduler does when a CPU comes or goes.
#include "models/sched/scheduler.hpp"
#include "sim/error.hpp"

namespace kt::sched {

// cpuset_update_active_cpus(), partition_sched_domains(): a new set of domains for the active CPUs.
void Scheduler::rebuild_sched_domains() {
  const cpu::CpuMask cpus = active_ & *domain_cpus_;
  domains_ = std::make_shared<SchedDomains>(machine_.topology(), cpus.empty() ? active_ : cpus);
  init_balancing();
}

// kthread_is_per_cpu(); the idle task has that mark too.
bool Scheduler::belongs_to_its_cpu(const Task& p) const {
  if (machine_.bugs.have(Bug::kHp16) && is_per_cpu_kthread(p)) return true;
  return p.is_idle() || p.per_cpu_kthread;
}

bool Scheduler::vacated(const Rq& rq) const {
  return rq.nr_running == 1 && rq.nr_pinned == 0;
}

// kernel/sched/core.c: __balance_push_cpu_stop
Co<> Scheduler::balance_push_cpu_stop(Scheduler& scheduler, Cpu& cpu, StopWork& work) {
  Task& p = *work.task;
  if (p.cpu == &cpu && p.on_rq == OnRq::kQueued) {
    scheduler.migrate_queued_task(p, scheduler.select_fallback_rq(p, cpu.id()));
    ++scheduler.rq(cpu.id()).nr_pushed;
  }
  return {};
}

// kernel/sched/core.c: balance_push, after every choice of the next task on a CPU that goes
// offline: the chosen one is handed to the stopper unless it belongs there.
Co<> Scheduler::balance_push(Rq& rq) {
  if (!dying_.test(rq.id())) co_return;
  Task& chosen = *rq.curr;
  if (belongs_to_its_cpu(chosen) || chosen.migration_disabled != 0) {
    if (rq.nr_running == 0 && rq.nr_pinned == 0 && rq.hotplug_wait != nullptr) {
      co_await wake_up_process(*rq.hotplug_wait);
    }
    co_return;
  }
  StopWork& work = push_works_[static_cast<std::size_t>(rq.id())];
  work = {.function = &balance_push_cpu_stop, .task = &chosen};
  co_await stop_one_cpu_nowait(rq.id(), work);
}

Co<> Scheduler::sched_cpu_activate(Cpu& cpu) {
  rq(cpu.id()).balance_push = false;
  active_.set(cpu.id());
  co_await cpu.run(cpu.costs().rebuild_domains);
  rebuild_sched_domains();
}

Co<> Scheduler::sched_cpu_deactivate(Cpu& cpu, GracePeriod grace_period) {
  nohz_balance_exit_idle(rq(cpu.id()));
  active_.clear(cpu.id());
  rq(cpu.id()).balance_push = true;
  // After this nobody who has looked at the active CPUs still sees this one.
  co_await grace_period.synchronize(grace_period.object);
  co_await cpu.run(cpu.costs().rebuild_domains);
  rebuild_sched_domains();
}

Co<> Scheduler::sched_cpu_wait_empty(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  Task& self = current();
  rq.hotplug_wait = &self;
  for (;;) {
    self.state = kTaskUninterruptible;
    if (vacated(rq)) break;
    co_await schedule();
  }
  self.state = kTaskRunning;
  rq.hotplug_wait = nullptr;
}

Co<int> Scheduler::smpcfd_dying_cpu(Cpu& cpu) {
  co_await flush_calls(rq(cpu.id()));
  co_return 0;
}

void Scheduler::sched_cpu_dying(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  KT_ASSERT(vacated(rq), "CPU {} is not empty: {} tasks, {} pinned", cpu.id(), rq.nr_running,
            rq.nr_pinned);
  rq.fair_server.stop();
  if (remote_tick.stop != nullptr) remote_tick.stop(remote_tick.object, cpu);
}

Co<> Scheduler::sched_cpu_starting(Cpu& cpu) {
  return remote_tick.start != nullptr ? remote_tick.start(remote_tick.object, cpu) : Co<>{};
}

}  // namespace kt::sched
