// Runs a scenario given as JSON text and hands back what tests look at: the trace as ftrace text
// and parsed, the marks, and the state of every task at the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/sched/task.hpp"
#include "tests/support/trace_text.hpp"
#include "tools/run/system.hpp"

namespace support {

struct RunOptions {
  std::optional<std::uint64_t> seed = {};
  std::optional<sim::Time> duration = {};
  sim::Time tick_offset = 0;    ///< t = 0 lies so many ns after a tick
  bool traced = true;           ///< else the text and the parsed trace are empty
  bool inline_advance = true;   ///< else every step goes through the calendar
  bool mwait_idle = true;       ///< else idle CPUs halt and need an interrupt
  sim::Time inspect_every = 0;  ///< ns between looks at the state of the workqueues; 0: none
  bool steals = true;           ///< works are cancelled, disabled or modified: for these looks
};

/// A task at the end of the run.
struct TaskEnd {
  std::int32_t pid = 0;
  std::uint32_t state = 0;
  kt::sched::OnRq on_rq = kt::sched::OnRq::kNo;
  int cpu = 0;
  sim::Time runtime = 0;  ///< sum_exec_runtime, ns
  std::uint64_t nvcsw = 0;
  std::uint64_t nivcsw = 0;
  std::uint64_t nr_migrations = 0;
  std::uint64_t nr_wakeups = 0;
  sim::Time run_delay = 0;  ///< ns runnable without a CPU
};

struct Run {
  std::string text;
  TraceText trace;
  std::vector<std::pair<sim::Time, std::string>> marks;
  std::map<std::string, TaskEnd> tasks;  ///< by full name; swapper/N too
  kt::run::Ending ending = kt::run::Ending::kDone;
  std::string message;
  sim::Time end = 0;
  sim::Time nothing_since = 0;
  std::string state_violations;  ///< of support::check_workqueue_state(), one a line

  /// When a mark was first passed. Throws std::runtime_error if it never was.
  [[nodiscard]] sim::Time mark(std::string_view name) const;
  /// The end state of a task. Throws std::runtime_error if there was none of this name.
  [[nodiscard]] const TaskEnd& task(const std::string& name) const;
  /// End states, one task a line: equal for equal runs.
  [[nodiscard]] std::string statistics() const;
};

/// Throws sim::UserError for what is no scenario. The trace has nanosecond stamps and all events.
Run run_scenario(std::string_view json, const RunOptions& options = {});

/// The same for the keys of a scenario, without its name and version and with the smallest boot
/// unless they have "kernel".
Run run_keys(std::string_view keys, const RunOptions& options = {});

/// The violations of tests/support/invariants.hpp in a run, one a line; empty if there is none.
std::string violations(const Run& run);

/// Threads that a random scenario has declared and that have not come to their end.
std::string unfinished(const Run& run);

/// On-CPU time of each task (by comm) from t = 0 to `end`.
std::map<std::string, sim::Time> on_cpu_times(const TraceText& trace, sim::Time end);

/// The lines of one event, optionally only those with `key` equal to `value`.
std::vector<const TraceLine*> lines_of(const TraceText& trace, std::string_view event,
                                       std::string_view key = {}, std::string_view value = {});

}  // namespace support
