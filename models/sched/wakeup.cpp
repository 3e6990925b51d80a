// kernel/sched/core.c: try_to_wake_up() and what belongs to it: the conditions under which it does
// nothing, remote wakeups, the first wakeup of a new task.
#include <algorithm>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

using trace::Event;

bool Scheduler::signal_pending_state(std::uint32_t state, const Task& p) {
  if ((state & (kTaskInterruptible | kTaskWakekill)) == 0 || !p.sigpending) return false;
  return (state & kTaskInterruptible) != 0 || p.fatal_signal;
}

// kernel/sched/core.c: ttwu_state_match. A match of saved_state alone is a success that wakes
// nobody: the freezer or the lock slow path will see it.
bool Scheduler::ttwu_state_match(Task& p, std::uint32_t mask, bool& success) {
  if ((p.state & mask) != 0) {
    machine_.touch(&p, cpu::Access::kWrite);
    success = true;
    return true;
  }
  machine_.touch(&p, cpu::Access::kRead);
  if ((p.saved_state & mask) != 0) {
    p.saved_state = kTaskRunning;
    success = true;
  }
  return false;
}

void Scheduler::record_noop_wake(Task& p) {
  const Task& waker = current();
  p.noop_wake = {machine_.now(), waker.comm, waker.pid, p.state};
}

void Scheduler::ttwu_do_wakeup(Task& p) {
  p.state = kTaskRunning;
  trace_task(Event::kSchedWakeup, p);
}

// kernel/sched/core.c: ttwu_runnable. The task is still queued: it sets its state, waits for a CPU
// after a preemption, or its dequeue is delayed. No CPU is chosen.
bool Scheduler::ttwu_runnable(Task& p) {
  if (p.on_rq != OnRq::kQueued) return false;
  Rq& rq = task_rq(p);
  Cpu& here = machine_.this_cpu();
  here.preempt_disable();  // rq lock
  if (p.se.sched_delayed) {
    enqueue_task(rq, p, {.delayed = true}, false);
    p.runnable_since = rq.clock();
    p.woken = true;
  }
  if (!p.on_cpu) wakeup_preempt(rq, p);
  ttwu_do_wakeup(p);
  here.preempt_enable_no_resched();
  return true;
}

// kernel/sched/core.c: ttwu_queue_cond
bool Scheduler::ttwu_queue_cond(const Task& p, int cpu) {
  if (preempt_rt()) return false;  // the feature TTWU_QUEUE is off
  if (p.sched_class == Class::kStop) return false;
  if (!active_.test(cpu) || !p.cpus_ptr->test(cpu)) return false;
  const int here = machine_.this_cpu().id();
  if (!domains_->share_cache(here, cpu)) return true;
  if (cpu == here) return false;
  return rq(cpu).nr_running == 0;
}

// kernel/sched/core.c: __ttwu_queue_wakelist, kernel/smp.c: __smp_call_single_queue
void Scheduler::ttwu_queue_wakelist(Task& p, int cpu, unsigned wake_flags) {
  Rq& rq = this->rq(cpu);
  p.sched_remote_wakeup = (wake_flags & kWfMigrated) != 0;
  rq.ttwu_pending = true;
  const bool was_empty = !calls_queued(rq);
  p.wake_entry = nullptr;
  *rq.wake_list_tail = &p;
  rq.wake_list_tail = &p.wake_entry;
  if (was_empty) send_call_function_single_ipi(rq);
}

void Scheduler::send_call_function_single_ipi(Rq& rq) {
  Cpu& here = machine_.this_cpu();
  if (rq.cpu->polling) {  // call_function_single_prep_ipi(): the flag is enough
    rq.idle->need_resched = true;
    here.trace(Event::kSchedWakeIdleWithoutIpi, rq.id());
    rq.cpu->end_halt(machine_.costs().idle_poll);
    return;
  }
  if (here.traced(Event::kIpiSendCpu)) {
    sim::NameTable& names = machine_.trace().names();
    here.trace(Event::kIpiSendCpu, rq.id(), names.intern("__smp_call_single_queue"),
               names.intern("generic_smp_call_function_single_interrupt"));
  }
  here.send_ipi(*rq.cpu, cpu::Vector::kCallFunctionSingle);
}

// kernel/sched/core.c: ttwu_do_activate, under the rq lock
void Scheduler::ttwu_do_activate(Rq& rq, Task& p, unsigned wake_flags) {
  Cpu& here = machine_.this_cpu();
  here.preempt_disable();
  if (p.contributes_to_load) {
    --nr_uninterruptible_;
    p.contributes_to_load = false;
  }
  activate_task(rq, p, {.migrated = (wake_flags & kWfMigrated) != 0});
  p.runnable_since = rq.clock();
  p.woken = true;
  wakeup_preempt(rq, p);
  ttwu_do_wakeup(p);
  if (p.sched_class == Class::kRt && rq.curr != &p && !rq.curr->need_resched) push_rt_tasks(rq);
  if (rq.idle_stamp != 0) {
    const Time idle = rq.clock() - rq.idle_stamp;
    rq.avg_idle += (idle - rq.avg_idle) / 8;
    rq.avg_idle = std::min(rq.avg_idle, 2 * rq.max_idle_balance_cost);
    rq.idle_stamp = 0;
  }
  here.preempt_enable_no_resched();
}

// kernel/sched/core.c: sched_ttwu_pending, on the target CPU with interrupts off
Co<> Scheduler::sched_ttwu_pending(Rq& rq) {
  while (rq.wake_list != nullptr) {
    co_await rq.cpu->run(machine_.costs().ttwu_activate);
    Task& p = *rq.wake_list;
    rq.wake_list = p.wake_entry;
    if (rq.wake_list == nullptr) rq.wake_list_tail = &rq.wake_list;
    ttwu_do_activate(rq, p, p.sched_remote_wakeup ? kWfMigrated : 0U);
  }
  rq.ttwu_pending = false;
}

Co<> Scheduler::smp_call_function_single_async(int cpu, CallSingleData& csd) {
  Cpu& here = machine_.this_cpu();
  const bool irqs_were_off = here.lock_irqsave();
  if (cpu == here.id()) {
    co_await csd.function(csd.object, here);
  } else {
    Rq& rq = this->rq(cpu);
    const bool was_empty = !calls_queued(rq);
    here.touch(&csd, cpu::Access::kRelease);
    csd.next = nullptr;
    csd.queued = true;
    *rq.call_list_tail = &csd;
    rq.call_list_tail = &csd.next;
    if (was_empty) send_call_function_single_ipi(rq);
  }
  here.unlock_irqrestore(irqs_were_off);
}

Co<> Scheduler::run_call_list(Rq& rq) {
  while (rq.call_list != nullptr) {
    CallSingleData& csd = *rq.call_list;
    rq.call_list = csd.next;
    if (rq.call_list == nullptr) rq.call_list_tail = &rq.call_list;
    csd.queued = false;
    rq.cpu->touch(&csd, cpu::Access::kAcquire);
    co_await csd.function(csd.object, *rq.cpu);
  }
}

// kernel/smp.c: __flush_smp_call_function_queue: what others have asked for, their wakeups last.
// The kernel takes the whole queue first, so that who comes later sends an interrupt; here it is
// served too.
Co<> Scheduler::flush_calls(Rq& rq) {
  while (calls_queued(rq)) {
    if (rq.call_list != nullptr) co_await run_call_list(rq);
    if (rq.cpu->irq_work != 0) co_await irq_work_hook.run(irq_work_hook.object, *rq.cpu);
    if (rq.nohz_flags != 0) nohz_csd_func(rq);
    co_await sched_ttwu_pending(rq);
  }
}

Co<bool> Scheduler::try_to_wake_up(Task& p, std::uint32_t mask, unsigned wake_flags) {
  Cpu& cpu = machine_.this_cpu();
  const cpu::CostTable& costs = machine_.costs();
  Task& curr = current();
  bool success = false;
  cpu.preempt_disable();
  if (&p == &curr) {
    if (ttwu_state_match(p, mask, success)) {
      trace_task(Event::kSchedWaking, p);
      ttwu_do_wakeup(p);
    }
  } else {
    const bool irqs_were_off = cpu.lock_irqsave();  // pi_lock
    co_await cpu.run(costs.ttwu_noop);
    while (p.pi_locked) co_await cpu.run(cpu::kSpinPoll);
    p.pi_locked = true;
    if (ttwu_state_match(p, mask, success)) {
      trace_task(Event::kSchedWaking, p);
      p.waking_time = machine_.now();
      ++p.stats.nr_wakeups;
      if (p.on_rq == OnRq::kQueued) co_await cpu.run(costs.ttwu_activate);
      if (!ttwu_runnable(p)) {
        p.state = kTaskWaking;
        if (p.on_cpu && ttwu_queue_cond(p, p.cpu->id())) {
          ttwu_queue_wakelist(p, p.cpu->id(), wake_flags);
        } else {
          while (p.on_cpu) co_await cpu.run(cpu::kSpinPoll);
          co_await cpu.run(costs.ttwu);
          const int target = select_task_rq(p, p.wake_cpu, wake_flags | kWfTtwu);
          if (target != p.cpu->id()) {
            wake_flags |= kWfMigrated;
            set_task_cpu(p, target);
          }
          if (ttwu_queue_cond(p, target)) {
            co_await cpu.run(costs.ttwu_queue);
            ttwu_queue_wakelist(p, target, wake_flags);
          } else {
            co_await cpu.run(costs.ttwu_activate);
            ttwu_do_activate(rq(target), p, wake_flags);
          }
        }
      }
    } else if (!success) {
      record_noop_wake(p);
    }
    p.pi_locked = false;
    cpu.unlock_irqrestore(irqs_were_off);
  }
  cpu.preempt_enable_no_resched();
  if (should_resched()) co_await preempt_schedule();
  co_return success;
}

Co<> Scheduler::wake_up_new_task(Task& p) {
  Cpu& cpu = machine_.this_cpu();
  const bool irqs_were_off = cpu.lock_irqsave();  // pi_lock
  cpu.touch(&p, cpu::Access::kRelease);
  p.state = kTaskRunning;
  co_await cpu.run(machine_.costs().ttwu);
  p.recent_used_cpu = p.cpu->id();
  const int target = select_task_rq(p, p.cpu->id(), kWfFork);
  p.cpu = &machine_.cpu(target);
  p.wake_cpu = target;
  Rq& rq = this->rq(target);
  co_await cpu.run(machine_.costs().ttwu_activate + machine_.costs().wake_up_new);
  cpu.preempt_disable();  // rq lock
  activate_task(rq, p, {.initial = true});
  p.runnable_since = rq.clock();
  p.waking_time = rq.clock();
  p.woken = true;
  trace_task(Event::kSchedWakeupNew, p);
  wakeup_preempt(rq, p);
  cpu.preempt_enable_no_resched();
  cpu.unlock_irqrestore(irqs_were_off);
  if (should_resched()) co_await preempt_schedule();
}

// kernel/sched/core.c: set_task_cpu
void Scheduler::set_task_cpu(Task& p, int cpu) {
  if (p.cpu->id() == cpu) return;
  machine_.this_cpu().trace(Event::kSchedMigrateTask, cpu::pack(p.comm, p.pid), p.prio,
                            cpu::pack(static_cast<std::uint32_t>(p.cpu->id()), cpu));
  ++p.stats.nr_migrations;
  detach_task_load(p);
  p.se.exec_start = 0;
  p.cpu = &machine_.cpu(cpu);
  p.wake_cpu = cpu;
}

// kernel/sched/core.c: wait_task_inactive
Co<std::uint64_t> Scheduler::wait_task_inactive(Task& p, std::uint32_t match) {
  for (;;) {
    while (p.on_cpu) {
      if ((p.state & match) == 0 && (p.saved_state & match) == 0) co_return 0;
      co_await machine_.run(cpu::kSpinPoll);
    }
    machine_.this_cpu().trace(Event::kSchedWaitTask, cpu::pack(p.comm, p.pid), p.prio);
    if (p.se.sched_delayed) {
      dequeue_task(task_rq(p), p, {.sleep = true, .delayed = true});
    }
    const bool queued = p.on_rq == OnRq::kQueued;
    const bool matches = (p.state & match) != 0 || (p.saved_state & match) != 0;
    if (!matches) co_return 0;
    if (!queued) co_return p.stats.nvcsw | std::uint64_t{1} << 63;
    // It was preempted on its way out: give it a tick.
    co_await time_hooks.sleep(time_hooks.object, *this, config_.tick);
  }
}

}  // namespace kt::sched
