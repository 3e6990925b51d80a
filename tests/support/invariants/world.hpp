// What a trace has shown so far of tasks and CPUs. Checkers look at it before it takes in the line
// that they check.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/support/trace_text.hpp"

namespace support {

struct Waking {
  sim::Time time = 0;
  std::int64_t target = 0;
  unsigned migrations = 0;  ///< that match its target, since
  std::int64_t migrated_to = 0;
};

struct Task {
  std::string comm;
  std::optional<unsigned> running_on;
  std::optional<std::int64_t> cpu;  ///< where it last was, or was placed
  std::string out_state;            ///< prev_state of the last switch-out; empty: none seen
  bool woken = false;               ///< sched_wakeup since that switch-out
  sim::Time woken_at = 0;
  std::optional<Waking> waking;  ///< without its sched_wakeup so far
  bool forked = false;           ///< within the trace
  bool forked_by_kthreadd = false;
  std::int32_t parent = 0;
  bool woken_new = false;
  unsigned switched_in = 0;
  unsigned wakeups = 0;  ///< without sched_wakeup_new
  bool exiting = false;  ///< sched_process_exit seen
  bool dead = false;     ///< switched out in X or Z
  bool has_parked = false;
  bool has_blocked = false;  ///< switched out in another state than R

  /// Blocked: switched out, not in R or R+, and not woken since.
  [[nodiscard]] bool blocked() const {
    return !running_on && !out_state.empty() && out_state[0] != 'R' && !woken;
  }
  /// On a run queue and not running, as far as the trace tells.
  [[nodiscard]] bool queued() const {
    if (running_on || dead) return false;
    return woken || (!out_state.empty() && out_state[0] == 'R') ||
           (forked && woken_new && out_state.empty());
  }
};

class World {
 public:
  explicit World(bool preempt_rt) : preempt_rt_(preempt_rt) {}
  void take(const TraceLine& line);

  /// Softirqs run in threads, preemptible.
  [[nodiscard]] bool preempt_rt() const { return preempt_rt_; }

  /// The task if a line has named it so far.
  [[nodiscard]] const Task* find(std::int64_t pid) const;
  [[nodiscard]] const std::map<std::int64_t, Task>& tasks() const { return tasks_; }
  [[nodiscard]] std::optional<std::int64_t> current(unsigned cpu) const;
  /// A cpuhp event has named the CPU.
  [[nodiscard]] bool hotplugged(std::int64_t cpu) const { return hotplugged_.contains(cpu); }
  /// A CPU is on its way down, down, or on its way up: the kernel records no event on a CPU that is
  /// not online (include/linux/tracepoint.h: DECLARE_TRACE), so that wakings and wakeups may be
  /// missing.
  [[nodiscard]] bool blind() const { return !blind_.empty(); }

 private:
  void switched(const TraceLine& line);
  void woken(const TraceLine& line);
  void migrated(const TraceLine& line);
  void hotplug(const TraceLine& line);
  void forget_running_on(unsigned cpu);

  bool preempt_rt_;
  std::map<std::int64_t, Task> tasks_;
  std::map<unsigned, std::int64_t> current_;
  std::set<std::int64_t> hotplugged_;
  std::map<unsigned, bool> blind_;  ///< true: down
};

/// N of a per-CPU kernel thread's name ("ksoftirqd/N", "migration/N", "cpuhp/N", "kworker/N:M"), or
/// nothing.
std::optional<std::int64_t> bound_cpu(std::string_view comm);

}  // namespace support
