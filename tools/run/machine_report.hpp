// What a scenario asks for, resolved: its machine, kernel, changed costs and threads, in words and
// as JSON. Simulates nothing.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/scenario/scenario.hpp"

namespace kt::run {

/// Ends in a newline. Throws sim::UserError if the topology is impossible.
std::string machine_text(const scenario::Scenario& scenario);
nlohmann::ordered_json machine_json(const scenario::Scenario& scenario);

}  // namespace kt::run
