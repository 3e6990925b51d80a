// Suspending a big machine: how long it takes to simulate one suspend to idle and resume.
#include "sim/error.hpp"
#include "tools/bench/cases.hpp"
#include "tools/bench/load.hpp"
#include "tools/bench/suspend_load.hpp"
#include "tools/run/system.hpp"

namespace bench {

namespace {

// Seconds for the suspend and the resume alone: the machine has booted, its tasks sleep.
double suspend_and_resume(int cpus, int tasks) {
  constexpr sim::Time kBefore = 999'000'000;
  const kt::scenario::Scenario scenario = suspend_load(cpus, tasks);
  sim::Trace trace;
  kt::run::System system(scenario, trace, {});
  system.run_until(kBefore);
  const Stopwatch watch;
  system.run();
  const double seconds = watch.seconds();
  const auto& transitions = system.suspend().phases.all();
  KT_ASSERT(transitions.size() == 1 && transitions.front().result == 0, "it did not suspend");
  return seconds;
}

}  // namespace

std::vector<Benchmark> suspend_cases() {
  return {
      {.name = "suspend to idle and resume, 256 CPUs and 30,000 tasks",
       .unit = "s",
       .more_is_better = false,
       .target = 2,
       .contestants = {{"ktsim", [] { return suspend_and_resume(256, 30'000); }}}},
  };
}

}  // namespace bench
