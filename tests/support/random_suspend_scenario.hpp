// Random scenarios that suspend again and again while threads, works and timers are busy: freezable
// and not, with devices that may fail or take long, wakeups at any moment. All of it comes to an end.
#pragma once

#include <cstdint>
#include <string>

namespace support {

/// Threads are named user… and kernel…, freezable workqueues fz… The same text for the same seed.
std::string random_suspend_scenario(std::uint64_t seed);

}  // namespace support
