// Balancing for idle CPUs that have no tick: a busy CPU's tick asks one of them to do it for all
// (kernel/sched/fair.c: nohz_balancer_kick(), kick_ilb(), nohz_idle_balance()). That CPU also sees
// to it that what sleepers have left behind on idle queues decays; here averages are brought up to
// date when they are read, and only the interrupts for it are left of that.
#include <algorithm>
#include <utility>

#include "models/sched/scheduler.hpp"

namespace kt::sched {

namespace {

/// What is asked of the idle CPU (NOHZ_STATS_KICK, NOHZ_BALANCE_KICK, NOHZ_NEXT_KICK).
enum NohzFlag : unsigned { kStatsKick = 1, kBalanceKick = 2, kNextKick = 4 };

constexpr Time kBlockedPeriod = 32'000'000;  // LOAD_AVG_PERIOD, ns

}  // namespace

void Scheduler::nohz_balance_enter_idle(int cpu) {
  if (!active_.test(cpu)) return;
  Rq& rq = this->rq(cpu);
  rq.has_blocked_load = true;
  if (domains_->lowest(cpu) == nullptr) return;
  nohz_has_blocked_ = true;
  if (rq.nohz_tick_stopped) return;
  rq.nohz_tick_stopped = true;
  nohz_idle_.set(cpu);
  if (domains_->llc(cpu) != nullptr) --cache_state(cpu).nr_busy_cpus;
  nohz_needs_update_ = true;
}

// At the first busy tick, not before: CPUs come and go too often.
void Scheduler::nohz_balance_exit_idle(Rq& rq) {
  if (!rq.nohz_tick_stopped) return;
  rq.nohz_tick_stopped = false;
  nohz_idle_.clear(rq.id());
  if (domains_->llc(rq.id()) != nullptr) ++cache_state(rq.id()).nr_busy_cpus;
}

// Why the others should be balanced for: somebody waits here, real-time tasks take much of this
// CPU, or there is more than one busy CPU in this cache and tasks may be better off elsewhere.
unsigned Scheduler::nohz_kick_flags(const Rq& rq) {
  constexpr unsigned kBalance = kStatsKick | kBalanceKick;
  const Time now = last_tick();
  const bool stats = nohz_has_blocked_ && now > nohz_next_blocked_;
  if (now >= nohz_next_balance_) {
    const Domain& sd = *domains_->lowest(rq.id());
    if (rq.nr_running >= 2) return kBalance;
    if (rq.cfs.nr_running() >= 1 && reduced_capacity(rq, sd)) return kBalance;
    if (domains_->llc(rq.id()) != nullptr && cache_state(rq.id()).nr_busy_cpus > 1) return kBalance;
  }
  return stats ? kStatsKick : 0U;
}

void Scheduler::nohz_balancer_kick(Rq& rq) {
  if (rq.idle_balance) return;
  nohz_balance_exit_idle(rq);
  if (nohz_idle_.empty()) return;
  const unsigned flags = nohz_kick_flags(rq) | (nohz_needs_update_ ? kNextKick : 0U);
  if (flags != 0) kick_ilb(flags);
}

// kernel/sched/fair.c: kick_ilb, find_new_ilb
void Scheduler::kick_ilb(unsigned flags) {
  if ((flags & kBalanceKick) != 0) nohz_next_balance_ = last_tick() + config_.tick;
  const int here = machine_.this_cpu().id();
  for (int id = nohz_idle_.first_and(*housekeeping_); id >= 0;
       id = nohz_idle_.next_and(*housekeeping_, id + 1)) {
    Rq& target = rq(id);
    if (id == here || !target.idle_cpu()) continue;
    const bool was_queued = calls_queued(target);
    target.nohz_flags |= flags;
    if (!was_queued) send_call_function_single_ipi(target);
    return;
  }
}

// kernel/sched/core.c: nohz_csd_func, on the CPU that was asked
void Scheduler::nohz_csd_func(Rq& rq) {
  const unsigned flags = std::exchange(rq.nohz_flags, 0);
  rq.idle_balance = rq.idle_cpu();
  if (!rq.idle_balance) return;
  rq.nohz_idle_balance = flags;
  time_hooks.raise_sched_softirq(time_hooks.object, *rq.cpu);
}

// Whether there is something left to decay.
bool Scheduler::update_nohz_stats(Rq& rq) {
  if (!rq.has_blocked_load) return false;
  rq.scheduler->update_load_avg(rq);
  rq.has_blocked_load = !rq.load_avg.decayed() || rq.rt_avg.util() != 0;
  return rq.has_blocked_load;
}

// kernel/sched/fair.c: nohz_newidle_balance, nohz_run_idle_balance: a CPU that goes idle for a
// while spares the others the interrupt for it.
void Scheduler::nohz_newidle_balance(Rq& rq) {
  if (rq.avg_idle < kMigrationCost || !nohz_has_blocked_) return;
  const Time now = last_tick();
  if (now < nohz_next_blocked_) return;
  Time next_balance = sim::kNever;
  nohz_has_blocked_ = false;
  for (const int cpu : nohz_idle_) {
    Rq& other = this->rq(cpu);
    if (!other.idle_cpu()) continue;
    if (update_nohz_stats(other)) nohz_has_blocked_ = true;
    next_balance = std::min(next_balance, other.next_balance);
  }
  if (next_balance != sim::kNever) nohz_next_balance_ = next_balance;
  nohz_next_blocked_ = now + kBlockedPeriod;
}

// For all idle CPUs without a tick from the next one on, this one last.
Co<> Scheduler::nohz_idle_balance(Rq& this_rq, unsigned flags) {
  const bool stats = (flags & kStatsKick) != 0;
  const Time begin = last_tick();
  Time next_balance = sim::kNever;
  bool has_blocked = false;
  if (stats) nohz_has_blocked_ = false;
  if ((flags & kNextKick) != 0) nohz_needs_update_ = false;
  const int nr_cpus = machine_.nr_cpus();
  for (int i = 1; i <= nr_cpus; ++i) {
    const int cpu = (this_rq.id() + i) % nr_cpus;
    Rq& rq = this->rq(cpu);
    if (!nohz_idle_.test(cpu) || !rq.idle_cpu()) continue;
    if (!this_rq.idle_cpu() && this_rq.curr->need_resched) {  // it has work of its own now
      nohz_has_blocked_ |= stats;
      nohz_needs_update_ |= (flags & kNextKick) != 0;
      co_return;
    }
    if (stats) has_blocked |= update_nohz_stats(rq);
    if (last_tick() >= rq.next_balance && (flags & kBalanceKick) != 0) {
      co_await sched_balance_domains(rq, CpuIdle::kIdle);
    }
    next_balance = std::min(next_balance, rq.next_balance);
  }
  if (next_balance != sim::kNever) nohz_next_balance_ = next_balance;
  if (stats) nohz_next_blocked_ = begin + kBlockedPeriod;
  nohz_has_blocked_ |= has_blocked;
}

}  // namespace kt::sched
