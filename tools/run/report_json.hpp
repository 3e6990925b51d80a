// A report for programs.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/run/report.hpp"

namespace kt::run {

/// Times are whole nanoseconds. With `full` also the threads that the scenario does not name, and
/// the buckets of each distribution.
nlohmann::ordered_json report_json(const Report& report, bool full);

}  // namespace kt::run
