// The real-time run queue of one CPU: a FIFO list for each of 100 priorities and a bitmap of those
// that are not empty (kernel/sched/rt.c: struct rt_rq, struct rt_prio_array). A pure data structure.
#pragma once

#include <array>
#include <cstdint>

#include "models/sched/task.hpp"

namespace kt::sched {

inline constexpr Time kRrTimeslice = 100'000'000;  ///< ns, RR_TIMESLICE

class RtRq {
 public:
  /// Queues at the tail of its priority, or (a preempted task, ENQUEUE_HEAD) at its head.
  void enqueue(Task& p, bool head);
  void dequeue(Task& p);
  /// To the tail (or head) of its list, when it is queued (requeue_rt_entity).
  void requeue(Task& p, bool head);

  /// First of the highest priority, or null (pick_next_rt_entity).
  [[nodiscard]] Task* first() const;
  [[nodiscard]] unsigned nr_running() const { return nr_running_; }
  /// Those of SCHED_RR.
  [[nodiscard]] unsigned rr_nr_running() const { return rr_nr_running_; }
  /// Highest priority queued: its kernel prio (0 … 99), or 100 when empty.
  [[nodiscard]] int highest_prio() const;
  /// Whether another task is queued at the priority of `p`.
  [[nodiscard]] bool alone_at_prio(const Task& p) const;
  /// The highest-priority task that is not running here and may run elsewhere, or null
  /// (pick_next_pushable_task); with `cpu` >= 0 one that may run there.
  [[nodiscard]] Task* pushable(int cpu = -1) const;

 private:
  struct List {
    Task* head = nullptr;
    Task* tail = nullptr;
  };
  [[nodiscard]] int next_prio(int from) const;
  std::array<List, kMaxRtPrio> lists_{};
  std::array<std::uint64_t, 2> bitmap_{};
  unsigned nr_running_ = 0;
  unsigned rr_nr_running_ = 0;
};

}  // namespace kt::sched
