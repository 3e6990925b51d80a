// Grace periods in the background of a server.
#include "models/rcu/rcu.hpp"

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::lines_of;
using support::Run;

namespace {

Run run_with(std::string_view tasks) {
  return support::run_scenario(fmt::format(R"({{"name": "t", "version": 1, "duration": "1s",
      "machine": {{"cpus": 2}}, "kernel": {{"background": "server"}}, "tasks": {{{}}}}})",
                                           tasks));
}

std::size_t softirqs_on(const Run& run, unsigned cpu) {
  std::size_t count = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "softirq_entry")) {
    if (line->cpu == cpu && line->payload == "vec=9 [action=RCU]") ++count;
  }
  return count;
}

TEST_CASE("while a CPU computes grace periods follow each other", "[rcu]") {
  const Run run = run_with(R"("hog": {"cpu": 1, "do": [{"run": "2s"}]})");
  // Each lasts two or three of the 250 ticks.
  const std::size_t wakes = lines_of(run.trace, "sched_switch", "next_comm", "rcu_preempt").size();
  CHECK(wakes > 80);
  CHECK(wakes < 400);
  CHECK(softirqs_on(run, 1) > 200);
  CHECK(softirqs_on(run, 1) <= 251);
  CHECK(support::violations(run) == "");
}

TEST_CASE("a machine that idles has none", "[rcu]") {
  const Run run = run_with("");
  CHECK(lines_of(run.trace, "sched_switch", "next_comm", "rcu_preempt").size() < 10);
}

}  // namespace
