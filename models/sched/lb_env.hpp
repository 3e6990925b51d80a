// One balancing pass over one domain (struct lb_env): who pulls, from where, how much is left to
// move, and what stood in the way. Internal to the balancing files of this folder.
#pragma once

#include "models/sched/scheduler.hpp"

namespace kt::sched {

struct Scheduler::LbEnv {
  const Domain* sd = nullptr;
  CpuIdle idle = CpuIdle::kBusy;
  int this_cpu = 0;   ///< for whom the pass runs
  Rq* dst = nullptr;  ///< its queue, or that of another CPU of its group for what may not run here
  Rq* src = nullptr;
  Imbalance imbalance{};
  int new_dst_cpu = -1;
  unsigned loop = 0;  ///< tasks looked at
  unsigned loop_max = 0;
  bool all_pinned = false;   ///< LBF_ALL_PINNED: no task of the queue may run on dst
  bool some_pinned = false;  ///< LBF_SOME_PINNED
  bool dst_pinned = false;   ///< LBF_DST_PINNED: one may run on new_dst_cpu
  bool active = false;       ///< LBF_ACTIVE_LB: by the stopper, hot or not
};

}  // namespace kt::sched
