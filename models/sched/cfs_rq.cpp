// The operations of the fair run queue. The virtual-time arithmetic under them is in eevdf.cpp.
#include <algorithm>

#include "models/sched/eevdf.hpp"
#include "models/sched/slice_protection.hpp"
#include "models/sched/virtual_time.hpp"
#include "sim/error.hpp"

namespace kt::sched {

void CfsRq::update_curr(sim::Time now) {
  if (curr_ == nullptr) return;
  Entity& curr = *curr_;
  const sim::Time delta_exec = now - curr.exec_start;
  if (delta_exec <= 0) return;
  curr.exec_start = now;
  curr.sum_exec_runtime += delta_exec;
  curr.vruntime += calc_delta_fair(static_cast<std::uint64_t>(delta_exec), curr.load);
  const bool slice_used_up = update_deadline(curr);
  hooks_->account(curr, delta_exec);
  if (nr_running_ == 1) return;
  if (slice_used_up || (!protect_slice(curr) && !eligible(curr))) hooks_->resched_curr();
}

void CfsRq::set_delayed(Entity& se) {
  se.sched_delayed = true;
  ++h_nr_delayed_;
}

void CfsRq::clear_delayed(Entity& se) {
  se.sched_delayed = false;
  --h_nr_delayed_;
}

void CfsRq::account_enqueue(const Entity& se) {
  load_weight_ += se.load.weight;
  ++nr_running_;
  if (se.policy == FairPolicy::kIdle) ++idle_h_nr_running_;
  if (se.sched_delayed) ++h_nr_delayed_;
}

void CfsRq::account_dequeue(const Entity& se) {
  load_weight_ -= se.load.weight;
  --nr_running_;
  if (se.policy == FairPolicy::kIdle) --idle_h_nr_running_;
  if (se.sched_delayed) --h_nr_delayed_;
}

// kernel/sched/fair.c: requeue_delayed_entity
void CfsRq::requeue_delayed(Entity& se) {
  KT_ASSERT(se.sched_delayed && se.on_rq, "requeue of an entity that is not delayed on the queue");
  se.vlag = entity_lag(avg_vruntime(), se);
  if (se.vlag > 0) {
    // It has slept off its debt; what it gained beyond that while asleep is not its due.
    const bool is_curr = &se == curr_;
    --nr_running_;
    if (!is_curr) tree_erase(se);
    se.vlag = 0;
    place_entity(se, false);
    if (!is_curr) tree_insert(se);
    ++nr_running_;
  }
  clear_delayed(se);
}

void CfsRq::enqueue(Entity& se, EnqueueFlags flags, sim::Time now) {
  if (flags.delayed || (se.on_rq && se.sched_delayed)) {
    requeue_delayed(se);
    return;
  }
  KT_ASSERT(!se.on_rq, "enqueue of an entity that is queued");
  const bool is_curr = &se == curr_;
  // Current must be placed on this queue's time line before it is charged.
  if (is_curr) place_entity(se, flags.initial);
  update_curr(now);
  if (!is_curr) place_entity(se, flags.initial);
  account_enqueue(se);
  if (flags.migrated) se.exec_start = 0;
  if (!is_curr) tree_insert(se);
  se.on_rq = true;
}

bool CfsRq::dequeue(Entity& se, DequeueFlags flags, sim::Time now) {
  KT_ASSERT(se.on_rq, "dequeue of an entity that is not queued");
  update_curr(now);
  if (flags.delayed) {
    KT_ASSERT(se.sched_delayed && flags.sleep, "finish of a dequeue that is not delayed");
  } else if (flags.sleep && !flags.special) {
    KT_ASSERT(!se.sched_delayed, "an entity whose dequeue is delayed sleeps again");
    if (!eligible(se)) {
      set_delayed(se);
      return false;
    }
  }

  se.vlag = entity_lag(avg_vruntime(), se);
  if (!flags.sleep) {
    se.deadline -= se.vruntime;
    se.rel_deadline = true;
  }
  if (&se != curr_) tree_erase(se);
  se.on_rq = false;
  account_dequeue(se);

  if (flags.delayed) {
    se.sched_delayed = false;
    se.vlag = std::min<std::int64_t>(se.vlag, 0);
    hooks_->block(se);
  }
  return true;
}

Entity* CfsRq::pick(sim::Time now) {
  while (nr_running_ != 0) {
    if (curr_ != nullptr && curr_->on_rq) update_curr(now);
    Entity* se = pick_eevdf();
    KT_ASSERT(se != nullptr, "none of {} entities is eligible", nr_running_);
    if (!se->sched_delayed) return se;
    dequeue(*se, {.sleep = true, .delayed = true}, now);
  }
  return nullptr;
}

void CfsRq::set_next(Entity& se, sim::Time now) {
  KT_ASSERT(curr_ == nullptr, "set_next while there is a current entity");
  if (se.on_rq) {
    tree_erase(se);
    set_protect_slice(se);
  }
  se.exec_start = now;
  curr_ = &se;
  se.prev_sum_exec_runtime = se.sum_exec_runtime;
}

void CfsRq::put_prev(Entity& prev, sim::Time now) {
  KT_ASSERT(curr_ == &prev, "put_prev of an entity that is not current");
  if (prev.on_rq) {
    update_curr(now);
    tree_insert(prev);
  }
  curr_ = nullptr;
}

// A waker with a shorter slice may end current's protection. kernel/sched/fair.c: do_preempt_short
bool CfsRq::is_preempted_short(const Entity& pse, const Entity& se) const {
  if (pse.slice >= se.slice || !eligible(pse)) return false;
  return before(pse.deadline, se.deadline) || !eligible(se);
}

void CfsRq::wakeup_preempt(Entity& pse, sim::Time now) {
  KT_ASSERT(curr_ != nullptr, "wakeup_preempt without a current entity");
  Entity& se = *curr_;
  if (&se == &pse) return;
  const bool se_is_idle = se.policy == FairPolicy::kIdle;
  const bool pse_is_idle = pse.policy == FairPolicy::kIdle;
  if (se_is_idle && !pse_is_idle) {
    cancel_protect_slice(se);
    hooks_->resched_curr();
    return;
  }
  if (se_is_idle != pse_is_idle || pse.policy != FairPolicy::kNormal) return;

  update_curr(now);
  if (is_preempted_short(pse, se)) cancel_protect_slice(se);
  if (pick_eevdf() == &pse) hooks_->resched_curr();
}

void CfsRq::yield(sim::Time now) {
  KT_ASSERT(curr_ != nullptr, "yield without a current entity");
  update_curr(now);
  if (!eligible(*curr_)) return;
  curr_->vruntime = curr_->deadline;
  update_deadline(*curr_);
}

}  // namespace kt::sched
