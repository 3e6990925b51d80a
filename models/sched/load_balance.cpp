// One balancing pass over one domain: kernel/sched/fair.c: sched_balance_rq() with
// should_we_balance(), need_active_balance() and active_load_balance_cpu_stop().
#include <utility>

#include "models/sched/lb_env.hpp"

namespace kt::sched {

// Among idle CPUs the first one of the group pulls, on an idle core if there is one; if none idles,
// the first CPU.
bool Scheduler::should_we_balance(const LbEnv& env) {
  const int dst = env.dst->id();
  if (!lb_cpus_.test(dst)) return false;
  if (env.idle == CpuIdle::kNewlyIdle) return env.dst->nr_running == 0 && !env.dst->ttwu_pending;
  const cpu::CpuMask& group = *env.sd->groups[0].balance_mask;
  int beside_busy = -1;
  for (int cpu = group.first_and(lb_cpus_); cpu >= 0; cpu = group.next_and(lb_cpus_, cpu + 1)) {
    if (!rq(cpu).idle_cpu()) continue;
    if ((env.sd->flags & kSdShareCpucapacity) != 0 || is_core_idle(cpu)) return cpu == dst;
    if (beside_busy == -1) beside_busy = cpu;
  }
  return (beside_busy != -1 ? beside_busy : group.first()) == dst;
}

// Whether all other threads of its core idle.
bool Scheduler::is_core_idle(int cpu) {
  for (const int sibling : machine_.topology().siblings(cpu)) {
    if (sibling != cpu && !rq(sibling).idle_cpu()) return false;
  }
  return true;
}

// That affinity kept this domain uneven is known to the wider one, as a mark on its group.
void Scheduler::set_group_imbalance(const Domain& sd, bool value) {
  if (sd.parent != nullptr) group_imbalance_[sd.parent->groups[0].id] = value ? 1 : 0;
}

// Moves from one queue. What may not run on dst goes to a neighbour where it may.
int Scheduler::move_tasks(LbEnv& env) {
  const unsigned nr_migrate = preempt_rt() ? 8 : 32;  // sysctl_sched_nr_migrate
  env.loop_max = std::min(nr_migrate, env.src->nr_running);
  int moved = 0;
  for (;;) {
    env.loop = 0;
    detach_tasks(env);
    moved += static_cast<int>(detached_.size());
    for (auto p = detached_.rbegin(); p != detached_.rend(); ++p) attach_task(*env.dst, **p);
    if (!env.dst_pinned || env.imbalance.amount <= 0) return moved;
    lb_cpus_.clear(env.dst->id());
    env.dst = &rq(env.new_dst_cpu);
    env.dst_pinned = false;
  }
}

// From the busiest queue of the busiest group, and from the next one if all tasks there are pinned.
Scheduler::Pass Scheduler::balance_once(LbEnv& env, bool& continue_balancing) {
  lb_cpus_ = *env.sd->span & active_;
  int moved = 0;
  for (;;) {
    if (!should_we_balance(env)) {
      continue_balancing = false;
      break;
    }
    const DomainStats stats = update_sd_lb_stats(env);
    env.imbalance = find_imbalance(*env.sd, env.idle, stats);
    env.src = env.imbalance.amount == 0 ? nullptr : find_src_rq(env, *stats.busiest);
    if (env.src == nullptr) break;
    env.all_pinned = true;
    if (env.src->nr_running <= 1) return {.unbalanced = true};
    moved += move_tasks(env);
    if (env.some_pinned && env.imbalance.amount > 0) set_group_imbalance(*env.sd, true);
    if (!env.all_pinned) return {.moved = moved, .unbalanced = true};
    lb_cpus_.clear(env.src->id());
    if (lb_cpus_.subset_of(*env.sd->groups[0].balance_mask)) return {};
  }
  if (!env.all_pinned) set_group_imbalance(*env.sd, false);
  return {};
}

bool Scheduler::need_active_balance(const LbEnv& env) {
  const Domain& sd = *env.sd;
  const auto tries = static_cast<unsigned>(sd.cache_nice_tries) + 2;
  if (env.imbalance.type == MigrationType::kTask && state_of(sd).nr_balance_failed > tries) {
    return true;
  }
  if (env.idle == CpuIdle::kBusy || !runs_one_at_reduced_capacity(*env.src, sd)) return false;
  const auto pct = static_cast<std::uint64_t>(sd.imbalance_pct);
  return env.src->capacity() * pct < env.dst->capacity() * 100;
}

// The end of a pass that has moved nothing from an uneven domain: the task that runs there may have
// to be pushed by the stopper. `pinned`: it may not come here.
bool Scheduler::wants_active_balance(LbEnv& env, bool& pinned) {
  if (!need_active_balance(env)) return false;
  if (!env.src->curr->cpus_ptr->test(env.this_cpu)) {
    pinned = true;
    return false;
  }
  env.all_pinned = false;
  Stopper& stopper = stoppers_[static_cast<std::size_t>(env.src->id())];
  if (stopper.active_balance) return false;
  stopper.active_balance = true;
  stopper.active_balance_work = {.function = &active_load_balance_cpu_stop,
                                 .destination = env.this_cpu};
  return true;
}

// A pass for the CPU of `rq`, which may be another than the one that this code runs on. How many
// tasks moved.
Co<int> Scheduler::sched_balance_rq(Rq& rq, const Domain& sd, CpuIdle idle,
                                    bool& continue_balancing) {
  LbEnv env{.sd = &sd, .idle = idle, .this_cpu = rq.id(), .dst = &rq};
  lb_cpus_ = *sd.span & active_;
  if (should_we_balance(env)) co_await machine_.run(machine_.costs().balance);
  const Pass pass = balance_once(env, continue_balancing);
  DomainState& state = state_of(sd);
  bool pinned = false;
  bool active = false;
  if (!pass.unbalanced || pass.moved != 0) {
    state.nr_balance_failed = 0;
  } else {
    if (idle != CpuIdle::kNewlyIdle) ++state.nr_balance_failed;
    active = wants_active_balance(env, pinned);
  }
  if (pass.unbalanced && !pinned) {
    if (!active || need_active_balance(env)) set_balance_interval(sd, sd.min_interval);
  } else if (idle != CpuIdle::kNewlyIdle) {
    // It is even, or cannot be helped: it is looked at half as often.
    constexpr int kMaxPinnedInterval = 512;
    const int interval = state.balance_interval;
    if ((env.all_pinned && interval < kMaxPinnedInterval) || interval < sd.max_interval) {
      set_balance_interval(sd, 2 * interval);
    }
  }
  if (active) {
    Stopper& stopper = stoppers_[static_cast<std::size_t>(env.src->id())];
    const bool queued = co_await stop_one_cpu_nowait(env.src->id(), stopper.active_balance_work);
    if (!queued) stopper.active_balance = false;  // it may have run by now, and clears it itself
  }
  co_return pinned ? 0 : pass.moved;
}

// On the stopper of the busy CPU: what ran there is now a task that waits, and goes.
Co<> Scheduler::active_load_balance_cpu_stop(Scheduler& scheduler, Cpu& cpu, StopWork& work) {
  Rq& busiest = scheduler.rq(cpu.id());
  Rq& target = scheduler.rq(work.destination);
  scheduler.stoppers_[static_cast<std::size_t>(cpu.id())].active_balance = false;
  if (busiest.nr_running <= 1) return {};
  if (!scheduler.active_.test(cpu.id()) || !scheduler.active_.test(target.id())) return {};
  const Domain* sd = scheduler.domains_->lowest(target.id());
  while (sd != nullptr && !sd->span->test(cpu.id())) sd = sd->parent;
  if (sd == nullptr) return {};
  LbEnv env{.sd = sd,
            .idle = CpuIdle::kIdle,
            .this_cpu = target.id(),
            .dst = &target,
            .src = &busiest,
            .active = true};
  Task* p = scheduler.detach_one_task(env);
  if (p == nullptr) return {};
  scheduler.state_of(*sd).nr_balance_failed = 0;
  scheduler.attach_task(target, *p);
  return {};
}

}  // namespace kt::sched
