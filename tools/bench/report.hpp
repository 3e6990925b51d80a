// Turns results into the table that people read and the JSON that scripts read.
#pragma once

#include <string>

#include "tools/bench/benchmark.hpp"

namespace bench {

/// The heading of the table.
std::string table_head();

/// The lines of one benchmark, each closed by a newline.
std::string table_rows(const Result& result);

/// An array with one object for each benchmark: name, unit, target, target_met, and its contestants
/// with every sample.
std::string json(const std::vector<Result>& results);

}  // namespace bench
