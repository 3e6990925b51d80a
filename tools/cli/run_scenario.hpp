// One simulated run from the command line: load, run under observation, write the trace, report.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/trace/ftrace_sink.hpp"
#include "tools/explore/schedule_file.hpp"
#include "tools/run/system.hpp"

namespace kt::cli {

struct RunOptions {
  std::optional<std::uint64_t> seed;
  std::optional<sim::Time> duration;
  std::vector<std::string> overrides;
  std::optional<std::string> trace;  ///< path, "-": standard output
  trace::TimeFormat clock = trace::TimeFormat::kMicroseconds;
  std::vector<std::string> events;  ///< patterns; empty: those of the scenario
  bool progress = false;
  const explore::ScheduleFile* schedule = nullptr;  ///< what ktsim replay repeats
  std::string schedule_path;
};

struct RunResult {
  int code = 0;
  std::string text;             ///< the report for people
  nlohmann::ordered_json json;  ///< the same for programs
  nlohmann::ordered_json full;  ///< the same with every number

  /// Whether it was a run: what failed before has a message and no report.
  [[nodiscard]] bool has_report() const { return json.contains("ending"); }
};

/// Throws sim::UserError for what keeps the run from starting or its trace from being written.
RunResult run_scenario(const std::string& file, const RunOptions& options);

/// Says on standard error what ended a run, and when, and gives the exit code.
int broke_off(run::System& system, const std::string& what, sim::ExitCode code);

}  // namespace kt::cli
