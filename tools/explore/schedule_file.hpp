// The schedule file: what an exploration found, as JSON, to be repeated by `ktsim replay`. Beside
// each deviation stands the step that it holds back, in the scenario's words; a file whose steps
// are others by now does not fit any more.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/explore/explanation.hpp"

namespace kt::explore {

/// A schedule and what it expects of the scenario.
struct ScheduleFile {
  std::string scenario;                ///< its name
  std::string scenario_hash;           ///< of its text and the values set by options
  std::string version;                 ///< of ktsim
  std::string fault;                   ///< what goes wrong, in words
  std::vector<std::string> overrides;  ///< "/pointer=value"
  Schedule schedule;
  std::vector<Place> places;  ///< thread, statement and pointer are set
};

std::string scenario_hash(std::string_view text, const std::vector<std::string>& overrides);

nlohmann::ordered_json to_json(const ScheduleFile& file);
/// Throws sim::UserError with the place of what is wrong.
ScheduleFile parse_schedule(const std::string& path, const std::string& text);

/// What does not fit the scenario with this hash: the first entry whose step is another one, or
/// that names none although the scenario is not the one of the file. In words; empty if all fit.
std::string first_difference(const ScheduleFile& file, const std::vector<Place>& places,
                             const std::string& hash);

}  // namespace kt::explore
