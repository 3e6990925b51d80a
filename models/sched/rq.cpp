// What the fair class asks of its run queue.
#include "models/sched/rq.hpp"

#include "models/sched/scheduler.hpp"

namespace kt::sched {

using trace::Event;

void Rq::block(Entity& se) {
  Task& p = task_of(se);
  p.load_avg.accumulate(clock(), {.load = kCapacity});
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

void Rq::update_load(Time now) {
  load_avg.accumulate(now, {.load = cfs.load_weight(),
                            .runnable = cfs.h_nr_runnable() * kCapacity,
                            .util = cfs.curr() != nullptr ? kCapacity : 0});
  if (rt_used) rt_avg.accumulate(now, {.util = curr->sched_class == Class::kRt ? kCapacity : 0});
}

}  // namespace kt::sched
