// A report for people.
#pragma once

#include <string>

#include "tools/run/report.hpp"

namespace kt::run {

/// Tables of CPUs and threads, latencies, expectations, what is stuck, the command that repeats the
/// run. Ends in a newline.
std::string report_text(const Report& report);

/// What sleeps and why, in detail: for runs in which nothing goes on.
std::string stuck_text(const Stuck& stuck);

}  // namespace kt::run
