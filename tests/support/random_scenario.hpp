// A random scenario for property tests: threads of all policies that run, sleep, lock, wait, wake
// and change each other, with interrupts, softirqs and tasklets on top, on a random machine under a
// random preemption model. Every thread comes to
// its end: waits have a timeout, locks are not nested, loops are counted.
#pragma once

#include <cstdint>
#include <string>

namespace support {

/// JSON text; equal seeds give equal texts, everywhere.
std::string random_scenario(std::uint64_t seed);

}  // namespace support
