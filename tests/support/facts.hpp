// What happened in a trace, without the noise: the facts that the recorded scenarios' summary.json
// and stable.json hold, taken from ftrace text. Times count from t = 0, which is the mark "ktoracle
// start" (if a trace has none: stamp zero), and end at the mark "ktoracle stop" (or the last line).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/trace_text.hpp"

namespace support {

/// A line that a task left: mark, return.
struct Note {
  sim::Time time = 0;
  std::string text;
  std::string by;  ///< "comm-pid", "idle"
  unsigned cpu = 0;
};

struct ThreadForked {
  sim::Time time = 0;
  std::string thread;  ///< "comm-pid"
  std::string by;
};

struct ThreadExit {
  sim::Time time = 0;
  std::string comm;
  std::int64_t pid = 0;
};

struct KthreadStop {
  sim::Time time = 0;
  std::string event;  ///< sched_kthread_stop, sched_kthread_stop_ret
  std::string payload;
};

struct Migration {
  sim::Time time = 0;
  std::string thread;
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::string by;
};

struct ThreadFacts {
  sim::Time on_cpu = 0;
  unsigned switched_in = 0;
  std::map<std::string, unsigned> switched_out_in_state;
  unsigned woken = 0;  ///< sched_wakeup and sched_wakeup_new
};

/// A callback of CPU hotplug.
struct HotplugCallback {
  std::int64_t cpu = 0;  ///< that comes or goes
  std::int64_t step = 0;
  std::string function;
  bool on_the_cpu_itself = false;
};

/// One step in the life of a thread: a line that it left itself outside of interrupts, or that
/// names it (waking, wakeup, migration, switch-in).
struct Step {
  unsigned cpu = 0;
  std::string flags;
  std::string text;  ///< "event: payload" without pids
  bool operator==(const Step&) const = default;
};

struct Facts {
  sim::Time end = 0;
  std::vector<Note> marks;  ///< with "ktoracle start" and "ktoracle stop"
  std::vector<Note> returns;
  std::vector<Note> suspend_resume;  ///< "dpm_suspend[2] begin"
  std::vector<ThreadForked> workers_forked;  ///< kworkers
  std::vector<ThreadForked> threads_forked;  ///< all others
  std::vector<ThreadExit> exits;
  std::vector<KthreadStop> kthread_stops;
  std::vector<Migration> migrations;
  std::vector<HotplugCallback> cpuhp;
  std::map<std::string, ThreadFacts> threads;          ///< by "comm-pid", without idle
  std::map<std::string, std::vector<Step>> sequences;  ///< by comm, without idle
};

Facts extract_facts(const TraceText& trace);

}  // namespace support
