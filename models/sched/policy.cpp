// Changing a task's policy, nice value and affinity, and yielding: kernel/sched/syscalls.c,
// kernel/sched/core.c: set_cpus_allowed_ptr() and affine_move_task().
#include <algorithm>
#include <cerrno>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

namespace {

// kernel/sched/core.c: rt_effective_prio
int effective_prio(const Task& p, int normal_prio) {
  return p.pi_top_task != nullptr ? std::min(p.pi_top_task->prio, normal_prio) : normal_prio;
}

// __setscheduler_class()
Class class_of(int prio) {
  return prio < kMaxRtPrio ? Class::kRt : Class::kFair;
}

void set_priority(Task& p, Policy policy, int rt_priority, int nice) {
  p.policy = policy;
  p.static_prio = nice_to_prio(nice);
  p.rt_priority = rt_policy(policy) ? rt_priority : 0;
  p.normal_prio = rt_policy(policy) ? kMaxRtPrio - 1 - rt_priority : p.static_prio;
  p.prio = effective_prio(p, p.normal_prio);
  p.sched_class = class_of(p.prio);
  p.se.policy = policy == Policy::kBatch  ? FairPolicy::kBatch
                : policy == Policy::kIdle ? FairPolicy::kIdle
                                          : FairPolicy::kNormal;
}

LoadWeight weight_of(const Task& p) {
  return p.policy == Policy::kIdle ? kIdlePolicyWeight : load_weight_of_nice(p.nice());
}

}  // namespace

// Until nobody is choosing a CPU for the task, or otherwise holds its pi_lock.
Co<> Scheduler::wait_pi_lock(const Task& p) {
  while (p.pi_locked) co_await machine_.run(cpu::kSpinPoll);
}

// include/linux/sched.h: set_special_state
Co<> Scheduler::set_special_state(std::uint32_t state) {
  Task& p = current();
  if (p.pi_locked) co_await wait_pi_lock(p);
  machine_.touch(&p, cpu::Access::kWrite);
  p.state = state;
}

namespace {

// task_rq_lock(): interrupts off, pi_lock and the rq lock held. Not across a co_await.
class TaskRqLock {
 public:
  explicit TaskRqLock(Cpu& cpu) : cpu_(cpu), irqs_were_off_(cpu.lock_irqsave()) {
    cpu_.preempt_disable();
  }
  ~TaskRqLock() {
    cpu_.preempt_enable_no_resched();
    cpu_.unlock_irqrestore(irqs_were_off_);
  }
  TaskRqLock(const TaskRqLock&) = delete;
  TaskRqLock& operator=(const TaskRqLock&) = delete;

 private:
  Cpu& cpu_;
  bool irqs_were_off_;
};

}  // namespace

// Takes the task off its queue (and off the CPU's books, if it runs), changes it, and puts it back:
// the pattern of __sched_setscheduler(), set_user_nice() and __do_set_cpus_allowed(). `change` says
// whether a real-time task goes to the head of its new list.
template <class Change>
void Scheduler::change_queued_task(Task& p, Change change) {
  Rq& rq = task_rq(p);
  const bool running = rq.curr == &p;
  const bool queued = p.on_rq == OnRq::kQueued;
  if (queued) dequeue_task(rq, p, {});
  if (running) put_prev_task(rq, p);
  const bool head = change(rq);
  if (p.sched_class != Class::kFair) detach_task_load(p);
  if (queued) enqueue_task(rq, p, {}, head);
  if (running) set_next_task(rq, p);
}

// __sched_setscheduler(), the part under the rq lock
void Scheduler::change_policy(Task& p, Policy policy, int rt_priority, int nice, Time runtime) {
  const int old_prio = p.prio;
  const int new_prio =
      effective_prio(p, rt_policy(policy) ? kMaxRtPrio - 1 - rt_priority : nice_to_prio(nice));
  if (p.se.sched_delayed && class_of(new_prio) == Class::kRt) {
    dequeue_task(task_rq(p), p, {.sleep = true, .delayed = true});
  }
  if (p.sched_class == Class::kRt && new_prio == old_prio) {
    set_priority(p, policy, rt_priority, nice);  // it keeps its place (no DEQUEUE_MOVE)
    return;
  }
  change_queued_task(p, [&](Rq&) {
    set_priority(p, policy, rt_priority, nice);
    if (!rt_policy(policy)) {
      set_weight(p, weight_of(p));
      set_custom_slice(p.se, runtime, tunables.base_slice);
    }
    return old_prio < p.prio;  // behind its equals only when it became more important
  });
}

void Scheduler::init_policy(Task& p, Policy policy, int rt_priority, int nice) {
  p.rt.time_slice = static_cast<std::int32_t>(kRrTimeslice / config_.tick);
  if (p.on_rq == OnRq::kNo && !p.on_cpu) {
    set_priority(p, policy, rt_priority, nice);
    p.se.load = weight_of(p);
  } else {
    change_policy(p, policy, rt_priority, nice, 0);
  }
}

Co<> Scheduler::sched_setscheduler(Task& p, Policy policy, int rt_priority, int nice,
                                   Time runtime) {
  co_await machine_.run(machine_.costs().syscall);
  if (p.pi_locked) co_await wait_pi_lock(p);
  const Class old_class = p.sched_class;
  const int old_prio = p.prio;
  {
    const TaskRqLock lock(machine_.this_cpu());
    change_policy(p, policy, rt_priority, nice, runtime);
    if (p.on_rq == OnRq::kQueued) check_class_changed(p, old_class, old_prio);
    if (p.pi_blocked_on != nullptr) pi_changed(*this, p);
  }
  if (should_resched()) co_await preempt_schedule();
}

// check_class_changed(): somebody else may have to run on its CPU now, or it elsewhere.
void Scheduler::check_class_changed(Task& p, Class old_class, int old_prio) {
  Rq& rq = task_rq(p);
  if (rq.curr == &p) {
    const bool lower =
        p.sched_class > old_class || (p.sched_class == old_class && p.prio > old_prio);
    if (lower && old_class == Class::kRt) pull_rt_task(rq);
    if (lower) resched_curr(rq);
  } else {
    wakeup_preempt(rq, p);
    if (p.sched_class == Class::kRt) push_rt_tasks(rq);
  }
}

Co<> Scheduler::set_user_nice(Task& p, int nice) {
  co_await machine_.run(machine_.costs().syscall);
  if (p.pi_locked) co_await wait_pi_lock(p);
  if (rt_policy(p.policy)) {  // remembered for when it becomes a fair task
    p.static_prio = nice_to_prio(nice);
    co_return;
  }
  const int old_prio = p.prio;
  {
    const TaskRqLock lock(machine_.this_cpu());
    change_queued_task(p, [&](Rq&) {
      set_priority(p, p.policy, 0, nice);
      set_weight(p, weight_of(p));
      return false;
    });
    Rq& rq = task_rq(p);
    if (p.on_rq != OnRq::kQueued || rq.cfs.nr_running() == 1) co_return;
    if (rq.curr == &p && p.prio > old_prio) resched_curr(rq);
    if (rq.curr != &p) wakeup_preempt(rq, p);
  }
  if (should_resched()) co_await preempt_schedule();
}

void Scheduler::rt_mutex_setprio(Task& p, Task* top) {
  if (p.pi_top_task == top && effective_prio(p, p.normal_prio) == p.prio) return;
  const TaskRqLock lock(machine_.this_cpu());
  p.pi_top_task = top;
  const int prio = effective_prio(p, p.normal_prio);
  const int old_prio = p.prio;
  if (prio == old_prio) return;
  machine_.this_cpu().trace(trace::Event::kSchedPiSetprio, cpu::pack(p.comm, p.pid),
                            cpu::pack(static_cast<std::uint32_t>(old_prio), prio));
  const Class old_class = p.sched_class;
  if (class_of(prio) != old_class && p.se.sched_delayed) {
    dequeue_task(task_rq(p), p, {.sleep = true, .delayed = true});
  }
  change_queued_task(p, [&](Rq&) {
    p.prio = prio;
    p.sched_class = class_of(prio);
    return old_prio < prio;
  });
  if (p.on_rq == OnRq::kQueued) check_class_changed(p, old_class, old_prio);
}

void Scheduler::set_cpus_mask(Task& p, const cpu::CpuMask& mask) {
  p.cpus_ptr = &*masks_.insert(mask).first;
  p.nr_cpus_allowed = mask.count();
}

namespace {

// kernel/sched/core.c: migration_cpu_stop, on the stopper of the CPU where the task ran
Co<> migration_cpu_stop(Scheduler& scheduler, Cpu& cpu, Scheduler::StopWork& work) {
  Task& p = *work.task;
  if (p.cpu != &cpu || p.cpus_ptr->test(cpu.id())) return {};
  if (p.migration_disabled != 0) return {};  // its migrate_enable() comes back to this
  // The mask may have changed once more since the work was queued.
  const bool allowed = scheduler.is_cpu_allowed(p, work.destination);
  const int target = allowed ? work.destination : p.cpus_ptr->first_and(scheduler.active_mask());
  if (p.on_rq == OnRq::kQueued) {
    scheduler.migrate_queued_task(p, target);
  } else {
    p.wake_cpu = target;
  }
  return {};
}

}  // namespace

void Scheduler::migrate_disable() {
  if (current().migration_disabled++ == 0) ++this_rq().nr_pinned;
}

// kernel/sched/core.c: migrate_enable. If its mask has changed meanwhile it moves now.
Co<> Scheduler::migrate_enable() {
  Task& self = current();
  if (--self.migration_disabled != 0) co_return;
  --this_rq().nr_pinned;
  if (self.cpus_ptr->test(self.cpu->id())) co_return;
  const int destination = self.cpus_ptr->first_and(active_);
  StopWork work{.function = &migration_cpu_stop, .task = &self, .destination = destination};
  co_await stop_one_cpu(self.cpu->id(), work);
}

Co<int> Scheduler::set_cpus_allowed(Task& p, const cpu::CpuMask& mask, bool by_user) {
  co_await machine_.run(machine_.costs().syscall);
  if (p.pi_locked) co_await wait_pi_lock(p);
  if (by_user && (p.flags & kPfNoSetaffinity) != 0) co_return -EINVAL;
  // Kernel threads may be put on a CPU that is coming or going (cpu_valid_mask).
  const bool online = p.is_kthread() || p.migration_disabled != 0;
  const cpu::CpuMask valid = mask & (online ? machine_.online_mask() : active_);
  const int destination =
      valid.next_wrap(p.cpu->id() + 1 < machine_.nr_cpus() ? p.cpu->id() + 1 : 0);
  if (destination < 0) co_return -EINVAL;
  if (mask == *p.cpus_ptr) co_return 0;
  bool by_stopper = false;
  {
    const TaskRqLock lock(machine_.this_cpu());
    if (p.sched_class == Class::kFair) {
      change_queued_task(p, [&](Rq&) {
        set_cpus_mask(p, mask);
        return false;
      });
    } else {
      set_cpus_mask(p, mask);  // it keeps its place in its list (no DEQUEUE_MOVE)
    }
    if (mask.test(p.cpu->id()) || p.migration_disabled != 0) co_return 0;
    by_stopper = p.on_cpu || p.state == kTaskWaking;
    if (!by_stopper && p.on_rq == OnRq::kQueued) migrate_queued_task(p, destination);
  }
  if (by_stopper) {
    StopWork work{.function = &migration_cpu_stop, .task = &p, .destination = destination};
    co_await stop_one_cpu(p.cpu->id(), work);
  }
  if (should_resched()) co_await preempt_schedule();
  co_return 0;
}

// kernel/sched/syscalls.c: do_sched_yield
Co<> Scheduler::yield() {
  Rq& rq = this_rq();
  Task& curr = *rq.curr;
  if (curr.sched_class == Class::kFair && rq.nr_running > 1) rq.cfs.yield(rq.clock());
  if (curr.sched_class == Class::kRt) rq.rt.requeue(curr, false);
  co_await schedule();
}

}  // namespace kt::sched
