// A statement of a scenario in few words, for tables: "set flag = 1", "wake waiter".
#pragma once

#include <string>

#include "tools/scenario/scenario.hpp"

namespace kt::explore {

/// By its origin, which tasks keep as their location; empty: no statement stands there.
std::string statement_text(const scenario::Scenario& scenario, std::uint32_t origin);

}  // namespace kt::explore
