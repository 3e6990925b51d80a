// What isolcpus= and nohz_full= promise, whatever the threads do: random scenarios, printed by
// their seed.
#include <catch2/catch.hpp>

#include "tests/support/property.hpp"
#include "tests/support/random_scenario.hpp"

namespace {

using support::RandomIsolation;
using support::Run;

/// Where a thread was switched in on one of these CPUs, and where they balanced.
std::string intrusions(const Run& run, const RandomIsolation& isolation) {
  std::string found;
  for (const support::TraceLine& line : run.trace.lines) {
    if (static_cast<int>(line.cpu) < isolation.first) continue;
    if (line.event == "softirq_entry" && isolation.domain &&
        line.payload.find("SCHED") != std::string::npos) {
      found += line.text + "\n";
    }
    if (line.event != "sched_switch") continue;
    const std::string_view next = line.text_of("next_comm");
    const bool user = next == "user_wanderer" && isolation.domain;
    if (next == "kernel_wanderer" || user) found += line.text + "\n";
  }
  return found;
}

void check_isolated(std::uint64_t seed) {
  const RandomIsolation isolation = support::random_isolated_scenario(seed);
  CAPTURE(seed, isolation.scenario);
  const Run run = support::run_scenario(isolation.scenario);
  support::require_sound(isolation.scenario, run);
  REQUIRE(intrusions(run, isolation) == "");
}

}  // namespace

TEST_CASE("random scenarios leave isolated CPUs alone", "[sched][isolation][property]") {
  support::for_each_seed(40, &check_isolated);
}
