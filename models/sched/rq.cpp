// What the fair class asks of its run queue.
#include "models/sched/rq.hpp"

#include <utility>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

using trace::Event;

void Rq::block(Entity& se) {
  Task& p = task_of(se);
  p.load_avg.accumulate(clock_pelt(), {.load = kCapacity});
  scheduler->sub_nr_running(*this);
  if (cfs.nr_running() == 0) fair_server.stop();
  scheduler->block_task(*this, p);
}

void Rq::account(Entity& se, Time delta_exec) {
  const Task& p = task_of(se);
  cpu->machine().this_cpu().trace(Event::kSchedStatRuntime, cpu::pack(p.comm, p.pid), delta_exec);
  if (fair_server.account(delta_exec)) scheduler->resched_curr(*this);
}

void Rq::resched_curr() {
  scheduler->resched_curr(*this);
}

Time Rq::update_clock_pelt() {
  const Time now = clock();
  const Time delta = now - std::exchange(pelt_updated, now);
  if (curr == idle) {
    pelt_lag = 0;
  } else {
    pelt_lag += delta - (delta * freq_scale >> 10);
  }
  return now - pelt_lag - lost_idle_time;
}

void Rq::update_idle_clock_pelt() {
  if (!freq_invariant) return;
  if (load_avg.util_sum() + rt_avg.util_sum() >= QueueLoad::kFullUtilSum)
    lost_idle_time += pelt_lag;
  pelt_lag = 0;
}

bool Rq::update_load() {
  const Time now = clock_pelt();
  bool moved = load_avg.accumulate(now, {.load = cfs.load_weight(),
                                         .runnable = cfs.h_nr_runnable() * kCapacity,
                                         .util = cfs.curr() != nullptr ? kCapacity : 0});
  if (rt_used)
    moved |= rt_avg.accumulate(now, {.util = curr->sched_class == Class::kRt ? kCapacity : 0});
  return moved;
}

}  // namespace kt::sched
