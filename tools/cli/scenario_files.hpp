// Loading scenarios for the commands: where machine presets are found, and which names of the
// models a scenario may use.
#pragma once

#include <string>
#include <vector>

#include "tools/scenario/load.hpp"

namespace kt::cli {

/// Loads `file` with the overrides ("/json/pointer=value") and refuses what is not modelled.
/// Machine presets are NAME.json in a folder `machines` beside the file or beside one of the three
/// folders above it, then in the data folder: $KTSIM_DATA, or the one compiled in. Throws
/// sim::UserError.
scenario::Scenario load_scenario(const std::string& file,
                                 const std::vector<std::string>& overrides);

}  // namespace kt::cli
