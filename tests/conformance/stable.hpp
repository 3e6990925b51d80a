// Facts in the form of a recorded scenario's stable.json.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/support/facts.hpp"
#include "tests/support/work_facts.hpp"

namespace support {

/// Calls and works as a recording spells them; a list that is empty is left out.
nlohmann::json stable_form(const Facts& facts, const WorkFacts& works);

/// What keeps `facts` from being those of stable.json: a patch that would make them so, empty if
/// there is nothing. What depends on the phase of the tick must be one of the values seen, or a
/// number between them.
nlohmann::json differences(nlohmann::json facts, const nlohmann::json& stable);

}  // namespace support
