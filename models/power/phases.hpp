// What a transition of the system (suspend and resume) has done, step by step, for the reports: one
// row for each phase with where it ran, how long it took and what it waited for. A phase within
// another stands below it, one deeper.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "models/sched/scheduler.hpp"

namespace kt::power {

using sched::Task;
using sim::Co;
using sim::Time;

struct Phase {
  std::string_view name;  ///< if traced the kernel's, as the event suspend_resume shows it
  std::uint32_t value = 0;
  bool traced = false;
  int depth = 0;
  int cpu = 0;               ///< where it began
  std::uint32_t thread = 0;  ///< NameTable id of the task that went through it
  Time start = 0;
  Time end = -1;     ///< -1: it has not ended (the kernel never says so, or the run did first)
  std::string note;  ///< what it waited for most; empty: nothing
};

/// One suspend, from suspend_enter to its result.
struct Transition {
  std::string_view state;  ///< "s2idle", "deep"
  std::uint32_t by = 0;    ///< NameTable id of the task
  std::int32_t pid = 0;
  Time start = 0;
  Time end = -1;         ///< -1: it has not come back
  int result = 0;        ///< 0 or a negative errno
  Time asleep = 0;       ///< ns by the boottime clock that the monotonic clock stood still
  std::string woken_by;  ///< what ended the sleep, or aborted the way to it; empty: nothing did
  std::vector<Phase> phases;
};

/// All transitions of a run; traces each phase as it begins and ends.
class Phases {
 public:
  explicit Phases(sched::Scheduler& scheduler) : scheduler_(scheduler) {}

  Transition& open(std::string_view state);
  void close(int result);
  /// A phase that the kernel traces: `name[value] begin`. `name` is a literal.
  void begin(std::string_view name, std::uint32_t value);
  void end(std::string_view name, std::uint32_t value);
  /// What only the trace shows: no phase.
  void trace_begin(std::string_view name, std::uint32_t value) { trace(name, value, true); }
  void trace_end(std::string_view name, std::uint32_t value) { trace(name, value, false); }
  /// One that it does not trace, or whose end it does not: it failed.
  void begin_untraced(std::string_view name);
  void end_untraced();
  /// Of the innermost phase that goes on, or else of the last one.
  void note(std::string text);

  [[nodiscard]] const std::deque<Transition>& all() const { return transitions_; }
  /// Null between transitions.
  [[nodiscard]] Transition* current() { return current_; }

 private:
  Phase& add(std::string_view name);
  void trace(std::string_view name, std::uint32_t value, bool start);

  sched::Scheduler& scheduler_;
  std::deque<Transition> transitions_;
  Transition* current_ = nullptr;
  std::vector<std::size_t> open_;  // indices of the current one's phases, outermost first
};

}  // namespace kt::power
