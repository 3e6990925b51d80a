// What a scenario says of durations, for the engine: distributions, and files of samples.
#pragma once

#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "tools/scenario/duration.hpp"

namespace kt::run {

/// The times in a file, one a line ("50us" or nanoseconds; # begins a comment line). Throws
/// sim::UserError with the line if one is not a time, or if the file cannot be read or has none.
std::vector<sim::Time> read_samples(const std::string& file);

/// The distribution; reads its file if it has one.
sim::Distribution distribution_of(const scenario::Duration& duration);

}  // namespace kt::run
