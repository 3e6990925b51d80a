// Joining and leaving a run queue: kernel/sched/core.c: enqueue_task(), dequeue_task(), and of
// kernel/sched/fair.c what they do to the load of queue and task.
#include <utility>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

namespace {

// kernel/sched/fair.c: util_est_update, as it goes to sleep: at once up, slowly down.
void learn_util_est(Task& p) {
  constexpr std::uint64_t kMargin = 1024 / 100;
  if (p.util_est_unchanged) return;
  p.util_est_unchanged = true;
  const std::uint64_t used = p.load_avg.util();
  if (p.util_est > used) {
    const std::uint64_t less = p.util_est - used;
    // Within the margin, or it would have used more had it not waited.
    if (less < kMargin || used + kMargin < p.load_avg.runnable()) return;
    p.util_est = static_cast<std::uint16_t>((4 * std::uint64_t{p.util_est} - less) / 4);
  } else {
    p.util_est = static_cast<std::uint16_t>(used);
  }
}

}  // namespace

void Scheduler::enqueue_task(Rq& rq, Task& p, EnqueueFlags flags, bool head) {
  const Time now = rq.clock();
  machine_.touch(&rq, cpu::Access::kWrite);
  if (p.sched_class == Class::kFair) {
    const bool counted = p.se.sched_delayed && p.se.on_rq;
    if (counted || !p.se.sched_delayed) rq.util_est += p.util_est;
    if (p.in_iowait) cpufreq_update_util(rq, true);
    update_load_avg(rq);
    if (p.load_attached) p.update_load(rq.clock_pelt(), {.load = counted ? Rq::kCapacity : 0});
    if (flags.initial) init_task_load(p, rq);
    if (!p.load_attached) {
      attach_load(rq.load_avg, p.load_avg, p.se.load.weight);
      p.load_attached = true;
      cpufreq_update_util(rq, false);
    }
    if (!counted) p.se.recency = ++rq.next_recency;
    const bool first = rq.cfs.nr_running() == 0;
    rq.cfs.enqueue(p.se, flags, now);
    if (first) rq.fair_server.start();
    if (counted) return;
  } else if (p.sched_class == Class::kRt) {
    rq.update_load();
    rq.rt_used = true;
    rq.rt.enqueue(p, head);
    if (rq.rt.nr_running() == 2) ++rt_overloaded_;
    cpufreq_update_util(rq, false);
  } else {
    rq.stop_queued = &p;
  }
  add_nr_running(rq);
}

void Scheduler::add_nr_running(Rq& rq) {
  if (++rq.nr_running == 2 && domain_cpus_->test(rq.id())) overloaded_ = true;
  if (rq.tick_nohz_full) [[unlikely]]
    sched_update_tick_dependency(rq);
}

void Scheduler::sub_nr_running(Rq& rq) {
  --rq.nr_running;
  if (rq.tick_nohz_full) [[unlikely]]
    sched_update_tick_dependency(rq);
}

bool Scheduler::sched_can_stop_tick(const Rq& rq) {
  if (rq.rt.rr_nr_running() != 0) return rq.rt.rr_nr_running() == 1;
  return rq.rt.nr_running() != 0 || rq.cfs.nr_running() <= 1;
}

// kernel/sched/sched.h: sched_update_tick_dependency
void Scheduler::sched_update_tick_dependency(Rq& rq) {
  const bool had = std::exchange(rq.tick_dep_sched, !sched_can_stop_tick(rq));
  if (rq.tick_dep_sched && !had) tick_nohz_full_kick_cpu(rq);
}

void Scheduler::tick_nohz_full_kick_cpu(Rq& rq) {
  Cpu& here = machine_.this_cpu();
  if (rq.cpu == &here) {
    here.raise(cpu::Vector::kCallFunctionSingle);
  } else {
    here.send_ipi(*rq.cpu, cpu::Vector::kCallFunctionSingle);
  }
}

bool Scheduler::dequeue_task(Rq& rq, Task& p, DequeueFlags flags) {
  const Time now = rq.clock();
  machine_.touch(&rq, cpu::Access::kWrite);
  if (p.sched_class == Class::kFair) {
    update_load_avg(rq);
    const bool runs = rq.cfs.curr() == &p.se;
    p.update_load(rq.clock_pelt(), {.load = Rq::kCapacity,
                                    .runnable = p.se.sched_delayed ? 0 : Rq::kCapacity,
                                    .util = runs ? Rq::kCapacity : 0});
    if (!p.se.sched_delayed) rq.util_est -= p.util_est;
    if (flags.sleep && !flags.delayed) learn_util_est(p);
    if (!rq.cfs.dequeue(p.se, flags, now)) return false;
    if (flags.delayed) return true;  // Rq::block() has done the rest
    if (rq.cfs.nr_running() == 0) rq.fair_server.stop();
  } else if (p.sched_class == Class::kRt) {
    rq.update_load();
    update_curr(rq);
    rq.rt.dequeue(p);
    if (rq.rt.nr_running() == 1) --rt_overloaded_;
  } else {
    rq.stop_queued = nullptr;
  }
  sub_nr_running(rq);
  return true;
}

void Scheduler::activate_task(Rq& rq, Task& p, EnqueueFlags flags, bool head) {
  enqueue_task(rq, p, flags, head);
  p.on_rq = OnRq::kQueued;
}

bool Scheduler::deactivate_task(Rq& rq, Task& p, DequeueFlags flags) {
  p.on_rq = OnRq::kMigrating;
  return dequeue_task(rq, p, flags);
}

}  // namespace kt::sched
