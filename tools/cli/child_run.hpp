// Runs in processes of their own: SimGrid's engine is one for each process.
#pragma once

#include "tools/cli/run_scenario.hpp"

namespace kt::cli {

/// Simulates a scenario in this process. What keeps it from running is in the result: its message, and
/// no report.
RunResult run_one(const std::string& file, const RunOptions& options);

/// The same in a child process. Throws sim::InternalError if that broke off.
RunResult run_in_child(const std::string& file, const RunOptions& options);

}  // namespace kt::cli
