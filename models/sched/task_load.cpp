// The load of tasks as they move between queues: kernel/sched/fair.c: attach_entity_load_avg(),
// remove_entity_load_avg(), post_init_entity_util_avg(), reweight_entity().
#include <algorithm>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

void Scheduler::detach_task_load(Task& p) {
  if (!p.load_attached) return;
  p.load_attached = false;
  Rq& rq = task_rq(p);
  rq.update_load();
  p.update_load(rq.clock_pelt(), {});
  detach_load(rq.load_avg, p.load_avg, p.se.load.weight);
}

void Scheduler::set_weight(Task& p, LoadWeight load) {
  const bool attached = p.load_attached;
  detach_task_load(p);
  reweight(p.se, load);
  if (attached) attach_load(task_rq(p).load_avg, p.load_avg, p.se.load.weight);
  p.load_attached = attached;
}

// Its load is its weight. It is taken to use what the others here use for their weight, and at most
// half of what is left.
void Scheduler::init_task_load(Task& p, Rq& rq) {
  rq.update_load();
  const std::uint64_t used = rq.load_avg.util();
  std::uint64_t util = used < Rq::kCapacity ? (Rq::kCapacity - used) / 2 : 0;
  if (util != 0 && used != 0) {
    util = std::min(util, used * p.se.load.weight / (rq.load_avg.load() + 1));
  }
  p.load_avg.start(rq.clock_pelt(), {.load = Rq::kCapacity, .runnable = util, .util = util});
}

}  // namespace kt::sched
