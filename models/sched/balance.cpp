// Load balancing (kernel/sched/fair.c: sched_balance_newidle, sched_balance_domains, nohz): an idle
// CPU pulls waiting tasks from the busiest run queue of the nearest domain that has one. Left out
// beside the kernel's: group statistics beyond the busiest queue, and active balance of a running
// task.
#include <algorithm>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

namespace {

constexpr Time kMigrationCost = 500'000;  // sysctl_sched_migration_cost, ns
constexpr int kNrMigrate = 32;            // sysctl_sched_nr_migrate
using sim::kMs;
constexpr std::uint32_t kDice = 1024;

}  // namespace

// kernel/sched/fair.c: can_migrate_task
bool Scheduler::can_migrate(const Task& p, const Rq& from, const Rq& to, const Domain& sd) {
  if (p.on_cpu || !p.cpus_ptr->test(to.id()) || p.migration_disabled != 0) return false;
  if (p.se.sched_delayed || is_per_cpu_kthread(p)) return false;
  const bool shares_core = (sd.flags & kSdShareCpucapacity) != 0;
  const bool hot =
      !shares_core && p.se.exec_start != 0 && from.clock() - p.se.exec_start < kMigrationCost;
  return !hot || domain_state_[sd.id].failed > static_cast<unsigned>(sd.cache_nice_tries);
}

// detach_tasks() and attach_tasks(): those that ran longest ago first. How many moved.
int Scheduler::detach_tasks(Rq& from, Rq& to, const Domain& sd, int wanted) {
  int moved = 0;
  while (moved < wanted && moved < kNrMigrate) {
    Task* oldest = nullptr;
    for (Entity* se = from.cfs.tasks_timeline().first(); se != nullptr;
         se = DeadlineTree::next(*se)) {
      Task& p = task_of(*se);
      if (!can_migrate(p, from, to, sd)) continue;
      if (oldest == nullptr || p.se.exec_start < oldest->se.exec_start) oldest = &p;
    }
    if (oldest == nullptr) break;
    migrate_queued_task(*oldest, to.id());
    ++moved;
  }
  return moved;
}

// kernel/sched/fair.c: sched_balance_rq, for the CPU of `rq`. True if a task came.
bool Scheduler::balance_domain(Rq& rq, const Domain& sd, bool newidle) {
  Rq* busiest = nullptr;
  for (int cpu = overloaded_.first_and(*sd.span); cpu >= 0;
       cpu = overloaded_.next_and(*sd.span, cpu + 1)) {
    Rq& candidate = this->rq(cpu);
    if (&candidate == &rq || candidate.cfs.h_nr_runnable() == 0) continue;
    if (busiest == nullptr || candidate.nr_running > busiest->nr_running) busiest = &candidate;
  }
  DomainState& state = domain_state_[sd.id];
  if (busiest == nullptr) return false;
  int wanted = static_cast<int>(busiest->nr_running - rq.nr_running) / 2;
  if (rq.nr_running == 0) {
    wanted = std::max(wanted, 1);
  } else {
    rq.update_load(rq.clock());
    busiest->update_load(rq.clock());
    const auto pct = static_cast<std::uint64_t>(sd.imbalance_pct);
    if (busiest->nr_running < rq.nr_running + 2) return false;
    if (busiest->load() * 100 <= rq.load() * pct) return false;
  }
  if (newidle) wanted = std::min(wanted, 1);
  const int moved = detach_tasks(*busiest, rq, sd, wanted);
  if (moved != 0) {
    state.failed = 0;
  } else if (!newidle) {
    ++state.failed;
  }
  return moved != 0;
}

// kernel/sched/fair.c: sched_balance_newidle, update_newidle_stats. The kernel throws a dice that
// falls as often as pulls have succeeded; here the same share of calls goes ahead, evenly spread.
Co<bool> Scheduler::newidle_balance(Rq& rq) {
  rq.idle_stamp = rq.clock();
  if (overloaded_.empty() || rq.avg_idle < machine_.costs().balance) co_return false;
  if (!active_.test(rq.id())) co_return false;
  const std::shared_ptr<const SchedDomains> held = domains_;
  for (const Domain* sd = domains_->lowest(rq.id()); sd != nullptr; sd = sd->parent) {
    if ((sd->flags & kSdBalanceNewidle) == 0) continue;
    DomainState& state = domain_state_[sd->id];
    state.dice += 1 + state.newidle_ratio;
    const bool go = state.dice >= kDice;
    bool pulled = false;
    if (go) {
      state.dice -= kDice;
      co_await rq.cpu->run(machine_.costs().balance);
      pulled = balance_domain(rq, *sd, true);
      state.newidle_success += pulled ? 1 : 0;
    }
    if (++state.newidle_calls >= kDice) {
      state.newidle_ratio = state.newidle_success;
      state.newidle_calls /= 2;
      state.newidle_success /= 2;
    }
    if (pulled || rq.nr_running != 0) {
      rq.idle_stamp = 0;
      co_return true;
    }
  }
  co_return false;
}

// kernel/sched/fair.c: sched_balance_domains
Co<> Scheduler::balance_domains(Rq& rq, bool idle) {
  const std::shared_ptr<const SchedDomains> held = domains_;
  const Time now = rq.clock();
  Time next = now + 60'000 * kMs;
  for (const Domain* sd = domains_->lowest(rq.id()); sd != nullptr; sd = sd->parent) {
    const int factor = idle ? 1 : sd->busy_factor;
    const Time interval = sd->min_interval * factor * kMs - (idle ? 0 : config_.tick);
    DomainState& state = domain_state_[sd->id];
    if (now >= state.last_balance + interval) {
      state.last_balance = now;
      if (!overloaded_.empty()) {
        co_await machine_.run(machine_.costs().balance);
        if (balance_domain(rq, *sd, false)) idle = false;
      }
    }
    next = std::min(next, state.last_balance + interval);
  }
  rq.next_balance = std::max(next, now + 1);
}

// kernel/sched/fair.c: sched_balance_softirq
Co<> Scheduler::sched_balance_softirq(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  if (rq.nohz_kick) {  // nohz_idle_balance(): for all tickless CPUs, this one last
    rq.nohz_kick = false;
    for (int id = nohz_idle_.first(); id >= 0 && !overloaded_.empty();
         id = nohz_idle_.next(id + 1)) {
      if (id == rq.id() || !this->rq(id).idle_cpu()) continue;
      co_await balance_domains(this->rq(id), true);
    }
  }
  co_await balance_domains(rq, rq.curr == rq.idle);
}

// kernel/sched/fair.c: nohz_balancer_kick, kick_ilb
void Scheduler::nohz_balancer_kick(Rq& rq) {
  if (nohz_idle_.empty() || rq.nr_running < 2 || machine_.now() < nohz_next_kick_) return;
  nohz_next_kick_ = machine_.now() + config_.tick;
  for (int id = nohz_idle_.first(); id >= 0; id = nohz_idle_.next(id + 1)) {
    Rq& target = this->rq(id);
    if (!target.idle_cpu() || target.nohz_kick) continue;
    target.nohz_kick = true;
    machine_.this_cpu().send_ipi(*target.cpu, cpu::Vector::kCallFunctionSingle);
    return;
  }
}

// kernel/sched/core.c: sched_tick
bool Scheduler::sched_tick(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  Task& curr = *rq.curr;
  rq.update_load(rq.clock());
  if (curr.sched_class == Class::kRt) {
    task_tick_rt(rq, curr);
  } else if (curr.sched_class == Class::kFair) {
    rq.cfs.update_curr(rq.clock());
    curr.load_avg.accumulate(rq.clock(), 1024);
  }
  if (!curr.is_idle()) nohz_balancer_kick(rq);
  return domains_->lowest(rq.id()) != nullptr && rq.clock() >= rq.next_balance;
}

void Scheduler::nohz_idle(int cpu, bool tickless) {
  nohz_idle_.assign(cpu, tickless);
}

}  // namespace kt::sched
