// The statistics that a balancing pass decides from: kernel/sched/fair.c: update_sd_lb_stats(),
// update_sg_lb_stats(), sched_balance_find_src_rq(). The kernel reads the averages of other CPUs as
// their last tick, or the last look at idle CPUs, has left them; here they are up to date.
#include "models/sched/lb_env.hpp"

namespace kt::sched {

// kernel/sched/fair.c: check_cpu_capacity: real-time tasks take a noticeable part of it.
bool Scheduler::reduced_capacity(const Rq& rq, const Domain& sd) {
  return rq.capacity() * static_cast<std::uint64_t>(sd.imbalance_pct) < Rq::kCapacity * 100;
}

// kernel/sched/fair.c: sched_reduced_capacity
bool Scheduler::runs_one_at_reduced_capacity(const Rq& rq, const Domain& sd) {
  return rq.cfs.nr_running() == 1 && reduced_capacity(rq, sd);
}

GroupStats Scheduler::update_sg_lb_stats(const LbEnv& env, const Group& group, bool local) {
  GroupStats stats;
  stats.weight = static_cast<unsigned>(group.weight);
  for (const int cpu : *group.span) {
    Rq& rq = this->rq(cpu);
    rq.update_load();
    stats.capacity += rq.capacity();
    if (!lb_cpus_.test(cpu)) continue;
    stats.load += rq.load();
    stats.util += rq.util();
    stats.runnable += rq.runnable();
    stats.h_nr_running += rq.cfs.nr_running();
    stats.nr_running += rq.nr_running;
    if (rq.idle_cpu()) {
      ++stats.idle_cpus;
    } else if (!local && env.idle != CpuIdle::kBusy && runs_one_at_reduced_capacity(rq, *env.sd)) {
      stats.misfit_load = std::max(stats.misfit_load, rq.load());
    }
  }
  // A group whose tasks share a core helps them by giving one away.
  stats.smt_balance = !local && env.idle != CpuIdle::kBusy &&
                      (group.flags & kSdShareCpucapacity) != 0 && stats.h_nr_running > 1;
  stats.type = group_classify(env.sd->imbalance_pct, group_imbalanced(group), stats);
  if (stats.type == GroupType::kOverloaded) stats.avg_load = stats.load_per_cpu();
  return stats;
}

DomainStats Scheduler::update_sd_lb_stats(const LbEnv& env) {
  DomainStats stats;
  std::uint64_t util = 0;
  bool overloaded = false;
  const int dst = env.dst->id();
  for (std::size_t i = 0; i < env.sd->groups.size(); ++i) {
    const Group& group = env.sd->groups[i];
    const bool local = group.span->test(dst);
    const GroupStats figures = update_sg_lb_stats(env, group, local);
    if (local) {
      stats.local = &group;
      stats.local_stats = figures;
    } else if (busier(stats, group, figures)) {
      stats.busiest = &group;
      stats.busiest_stats = figures;
    }
    stats.total_load += figures.load;
    stats.total_capacity += figures.capacity;
    util += figures.util;
  }
  if (env.sd->parent == nullptr) {  // the whole root domain has been seen
    for (const int cpu : *env.sd->span) overloaded |= lb_cpus_.test(cpu) && rq(cpu).nr_running > 1;
    overloaded_ = overloaded;
  }
  if (env.idle != CpuIdle::kNewlyIdle && domains_->llc(dst) != nullptr &&
      env.sd->span_weight == domains_->llc_size(dst)) {
    cache_state(dst).nr_idle_scan = idle_cpu_scan(util, env.sd->span_weight, env.sd->imbalance_pct);
  }
  return stats;
}

// kernel/sched/fair.c: sched_balance_find_src_rq. Null: none has what is to move.
Rq* Scheduler::find_src_rq(const LbEnv& env, const Group& group) {
  Rq* busiest = nullptr;
  std::uint64_t most = 0;
  std::uint64_t most_capacity = 1;
  for (int cpu = group.span->first_and(lb_cpus_); cpu >= 0;
       cpu = group.span->next_and(lb_cpus_, cpu + 1)) {
    Rq& rq = this->rq(cpu);
    const unsigned nr_running = rq.cfs.nr_running();
    if (nr_running == 0) continue;
    std::uint64_t figure = nr_running;
    std::uint64_t capacity = 1;
    if (env.imbalance.type == MigrationType::kLoad) {
      figure = rq.load();
      const bool too_much = static_cast<std::int64_t>(figure) > env.imbalance.amount;
      if (nr_running == 1 && too_much && !reduced_capacity(rq, *env.sd)) continue;
      capacity = rq.capacity();
    } else if (env.imbalance.type == MigrationType::kUtil) {
      if (nr_running <= 1) continue;  // it runs: nothing to detach
      figure = std::min(std::max(rq.util(), rq.runnable()), Rq::kCapacity);
    }
    if (figure * most_capacity > most * capacity) {
      most = figure;
      most_capacity = capacity;
      busiest = &rq;
    }
  }
  return busiest;
}

}  // namespace kt::sched
