// The workqueues at a moment as JSON: wq_dump.py's sections, and the objects of wq_monitor.py
// --json.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "models/workqueue/dump.hpp"

namespace kt::report {

/// CPUs as cpulists ("0-3"), pools by their IDs.
nlohmann::ordered_json wq_dump_json(const workqueue::Dump& dump);

/// An array with the script's keys. `now` is simulated time in ns; the timestamp is in seconds, as
/// the script's, and cpu_time in microseconds.
nlohmann::ordered_json wq_monitor_json(const std::vector<workqueue::MonitorRow>& rows,
                                       sim::Time now);

}  // namespace kt::report
