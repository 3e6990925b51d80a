// One task as the fair run queue sees it: a plain record with the kernel's field names, meant to be
// a member of the task. It holds its own tree links, so that queueing never allocates. The
// scheduler state is written by CfsRq only; the owner sets load, policy and the slice before the
// first enqueue (later, while it is off the queue, through reweight and set_custom_slice).
// include/linux/sched.h: struct sched_entity. Left out: group scheduling (parent, my_q, min_slice,
// which only sets the slice of a group), load tracking, statistics.
#pragma once

#include <cstdint>

#include "models/sched/load_weight.hpp"
#include "sim/time.hpp"

namespace kt::sched {

/// The fair class's policies: SCHED_NORMAL, SCHED_BATCH, SCHED_IDLE.
enum class FairPolicy : std::uint8_t { kNormal, kBatch, kIdle };

/// Virtual times are unsigned and compared by signed difference, as they may wrap.
struct Entity {
  // DeadlineTree's links; meaningless outside the tree.
  Entity* parent = nullptr;
  Entity* left = nullptr;
  Entity* right = nullptr;

  std::uint64_t deadline = 0;      ///< virtual ns; relative to vruntime while rel_deadline is set
  std::uint64_t min_vruntime = 0;  ///< least vruntime in the subtree below this node
  std::uint64_t vruntime = 0;      ///< virtual ns; comparable within one queue only

  LoadWeight load;
  sim::Time slice = 0;  ///< real ns requested; refreshed from the base slice unless custom_slice
  std::int64_t vlag =
      0;  ///< virtual ns, off the queue: V - v. While running: the protected deadline

  sim::Time exec_start = 0;        ///< task clock up to which execution is accounted; 0: migrated
  sim::Time sum_exec_runtime = 0;  ///< real ns ever run
  sim::Time prev_sum_exec_runtime = 0;  ///< sum_exec_runtime when last switched in

  std::uint32_t heap_priority = 0;  ///< DeadlineTree's, as the links
  bool on_rq = false;          ///< competes on a queue (also as current, also while delayed)
  bool sched_delayed = false;  ///< sleeps, and stays queued until its lag has run off
  bool rel_deadline = false;
  bool custom_slice = false;
  FairPolicy policy = FairPolicy::kNormal;
};

/// sched_setattr's sched_runtime for a fair task: a slice of its own, clamped to 0.1..100 ms; 0
/// goes back to the base slice given. kernel/sched/syscalls.c: __setscheduler_params
void set_custom_slice(Entity& se, sim::Time runtime, sim::Time base_slice);

/// A change of weight, which keeps the real-time lag. se must be off the queue, as in the kernel it
/// always is: a nice change of a queued task is dequeue({}), put_prev() if it runs, reweight,
/// enqueue({}), set_next() if it runs (kernel/sched/syscalls.c: set_user_nice). A saved relative
/// deadline is not scaled. kernel/sched/fair.c: reweight_entity
void reweight(Entity& se, LoadWeight load);

}  // namespace kt::sched
