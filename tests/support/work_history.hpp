// The life of each work in a trace of a random_work_scenario(): that nothing is lost, that no limit
// is exceeded, that ordered queues keep their order, and that who waits waits for all that it
// should.
#pragma once

#include <string>
#include <vector>

#include "tests/support/trace_text.hpp"
#include "tools/scenario/scenario.hpp"

namespace support {

/// What does not hold, one line each; empty if all does. The run has come to its end. `steals`:
/// works have been cancelled, disabled or modified, so that it is not known which queueing a start
/// belongs to if there are two: the order of an ordered queue is not checked, and the later one is
/// taken. Nor is flush_work(): it waits for the last queueing, and if that one is stolen, for none.
std::vector<std::string> check_work_history(const TraceText& trace,
                                            const kt::scenario::Scenario& scenario, bool steals);

}  // namespace support
