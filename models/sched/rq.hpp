// The run queue of one CPU (kernel/sched/sched.h: struct rq): one queue for each class, who runs,
// who idles, what remote CPUs have put on the wake list.
#pragma once

#include <algorithm>

#include "models/sched/eevdf.hpp"
#include "models/sched/fair_server.hpp"
#include "models/sched/pelt.hpp"
#include "models/sched/rt_rq.hpp"
#include "models/sched/task.hpp"

namespace kt::sched {

/// struct __call_single_data: a function that one CPU has another one call, in its call-function
/// interrupt. Must stay until it has begun.
struct CallSingleData {
  sim::Co<> (*function)(void* object, cpu::Cpu& cpu) = nullptr;
  void* object = nullptr;
  bool queued = false;
  CallSingleData* next = nullptr;
};

inline constexpr Time kMigrationCost = 500'000;  ///< ns; sysctl_sched_migration_cost

struct Rq final : FairHooks {
  Rq(Scheduler& scheduler_, cpu::Cpu& cpu_, const FairTunables& tunables)
      : scheduler(&scheduler_), cpu(&cpu_), cfs(tunables, *this), fair_server(cpu_) {}

  [[nodiscard]] int id() const { return cpu->id(); }
  [[nodiscard]] Time clock() const { return cpu->now(); }
  /// The clock of the averages: it runs as fast as the CPU, and what it has lost by that it catches
  /// up with when the CPU idles. kernel/sched/pelt.h: update_rq_clock_pelt, cfs_rq_clock_pelt
  [[nodiscard]] Time clock_pelt() {
    return freq_invariant ? update_clock_pelt() : cpu->now();
  }
  /// idle_cpu(): runs the idle task, nothing queued, nothing on the wake list.
  [[nodiscard]] bool idle_cpu() const { return curr == idle && nr_running == 0 && !ttwu_pending; }
  /// sched_idle_cpu(): only SCHED_IDLE tasks queued.
  [[nodiscard]] bool sched_idle_cpu() const {
    return nr_running != 0 && nr_running == cfs.idle_h_nr_running();
  }
  /// Brings the averages up to date; the others read them as they are. True if they have moved.
  bool update_load();
  /// A CPU that goes idle after it had no time to spare would not have caught up.
  /// kernel/sched/pelt.h: update_idle_rq_clock_pelt
  void update_idle_clock_pelt();
  /// cpu_load(): the weight of its fair tasks, averaged.
  [[nodiscard]] std::uint64_t load() const { return load_avg.load(); }
  /// cpu_util_cfs(), cpu_runnable(): of its fair tasks, in 1024ths of a CPU.
  [[nodiscard]] std::uint64_t util() const {
    return std::min<std::uint64_t>(std::max(load_avg.util(), util_est), kCapacity);
  }
  [[nodiscard]] std::uint64_t runnable() const { return load_avg.runnable(); }
  /// capacity_of(): what real-time tasks leave to fair ones, 1 … 1024.
  [[nodiscard]] std::uint64_t capacity() const {
    const std::uint64_t used = rt_avg.util();
    return used >= kCapacity ? 1 : kCapacity - used;
  }
  static constexpr std::uint64_t kCapacity = 1024;

  // FairHooks
  void account(Entity& curr, Time delta_exec) override;
  void resched_curr() override;
  void block(Entity& se) override;

  Scheduler* scheduler;
  cpu::Cpu* cpu;
  Task* curr = nullptr;
  Task* idle = nullptr;
  Task* stop = nullptr;         ///< migration/N
  Task* stop_queued = nullptr;  ///< it, while it is runnable
  Task* switch_prev = nullptr;  ///< who is being switched out (finish_task_switch's prev)
  unsigned nr_running = 0;
  std::uint64_t nr_switches = 0;
  CfsRq cfs;
  RtRq rt;
  FairServer fair_server;
  std::uint32_t active_mm = 0;  ///< address space loaded, borrowed by kernel threads

  Task* wake_list = nullptr;  ///< in order of arrival
  Task** wake_list_tail = &wake_list;
  bool ttwu_pending = false;
  CallSingleData* call_list = nullptr;  ///< in order of arrival
  CallSingleData** call_list_tail = &call_list;
  bool balance_push = false;     ///< the CPU goes offline: what runs here is pushed away
  int nr_pinned = 0;             ///< tasks here that are migrate-disabled
  std::uint64_t nr_pushed = 0;   ///< tasks that had to leave so
  Task* hotplug_wait = nullptr;  ///< cpuhp/N, until the others have left

  std::uint64_t nr_halts = 0;  ///< how often the idle loop has stopped (RCU's extended quiescence)
  Time idle_stamp = 0;         ///< when it went idle; 0: it is not
  Time avg_idle = 1'000'000;
  Time max_idle_balance_cost = 500'000;
  Time next_balance = 0;           ///< the first tick that balances
  bool nohz_tick_stopped = false;  ///< among the idle CPUs without a tick, till its next busy tick
  bool has_blocked_load = false;   ///< the averages have not decayed, for all that nobody is there
  bool idle_balance = false;       ///< it idled when the softirq was raised
  unsigned nohz_flags = 0;         ///< asked of it by the next call-function interrupt (NohzFlag)
  unsigned nohz_idle_balance = 0;  ///< of those, what the SCHED softirq is to do

  bool freq_invariant = false;      ///< the CPU's frequency changes: freq_scale counts
  std::uint32_t freq_scale = 1024;  ///< arch_scale_freq_capacity(): in 1024ths, as of the last tick
  Time pelt_updated = 0;            ///< when pelt_lag was brought up to date
  Time pelt_lag = 0;                ///< ns by which the clock of the averages is late
  Time lost_idle_time = 0;          ///< ns by which it stays late

  QueueLoad load_avg;              ///< of the fair tasks, as last updated
  QueueLoad rt_avg;                ///< util: 1024 while a real-time task runs
  bool rt_used = false;            ///< one has been here
  std::uint64_t util_est = 0;      ///< sum over the queued fair tasks
  std::uint32_t next_recency = 0;  ///< Task::se.recency of who comes next
  Time last_switch = 0;
  Time last_resched_point = 0;  ///< when it last could have switched
  Time last_quiescent = 0;      ///< when it was last seen outside atomic sections
  bool tick_nohz_full = false;  ///< its tick stops while it has one task
  bool tick_dep_sched = false;  ///< … but goes on for its tasks (TICK_DEP_BIT_SCHED)
  bool tick_dep_rcu = false;    ///< … or for a grace period that waits for long (TICK_DEP_BIT_RCU)
  bool exp_wanted = false;      ///< cpu_no_qs.b.exp: an expedited grace period waits for this CPU
  Time busy_time = 0;           ///< ns with something but the idle task

 private:
  Time update_clock_pelt();
};

inline Task& task_of(Entity& se) {
  return *static_cast<TaskEntity&>(se).task;
}

}  // namespace kt::sched
