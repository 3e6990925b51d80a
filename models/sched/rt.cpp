// kernel/sched/rt.c: placement, preemption, push, pull and the tick of real-time tasks.
#include <algorithm>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

namespace {

// What cpupri says of a CPU: how important its current work is; greater is less important.
int current_prio(const Rq& rq) {
  if (rq.curr->sched_class == Class::kStop) return -1;
  const int queued = rq.rt.highest_prio();
  if (queued < kMaxRtPrio) return queued;
  return rq.curr->is_idle() && rq.nr_running == 0 ? kMaxRtPrio + 1 : kMaxRtPrio;
}

}  // namespace

// kernel/sched/rt.c: find_lowest_rq, kernel/sched/cpupri.c: cpupri_find. -1: none runs less
// important work.
int Scheduler::find_lowest_rq(const Task& p) {
  if (p.nr_cpus_allowed == 1) return -1;
  cpu::CpuMask lowest(machine_.nr_cpus());
  int lowest_prio = p.prio;
  for (int cpu = p.cpus_ptr->first_and(active_); cpu >= 0;
       cpu = p.cpus_ptr->next_and(active_, cpu + 1)) {
    if (!same_root_domain(cpu, p.cpu->id())) continue;
    const int prio = current_prio(rq(cpu));
    if (prio < lowest_prio || prio == p.prio) continue;
    if (prio > lowest_prio) {
      lowest.clear_all();
      lowest_prio = prio;
    }
    lowest.set(cpu);
  }
  if (lowest.empty()) return -1;
  const int last = p.cpu->id();
  if (lowest.test(last)) return last;
  const int here = machine_.this_cpu().id();
  for (const Domain* sd = domains_->lowest(last); sd != nullptr; sd = sd->parent) {
    if ((sd->flags & kSdWakeAffine) == 0) continue;
    if (lowest.test(here) && sd->span->test(here)) return here;
    const int near = lowest.first_and(*sd->span);
    if (near >= 0) return near;
  }
  return lowest.test(here) ? here : lowest.first();
}

int Scheduler::select_task_rq_rt(Task& p, int cpu) {
  const Task& curr = *rq(cpu).curr;
  const bool busy =
      curr.sched_class <= Class::kRt && (curr.nr_cpus_allowed < 2 || curr.prio <= p.prio);
  if (!busy) return cpu;
  const int target = find_lowest_rq(p);
  return target != -1 && p.prio < current_prio(rq(target)) ? target : cpu;
}

// kernel/sched/rt.c: wakeup_preempt_rt, check_preempt_equal_prio
void Scheduler::wakeup_preempt_rt(Rq& rq, Task& p) {
  Task& curr = *rq.curr;
  if (p.prio < curr.prio) {
    resched_curr(rq);
    return;
  }
  if (p.prio != curr.prio || curr.need_resched) return;
  if (curr.nr_cpus_allowed == 1 || find_lowest_rq(curr) == -1) return;
  if (p.nr_cpus_allowed != 1 && find_lowest_rq(p) != -1) return;
  rq.rt.requeue(p, true);  // p can run nowhere else and curr can
  resched_curr(rq);
}

// Moves a queued task that does not run to another CPU (move_queued_task).
void Scheduler::migrate_queued_task(Task& p, int cpu) {
  detach_task(p, cpu);
  attach_task(rq(cpu), p);
}

// kernel/sched/rt.c: push_rt_tasks
void Scheduler::push_rt_tasks(Rq& rq) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    Task* p = rq.rt.pushable();
    if (p == nullptr) return;
    if (p->prio < rq.curr->prio) {  // it should run here, and will
      resched_curr(rq);
      return;
    }
    const int target = find_lowest_rq(*p);
    if (target == -1 || target == rq.id() || current_prio(this->rq(target)) <= p->prio) return;
    migrate_queued_task(*p, target);
  }
}

// kernel/sched/rt.c: pull_rt_task. True if something came.
bool Scheduler::pull_rt_task(Rq& rq) {
  bool pulled = false;
  for (int cpu = active_.first(); cpu >= 0; cpu = active_.next(cpu + 1)) {
    Rq& source = this->rq(cpu);
    if (&source == &rq || source.rt.nr_running() < 2) continue;
    if (!same_root_domain(cpu, rq.id())) continue;
    Task* p = source.rt.pushable(rq.id());
    if (p == nullptr || p->prio >= rq.rt.highest_prio()) continue;
    if (p->prio < source.curr->prio) continue;  // about to run there
    migrate_queued_task(*p, rq.id());
    pulled = true;
  }
  return pulled;
}

// kernel/sched/rt.c: task_tick_rt
void Scheduler::task_tick_rt(Rq& rq, Task& p) {
  update_curr(rq);
  if (p.policy != Policy::kRr || --p.rt.time_slice > 0) return;
  p.rt.time_slice = static_cast<std::int32_t>(kRrTimeslice / config_.tick);
  if (!rq.rt.alone_at_prio(p)) {
    rq.rt.requeue(p, false);
    resched_curr(rq);
  }
}

}  // namespace kt::sched
