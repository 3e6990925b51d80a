// Files that are given by a path, read whole: scenarios, presets, schedules, searches.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kt::scenario {

/// What the file holds; nothing if there is none. `expected`: "a schedule file", for the message.
/// Throws sim::UserError (ExitCode::kInputOutput) for what is there and cannot be read, such as a
/// directory.
std::optional<std::string> read_text_file(const std::string& path, std::string_view expected);

/// The same, and there has to be one.
std::string require_text_file(const std::string& path, std::string_view expected);

}  // namespace kt::scenario
