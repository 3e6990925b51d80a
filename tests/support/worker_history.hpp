// What the workers of a pool do for each other, checked over a whole trace with the scenario that
// made it: the invariants 14 to 19 of workqueues. They hold only where the trace leaves no doubt
// about who counts as running and which works wait; what a cancelled work leaves behind cannot be
// seen, so scenarios in which works are cancelled, disabled or modified are not for this.
#pragma once

#include <string>
#include <vector>

#include "tests/support/trace_text.hpp"
#include "tools/scenario/scenario.hpp"

namespace support {

/// What was violated, one text each, with the line.
std::vector<std::string> check_worker_history(const TraceText& trace,
                                              const kt::scenario::Scenario& scenario);

}  // namespace support
