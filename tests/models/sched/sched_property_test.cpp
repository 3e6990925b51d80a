// What holds in every run, whatever the threads do: random scenarios, printed by their seed.
#include <catch2/catch.hpp>

#include "tests/support/property.hpp"
#include "tests/support/random_scenario.hpp"

namespace {

using support::Run;
using support::run_scenario;

/// sched 29: what was charged to a task is the time that it was on a CPU, but for the balancing
/// that its CPU does between its dequeue and the switch. For tasks that have ended.
std::string wrongly_charged(const Run& run) {
  constexpr sim::Time kLevels = 4;  // of scheduling domains, at most
  constexpr sim::Time kSlowest = 5;  // a CPU beside busy siblings, in its slowest P-state
  const sim::Time most = kLevels * kt::cpu::CostTable{}.balance * kSlowest;
  std::map<std::string, sim::Time> charged;
  for (const support::TraceLine* line : support::lines_of(run.trace, "sched_stat_runtime")) {
    charged[std::string(line->text_of("comm"))] += line->number_of("runtime");
  }
  std::string wrong;
  for (const auto& [comm, time] : support::on_cpu_times(run.trace, run.end)) {
    const sim::Time balancing = time - charged[comm];
    const auto task = run.tasks.find(comm);
    if (comm.starts_with("swapper") || task == run.tasks.end()) continue;
    const auto sleeps = static_cast<sim::Time>(task->second.nvcsw);
    if (balancing >= 0 && balancing <= most * sleeps) continue;
    wrong += comm + " ran " + std::to_string(time) + " and was charged " +
             std::to_string(charged[comm]) + "\n";
  }
  return wrong;
}

void check_scheduler(std::uint64_t seed) {
  const std::string scenario = support::random_scenario(seed);
  CAPTURE(seed, scenario);
  const Run run = run_scenario(scenario);
  support::require_sound(scenario, run);
  REQUIRE(run.nothing_since != sim::kNever);
  REQUIRE(wrongly_charged(run) == "");
  const Run again = run_scenario(scenario);
  REQUIRE((again.text == run.text));
  const Run halting = run_scenario(scenario, {.tick_offset = 1'234'567, .mwait_idle = false});
  REQUIRE(support::unfinished(halting) == "");
  REQUIRE(support::violations(halting) == "");
}

}  // namespace

TEST_CASE("random scenarios keep the scheduler's invariants", "[sched][property]") {
  support::for_each_seed(40, &check_scheduler);
}
