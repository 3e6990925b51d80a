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

/// One on a machine whose last CPUs, and not all of them, are named by isolcpus= or nohz_full= or
/// both. Its threads kernel_wanderer and user_wanderer say nothing of where they may run, and
/// nobody moves them.
struct RandomIsolation {
  std::string scenario;
  int first = 0;  ///< the first of these CPUs
  int cpus = 0;   ///< how many
  bool domain = false;
  bool nohz_full = false;
};
RandomIsolation random_isolated_scenario(std::uint64_t seed);

}  // namespace support
