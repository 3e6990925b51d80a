// The load of the suspend benchmarks: user tasks that wait for an event, as most of a real system's
// do, and one suspend to idle.
#pragma once

#include <fmt/format.h>

#include <string>

#include "tools/scenario/load.hpp"

namespace bench {

/// `tasks` sleepers in TASK_INTERRUPTIBLE on so many CPUs; suspended from 1 s to 2 s.
inline kt::scenario::Scenario suspend_load(int cpus, int tasks) {
  std::string text = fmt::format(
      R"({{"name": "suspend", "version": 1, "duration": "3s", "machine": {{"cpus": {}}}, )"
      R"("variables": {{"event": 0}}, "waitqueues": ["q"], "tasks": {{)",
      cpus);
  for (int i = 0; i < tasks; ++i) {
    text += fmt::format(
        R"({}"t{}": {{"do": [{{"wait_event_interruptible": {{"waitqueue": "q", "until": "event"}}}}]}})",
        i == 0 ? "" : ", ", i);
  }
  text += R"(}, "events": [{"t": "1s", "suspend": {"state": "s2idle", "wake_after": "1s"}}]})";
  return kt::scenario::load("suspend", text);
}

}  // namespace bench
