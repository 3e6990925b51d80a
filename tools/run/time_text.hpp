// An instant or a duration in a report: exact, in the unit that suits its size.
#pragma once

#include <string>

#include "sim/time.hpp"

namespace kt::run {

/// "35us", "2.075935ms", "1.5s"; kNever is "never".
std::string time_text(sim::Time time);

/// The same to four digits, for columns.
std::string short_time_text(sim::Time time);

}  // namespace kt::run
