// The comparisons of expectations.
#pragma once

#include <cstdint>
#include <string_view>

#include "tools/scenario/scenario.hpp"

namespace kt::run {

bool holds(std::int64_t left, scenario::Comparison comparison, std::int64_t right);

/// "<", "<=", …
std::string_view comparison_text(scenario::Comparison comparison);

}  // namespace kt::run
