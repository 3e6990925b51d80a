// When domains are balanced: kernel/sched/fair.c: sched_balance_domains() at intervals, and
// sched_balance_newidle() when a CPU runs out of work; what they remember of each domain.
#include <algorithm>

#include "models/sched/scheduler.hpp"
#include "sim/error.hpp"

namespace kt::sched {

namespace {

using sim::kMs;
using sim::kSecond;
constexpr std::uint32_t kDice = 1024;

}  // namespace

void Scheduler::init_balancing() {
  // Whoever is balancing by the old domains still finds a state for each of them.
  domain_state_.assign(std::max<std::size_t>(domain_state_.size(), domains_->nr_domains()), {});
  group_imbalance_.assign(std::max<std::size_t>(group_imbalance_.size(), domains_->nr_groups()), 0);
  cache_state_.assign(static_cast<std::size_t>(machine_.nr_cpus()), {});
  for (int cpu = 0; cpu < machine_.nr_cpus(); ++cpu) {
    cache_state(cpu).nr_busy_cpus = domains_->llc_size(cpu);
    for (const Domain* sd = domains_->lowest(cpu); sd != nullptr; sd = sd->parent) {
      state_of(*sd).last_balance = state_of(*sd).last_decay_max_lb_cost = last_tick();
      set_balance_interval(*sd, sd->min_interval);
    }
  }
  for (const int cpu : nohz_idle_) {
    if (domains_->llc(cpu) != nullptr) --cache_state(cpu).nr_busy_cpus;
  }
}

// kernel/sched/fair.c: get_sd_balance_interval. A whole number of ticks; the busy ones are a tick
// short of a multiple of each other's, so that domains do not meet.
Time Scheduler::interval_of(const Domain& sd, bool busy) const {
  const Time ticks_of_ms = domain_state_[sd.id].balance_interval * kMs;
  const Time wanted = busy ? ticks_of_ms * sd.busy_factor : ticks_of_ms;
  const Time ticks = (wanted + config_.tick - 1) / config_.tick - (busy ? 1 : 0);
  const Time most = active_.count() * (kSecond / config_.tick) / 10;  // max_load_balance_interval
  return std::clamp<Time>(ticks, 1, std::max<Time>(most, 1)) * config_.tick;
}

void Scheduler::set_balance_interval(const Domain& sd, int ms) {
  DomainState& state = state_of(sd);
  if (state.balance_interval == ms) return;
  state.balance_interval = ms;
  state.idle_interval = interval_of(sd, false);
}

void Scheduler::update_newidle_stats(DomainState& state, std::uint32_t success) {
  ++state.newidle_call;
  state.newidle_success += success;
  if (state.newidle_call < kDice) return;
  state.newidle_ratio = state.newidle_success;
  state.newidle_call /= 2;
  state.newidle_success /= 2;
}

// kernel/sched/fair.c: update_newidle_cost. True: the cost of long ago was made to count less.
bool Scheduler::update_newidle_cost(DomainState& state, Time cost, std::uint32_t success) {
  if (cost != 0) update_newidle_stats(state, success);
  const Time now = last_tick();
  if (cost > state.max_newidle_lb_cost) {
    state.max_newidle_lb_cost = cost;
    state.last_decay_max_lb_cost = now;
  } else if (now > state.last_decay_max_lb_cost + kSecond) {
    state.max_newidle_lb_cost = state.max_newidle_lb_cost * 253 / 256;
    state.last_decay_max_lb_cost = now;
    return true;
  }
  return false;
}

// kernel/sched/fair.c: sched_balance_newidle, its first part. Whether to go through the domains.
bool Scheduler::wants_newidle_balance(Rq& rq) {
  if (rq.ttwu_pending) return false;
  rq.idle_stamp = rq.clock();
  if (!active_.test(rq.id())) return false;
  rq.next_balance = std::min(rq.next_balance, last_tick() + kSecond);
  if (const Domain* sd = domains_->lowest(rq.id())) {
    const DomainState& state = state_of(*sd);
    if (overloaded_ && rq.avg_idle >= state.max_newidle_lb_cost) return true;
    rq.next_balance = std::min(rq.next_balance, state.last_balance + state.idle_interval);
  }
  nohz_newidle_balance(rq);
  return false;
}

// The rest of it. The kernel throws a dice of 1,024 sides for each domain, and goes ahead about as
// often as pulls have succeeded there; here the same share of calls goes ahead, evenly spread.
Co<> Scheduler::sched_balance_newidle(Rq& rq) {
  std::shared_ptr<const SchedDomains> held;  // they may be rebuilt while it balances
  Time cost = 0;
  Time begin = rq.clock();
  bool continue_balancing = true;
  bool pulled = false;
  for (const Domain* sd = domains_->lowest(rq.id()); sd != nullptr; sd = sd->parent) {
    DomainState& state = state_of(*sd);
    rq.next_balance = std::min(rq.next_balance, state.last_balance + state.idle_interval);
    if (rq.avg_idle < cost + state.max_newidle_lb_cost) break;
    if ((sd->flags & kSdBalanceNewidle) == 0) continue;
    const std::uint32_t weight = 1 + state.newidle_ratio;
    state.dice += weight + 1;  // the sides from 0 to weight
    if (state.dice < kDice) {
      update_newidle_stats(state, 0);
      continue;
    }
    state.dice -= kDice;
    if (held == nullptr) held = domains_;
    pulled = co_await sched_balance_rq(rq, *sd, CpuIdle::kNewlyIdle, continue_balancing) != 0;
    const Time end = rq.clock();
    cost += end - begin;
    update_newidle_cost(state, end - begin, pulled ? (kDice + weight / 2) / weight : 0);
    begin = end;
    if (pulled || !continue_balancing) break;
  }
  rq.max_idle_balance_cost = std::max(rq.max_idle_balance_cost, cost);
  if (pulled || rq.nr_running != 0) {
    rq.idle_stamp = 0;
  } else {
    nohz_newidle_balance(rq);
  }
}

// kernel/sched/fair.c: sched_balance_domains, for the CPU of `rq`: those whose time has come.
Co<> Scheduler::sched_balance_domains(Rq& rq, CpuIdle idle) {
  const std::shared_ptr<const SchedDomains> held = domains_;
  bool continue_balancing = true;
  bool busy = idle != CpuIdle::kIdle && !rq.sched_idle_cpu();
  bool decayed = false;
  Time max_cost = 0;
  Time next_balance = sim::kNever;
  for (const Domain* sd = domains_->lowest(rq.id()); sd != nullptr; sd = sd->parent) {
    DomainState& state = state_of(*sd);
    decayed = update_newidle_cost(state, 0, 0);
    max_cost += state.max_newidle_lb_cost;
    if (!continue_balancing) {  // another CPU of the group does it
      if (decayed) continue;
      break;
    }
    Time interval = interval_of(*sd, busy);
    const bool serialize = (sd->flags & kSdSerialize) != 0;
    if (!serialize || !balance_running_) {
      if (last_tick() >= state.last_balance + interval) {
        balance_running_ |= serialize;
        const int moved = co_await sched_balance_rq(rq, *sd, idle, continue_balancing);
        if (serialize) balance_running_ = false;
        if (moved != 0) {
          idle = rq.idle_cpu() ? CpuIdle::kIdle : CpuIdle::kBusy;
          busy = idle != CpuIdle::kIdle && !rq.sched_idle_cpu();
        }
        state.last_balance = last_tick();
        interval = interval_of(*sd, busy);
      }
    }
    next_balance = std::min(next_balance, state.last_balance + interval);
  }
  if (decayed) rq.max_idle_balance_cost = std::max(kMigrationCost, max_cost);
  if (next_balance != sim::kNever)
    rq.next_balance = std::min(next_balance, last_tick() + 60 * kSecond);
}

// kernel/sched/fair.c: sched_balance_softirq
Co<> Scheduler::sched_balance_softirq(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  const CpuIdle idle = rq.idle_balance ? CpuIdle::kIdle : CpuIdle::kBusy;
  const unsigned flags = std::exchange(rq.nohz_idle_balance, 0);
  if (flags != 0 && idle == CpuIdle::kIdle) return nohz_idle_balance(rq, flags);
  return sched_balance_domains(rq, idle);
}

// kernel/sched/core.c: sched_tick
void Scheduler::sched_tick(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  if (cpufreq.tick != nullptr) [[unlikely]]
    cpufreq.tick(cpufreq.object, rq);
  task_tick(rq, *rq.curr);
}

void Scheduler::sched_tick_remote(int cpu) {
  constexpr Time kLate = 3 * sim::kSecond;
  Rq& rq = this->rq(cpu);
  Task& curr = *rq.curr;
  if (curr.is_idle()) return;  // task_tick_idle()
  machine_.touch(&rq, cpu::Access::kWrite);
  const Time unaccounted = rq.clock() - curr.se.exec_start;
  if (unaccounted > kLate) {
    throw sim::Defect(fmt::format(
        "WARNING: kernel/sched/core.c: sched_tick_remote(): nothing was accounted to {} (pid {}) on "
        "CPU {}, which has no tick, for {}",
        machine_.trace().names()[curr.comm], curr.pid, cpu, sim::format_time(unaccounted)));
  }
  task_tick(rq, curr);
}

// sched_class::task_tick
void Scheduler::task_tick(Rq& rq, Task& curr) {
  if (curr.sched_class == Class::kFair) {
    update_load_avg(rq);
    rq.cfs.update_curr(rq.clock());
    curr.update_load(rq.clock_pelt(), {Rq::kCapacity, Rq::kCapacity, Rq::kCapacity});
    return;
  }
  rq.update_load();
  if (curr.sched_class == Class::kRt) task_tick_rt(rq, curr);
}

void Scheduler::sched_balance_trigger(Cpu& cpu) {
  Rq& rq = this->rq(cpu.id());
  rq.idle_balance = rq.idle_cpu();
  if (domains_->lowest(rq.id()) == nullptr || !active_.test(rq.id())) return;
  if (last_tick() >= rq.next_balance) time_hooks.raise_sched_softirq(time_hooks.object, cpu);
  nohz_balancer_kick(rq);
}

}  // namespace kt::sched
