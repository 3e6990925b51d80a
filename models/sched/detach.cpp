// Which tasks a balancing pass takes: kernel/sched/fair.c: can_migrate_task(), task_hot(),
// detach_tasks(), detach_one_task(), attach_tasks().
#include <algorithm>

#include "models/sched/lb_env.hpp"

namespace kt::sched {

namespace {

// kernel/sched/fair.c: task_hot
bool task_hot(const Task& p, const Domain& sd, const Rq& src) {
  if (p.sched_class != Class::kFair || p.policy == Policy::kIdle) return false;
  if ((sd.flags & kSdShareCpucapacity) != 0) return false;  // siblings share the cache
  return p.se.exec_start != 0 && src.clock() - p.se.exec_start < kMigrationCost;
}

// What moving a task takes off the imbalance; -1: it is more than that. A task that is too big is
// let go after some failures.
std::int64_t share_of(const Task& p, const Imbalance& imbalance, unsigned nr_balance_failed) {
  if (imbalance.type == MigrationType::kTask) return 1;
  const std::uint64_t share = imbalance.type == MigrationType::kUtil
                                  ? p.task_util_est()
                                  : std::max<std::uint64_t>(p.task_h_load(), 1);
  const std::uint64_t lenient = share >> std::min(nr_balance_failed, 63U);
  return static_cast<std::int64_t>(lenient) > imbalance.amount ? -1
                                                               : static_cast<std::int64_t>(share);
}

}  // namespace

bool Scheduler::can_migrate_task(const Task& p, LbEnv& env) {
  if (p.per_cpu_kthread) return false;
  if (!p.cpus_ptr->test(env.dst->id()) || p.migration_disabled != 0) {
    env.some_pinned = true;
    if (env.idle == CpuIdle::kNewlyIdle || env.dst_pinned || env.active) return false;
    if (p.migration_disabled != 0) return false;
    const cpu::CpuMask& group = *env.sd->groups[0].balance_mask;  // perhaps to a neighbour
    for (int cpu = group.first_and(lb_cpus_); cpu >= 0; cpu = group.next_and(lb_cpus_, cpu + 1)) {
      if (!p.cpus_ptr->test(cpu)) continue;
      env.dst_pinned = true;
      env.new_dst_cpu = cpu;
      break;
    }
    return false;
  }
  env.all_pinned = false;
  if (p.on_cpu) return false;
  if (env.active || !task_hot(p, *env.sd, *env.src)) return true;
  return state_of(*env.sd).nr_balance_failed > static_cast<unsigned>(env.sd->cache_nice_tries);
}

// rq->cfs_tasks from its end: those that joined or ran longest ago first.
void Scheduler::list_cfs_tasks(Rq& rq) {
  lb_tasks_.clear();
  Entity* curr = rq.cfs.curr();
  if (curr != nullptr && curr->on_rq) lb_tasks_.push_back(&task_of(*curr));
  for (Entity* se = rq.cfs.tasks_timeline().first(); se != nullptr; se = DeadlineTree::next(*se)) {
    lb_tasks_.push_back(&task_of(*se));
  }
  const std::uint32_t newest = rq.next_recency;
  std::ranges::sort(lb_tasks_, std::greater{},
                    [newest](const Task* p) { return newest - p->se.recency; });
}

void Scheduler::detach_task(Task& p, int cpu) {
  deactivate_task(task_rq(p), p, {});
  set_task_cpu(p, cpu);
}

void Scheduler::attach_task(Rq& rq, Task& p) {
  activate_task(rq, p, {.migrated = true});
  wakeup_preempt(rq, p);
}

// Up to the imbalance; into detached_.
void Scheduler::detach_tasks(LbEnv& env) {
  Rq& src = *env.src;
  detached_.clear();
  if (src.nr_running <= 1) {  // somebody else was quicker
    env.all_pinned = false;
    return;
  }
  if (env.imbalance.amount <= 0) return;
  list_cfs_tasks(src);
  for (Task* p : lb_tasks_) {
    if (env.idle != CpuIdle::kBusy && src.nr_running <= 1) break;  // leave it something to do
    if (++env.loop > env.loop_max) break;
    const bool movable = can_migrate_task(*p, env);
    const std::int64_t share =
        movable ? share_of(*p, env.imbalance, state_of(*env.sd).nr_balance_failed) : -1;
    if (share < 0) {
      p->se.recency = ++src.next_recency;  // the next pass looks at others first
      continue;
    }
    env.imbalance.amount -= share;
    detach_task(*p, env.dst->id());
    detached_.push_back(p);
    if (env.idle == CpuIdle::kNewlyIdle || env.imbalance.amount <= 0) break;
  }
}

// The part of active_load_balance_cpu_stop() that finds a task, or null.
Task* Scheduler::detach_one_task(LbEnv& env) {
  list_cfs_tasks(*env.src);
  for (Task* p : lb_tasks_) {
    if (!can_migrate_task(*p, env)) continue;
    detach_task(*p, env.dst->id());
    return p;
  }
  return nullptr;
}

}  // namespace kt::sched
