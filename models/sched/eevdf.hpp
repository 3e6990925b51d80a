// The fair class's run queue of one CPU: who competes, who is owed time, who runs next (EEVDF). A
// pure data structure: the task clock is handed in with every call, and what the rest of the
// scheduler has to do about it is told through FairHooks. Arithmetic is the kernel's to the
// nanosecond; every call is O(log n). Features as Linux 6.12 ships them: PLACE_LAG,
// PLACE_DEADLINE_INITIAL, PLACE_REL_DEADLINE, RUN_TO_PARITY, PREEMPT_SHORT, DELAY_DEQUEUE,
// DELAY_ZERO, WAKEUP_PREEMPTION. Not modelled: group scheduling, bandwidth control, load tracking,
// next buddies (only yield_to and groups set one), HRTICK. kernel/sched/fair.c
#pragma once

#include <cstdint>

#include "models/sched/deadline_tree.hpp"
#include "models/sched/entity.hpp"
#include "sim/time.hpp"

namespace kt::sched {

/// What the run queue asks of its CPU. Called in the middle of queue operations: account and
/// resched_curr must not call back into the queue.
class FairHooks {
 public:
  /// curr ran for delta_exec real ns (> 0): sched_stat_runtime, group times, the fair server's
  /// budget. kernel/sched/fair.c: update_curr_task
  virtual void account(Entity& curr, sim::Time delta_exec) = 0;
  /// The current task should give way. kernel/sched/core.c: resched_curr
  virtual void resched_curr() = 0;
  /// A delayed dequeue is finished: se has left the queue and its task is now really off the CPU's
  /// queue. The queue does not touch se again, which may be gone afterwards. kernel/sched/sched.h:
  /// __block_task
  virtual void block(Entity& se) = 0;

 protected:
  ~FairHooks() = default;
};

/// Figures shared by all queues of a machine; hotplug changes base_slice while they run.
struct FairTunables {
  sim::Time base_slice = 2'800'000;  ///< ns; base_slice_of(online CPUs)
  sim::Time tick = 4'000'000;        ///< ns; TICK_NSEC, the least bound of lag
};

/// 0.70 ms * (1 + floor(log2(min(online_cpus, 8)))), in ns; online_cpus >= 1.
/// kernel/sched/fair.c: get_update_sysctl_factor
[[nodiscard]] sim::Time base_slice_of(unsigned online_cpus);

/// The flags of ENQUEUE_* that matter to the fair class without groups.
struct EnqueueFlags {
  bool initial = false;   ///< first time after fork: half a slice
  bool migrated = false;  ///< comes from another CPU: no longer cache hot
  bool delayed = false;   ///< wakes an entity whose dequeue is delayed
};

/// The flags of DEQUEUE_* that matter to the fair class without groups.
struct DequeueFlags {
  bool sleep = false;    ///< it blocks (else: migration, class, nice or affinity change)
  bool special = false;  ///< a state that must not see spurious wakeups: never delayed
  bool delayed = false;  ///< finish a delayed dequeue; given with sleep
};

class CfsRq {
 public:
  /// Both must outlive the queue.
  CfsRq(const FairTunables& tunables, FairHooks& hooks) : tunables_(&tunables), hooks_(&hooks) {}
  CfsRq(const CfsRq&) = delete;
  CfsRq& operator=(const CfsRq&) = delete;

  // In all calls `now` is the rq task clock (rq_clock_task), in ns, never going back.

  /// Puts se into competition. An entity that is still queued with its dequeue delayed is woken: it
  /// keeps its place if it is in debt, else it is placed anew without credit. One that migrates
  /// while delayed stays delayed on the new queue. kernel/sched/fair.c: enqueue_task_fair,
  /// enqueue_entity, requeue_delayed_entity
  void enqueue(Entity& se, EnqueueFlags flags, sim::Time now);

  /// Takes se out of competition. False: se sleeps but has run ahead of its share, so it stays
  /// queued (sched_delayed), and a later pick() or dequeue({sleep, delayed}) finishes that and
  /// calls FairHooks::block. kernel/sched/fair.c: dequeue_task_fair, dequeue_entity
  bool dequeue(Entity& se, DequeueFlags flags, sim::Time now);

  /// The entity to run next, or null if none is runnable. Nothing moves: if it is not the current
  /// one, the caller calls put_prev() and set_next(); if it is, the caller leaves it be, as
  /// set_next() would renew its protection. Delayed entities that would win have their dequeue
  /// finished on the way. kernel/sched/fair.c: pick_task_fair
  [[nodiscard]] Entity* pick(sim::Time now);

  /// se becomes current; it leaves the tree and its slice is protected. kernel/sched/fair.c:
  /// set_next_entity
  void set_next(Entity& se, sim::Time now);
  /// The current entity stops being current and goes back to the tree if it still competes.
  /// kernel/sched/fair.c: put_prev_entity
  void put_prev(Entity& prev, sim::Time now);

  /// Charges the current entity up to now, and asks for a reschedule if others are queued and its
  /// slice is used up, or it has lost its protection and runs ahead of its share. The tick does
  /// just this. kernel/sched/fair.c: update_curr, entity_tick
  void update_curr(sim::Time now);

  /// pse was just woken here while a fair task runs: calls resched_curr if it should run at once.
  /// The caller skips this when need_resched is set. kernel/sched/fair.c: check_preempt_wakeup_fair
  void wakeup_preempt(Entity& pse, sim::Time now);

  /// sched_yield by the current entity. The caller skips this when the CPU's nr_running (all
  /// classes) is 1 and calls schedule() after. kernel/sched/fair.c: yield_task_fair
  void yield(sim::Time now);

  [[nodiscard]] Entity* curr() const { return curr_; }
  /// All who compete: runnable, current and delayed (cfs_rq->nr_running, equal to h_nr_queued
  /// here).
  [[nodiscard]] unsigned nr_running() const { return nr_running_; }
  [[nodiscard]] unsigned h_nr_runnable() const { return nr_running_ - h_nr_delayed_; }
  [[nodiscard]] unsigned h_nr_delayed() const { return h_nr_delayed_; }
  /// Those of policy SCHED_IDLE (idle_h_nr_running): the CPU runs only idle tasks if it equals rq
  /// nr_running.
  [[nodiscard]] unsigned idle_h_nr_running() const { return idle_h_nr_running_; }
  /// Sum of the weights of all who compete (scaled down).
  [[nodiscard]] std::uint64_t load_weight() const { return load_weight_; }
  /// Who waits, in deadline order; current is not among them.
  [[nodiscard]] const DeadlineTree& tasks_timeline() const { return tasks_timeline_; }

  /// V, the weighted average vruntime of all who compete (floor); also the new zero point of the
  /// queue's sums.
  std::uint64_t avg_vruntime();
  /// True if se has received no more than its share: lag >= 0, without rounding.
  [[nodiscard]] bool eligible(const Entity& se) const { return vruntime_eligible(se.vruntime); }

 private:
  [[nodiscard]] std::int64_t entity_key(std::uint64_t vruntime) const;
  [[nodiscard]] bool vruntime_eligible(std::uint64_t vruntime) const;
  [[nodiscard]] std::int64_t entity_lag(std::uint64_t avruntime, const Entity& se) const;
  [[nodiscard]] Entity* pick_eevdf() const;
  [[nodiscard]] bool is_preempted_short(const Entity& pse, const Entity& se) const;
  bool update_deadline(Entity& se);
  void place_entity(Entity& se, bool initial);
  void requeue_delayed(Entity& se);
  void set_delayed(Entity& se);
  void clear_delayed(Entity& se);
  void account_enqueue(const Entity& se);
  void account_dequeue(const Entity& se);
  void tree_insert(Entity& se);
  void tree_erase(Entity& se);

  const FairTunables* tunables_;
  FairHooks* hooks_;
  DeadlineTree tasks_timeline_;
  Entity* curr_ = nullptr;
  std::uint64_t zero_vruntime_ = static_cast<std::uint64_t>(-(std::int64_t{1} << 20));
  std::int64_t avg_vruntime_ = 0;  ///< sum over the tree of (v - zero) * weight
  std::int64_t avg_load_ = 0;      ///< sum over the tree of weights
  std::uint64_t load_weight_ = 0;
  unsigned nr_running_ = 0;
  unsigned h_nr_delayed_ = 0;
  unsigned idle_h_nr_running_ = 0;
};

}  // namespace kt::sched
