// Looks at the workqueues of a machine at one instant: the invariants of the behavioural reference
// that hold of their state (workqueue 8, 9, 19, 21-25, 28-35, 50), whatever runs. A pool whose lock
// is held is between two states and is left out, with its pwqs.
#pragma once

#include <string>
#include <vector>

#include "models/workqueue/workqueues.hpp"

namespace support {

struct StateOptions {
  /// Works have been cancelled, disabled or modified: the place of one that is taken off its list
  /// goes to the next one without a wakeup, so that a worker that is busy has to find it
  /// (kernel/workqueue.c: try_to_grab_pending).
  bool steals = true;
  /// Limits have been lowered: more may be at work than a limit allows.
  bool lowers = true;
};

/// What does not hold, "workqueue N: ..." each; empty if all does.
std::vector<std::string> check_workqueue_state(const kt::workqueue::Workqueues& workqueues,
                                               const StateOptions& options);

}  // namespace support
