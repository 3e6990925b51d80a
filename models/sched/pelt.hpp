// What a run queue or a task has asked for of late (struct sched_avg): its load, how much of it was
// runnable, and how much ran, each averaged over geometric history, where 32 periods of 1,024 us
// halve the weight of the past (kernel/sched/pelt.c). Integer arithmetic; what has held since the
// last call is accumulated when it changes or is read.
//
// A queue's signals are the sums of those of its tasks, of sleepers that ran there last too. A task
// that moves takes its part along (attach_load, detach_load); in between both advance alike.
#pragma once

#include <cstdint>

#include "sim/time.hpp"

namespace kt::sched {

/// The three signals at one moment. A queue's load is a sum of weights, a task's is 1024 while it
/// is queued; runnable is 1024 for each runnable task; util 1024 while one runs.
struct Signals {
  std::uint64_t load = 0;
  std::uint64_t runnable = 0;
  std::uint64_t util = 0;
};

/// `Sum`: 64 bits for a queue, 32 for a task.
template <class Sum>
class LoadAvg {
 public:
  /// As if the averages had been these until `now`.
  void start(sim::Time now, const Signals& averages);
  /// Accounts `value` from the last call until `now`. True if the averages have moved, which they
  /// do at the ends of periods (and not before 1,024 ns have passed).
  bool accumulate(sim::Time now, const Signals& value) {
    const std::uint64_t units = static_cast<std::uint64_t>(now - last_) / kUnit;
    if (units == 0) return false;
    last_ += static_cast<sim::Time>(units * kUnit);
    const std::uint64_t total = contribution_ + units;
    if (total >= kPeriod) {
      end_periods(total, value);
      return true;
    }
    contribution_ = static_cast<std::uint32_t>(total);
    load_ = static_cast<Sum>(load_ + units * value.load);
    runnable_ = static_cast<Sum>(runnable_ + units * value.runnable);
    util_ = static_cast<Sum>(util_ + units * value.util);
    return false;
  }
  [[nodiscard]] std::uint64_t load() const { return load_ / divider(); }
  [[nodiscard]] std::uint64_t runnable() const { return runnable_ / divider(); }
  [[nodiscard]] std::uint64_t util() const { return util_ / divider(); }
  /// The sum behind util(), and how much it is at least of a CPU that never idles.
  [[nodiscard]] std::uint64_t util_sum() const { return util_; }
  static constexpr std::uint64_t kFullUtilSum = (47742 - 1024) * 1024ULL - 47742;
  /// Nothing of the past is left.
  [[nodiscard]] bool decayed() const { return load() == 0 && util() == 0; }

 private:
  template <class>
  friend class LoadAvg;
  friend void attach_load(LoadAvg<std::uint64_t>& queue, LoadAvg<std::uint32_t>& task,
                          std::uint64_t weight);
  friend void detach_load(LoadAvg<std::uint64_t>& queue, const LoadAvg<std::uint32_t>& task,
                          std::uint64_t weight);
  static constexpr std::uint64_t kUnit = 1024;     // ns
  static constexpr std::uint32_t kPeriod = 1024;   // units
  static constexpr std::uint64_t kMaxSum = 47742;  // sum of 1024 y^n over all n, in units

  [[nodiscard]] std::uint64_t divider() const { return kMaxSum - kPeriod + contribution_; }
  void end_periods(std::uint64_t total, const Signals& value);

  sim::Time last_ = 0;              // ns, aligned down to whole units since the start
  std::uint32_t contribution_ = 0;  // units into the current period, 0 … 1023
  Sum load_ = 0;
  Sum runnable_ = 0;
  Sum util_ = 0;
};

using QueueLoad = LoadAvg<std::uint64_t>;
using TaskLoad = LoadAvg<std::uint32_t>;

/// Adds a task of this weight (1024 at nice 0) to a queue that has been brought up to date, and
/// brings the task's periods in line with the queue's. kernel/sched/fair.c: attach_entity_load_avg
void attach_load(QueueLoad& queue, TaskLoad& task, std::uint64_t weight);
/// The reverse; both have been brought up to date. kernel/sched/fair.c: detach_entity_load_avg
void detach_load(QueueLoad& queue, const TaskLoad& task, std::uint64_t weight);

extern template class LoadAvg<std::uint64_t>;
extern template class LoadAvg<std::uint32_t>;

}  // namespace kt::sched
