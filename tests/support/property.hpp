// What property tests have in common: their seeds, and what holds of every run.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/run_scenario.hpp"

namespace support {

/// Calls `check` with KTSIM_PROPERTY_SEEDS seeds, or `seeds`, from KTSIM_PROPERTY_FIRST, or 1, on.
void for_each_seed(std::uint64_t seeds, void (*check)(std::uint64_t seed));

/// KTSIM_PROPERTY_FIRST, or 1.
std::uint64_t first_seed();

/// The scenario on a machine that has booted in full and has a background, "idle" or "server"; it
/// lasts for 3 s.
std::string with_background(const std::string& scenario, std::uint64_t seed);

/// Requires that the run of a scenario got to its end, all threads to theirs, that it kept the
/// invariants, and that it is the same untraced and with every step through the calendar.
void require_sound(const std::string& scenario, const Run& run);

}  // namespace support
