#include "tests/support/invariants.hpp"

#include <fmt/format.h>

#include "tests/support/invariants/checker.hpp"

namespace support {

std::vector<Violation> check_invariants(const TraceText& trace) {
  std::vector<Violation> found;
  std::vector<std::unique_ptr<Checker>> checkers;
  for (const auto make : {switch_checker, wakeup_checker, placement_checker, softirq_checker,
                          timer_checker, kthread_checker, park_checker, kthread_worker_checker,
                          workqueue_checker, hotplug_checker, suspend_checker})
    checkers.push_back(make(found));
  World world(trace.preempt_rt);
  for (const TraceLine& line : trace.lines) {
    for (const auto& checker : checkers) checker->see(line, world);
    world.take(line);
  }
  return found;
}

std::string describe(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& v : violations)
    text += fmt::format("line {}: {}: {}\n", v.line, v.invariant, v.text);
  return text;
}

}  // namespace support
