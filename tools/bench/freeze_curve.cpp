// Prints results/freeze-time.md: how long freezing takes against the number of processes.
#include <fmt/format.h>

#include "tools/bench/suspend_load.hpp"
#include "tools/run/system.hpp"

namespace {

sim::Time duration_of(const kt::power::Transition& transition, std::string_view name) {
  for (const kt::power::Phase& phase : transition.phases) {
    if (phase.name == name) return phase.end - phase.start;
  }
  return 0;
}

}  // namespace

int main() {
  fmt::print(
      "# Time to freeze against the number of processes\n\n"
      "User tasks asleep in TASK_INTERRUPTIBLE on 16 CPUs, default costs, one suspend to idle: "
      "each\n"
      "task gets the freezer's signal, wakes, and freezes on its way to user mode. Published for\n"
      "real machines: 1 to 2 ms typical, 16 ms at 30,000 processes. In milliseconds of simulated "
      "time.\n\n"
      "Made by `ninja ktsim-freeze-curve` and `ktsim-freeze-curve > results/freeze-time.md`.\n\n"
      "| processes | user tasks | kernel threads | both | thaw |\n"
      "| ---: | ---: | ---: | ---: | ---: |\n");
  for (const int tasks : {100, 300, 1000, 3000, 10'000, 30'000}) {
    const kt::scenario::Scenario scenario = bench::suspend_load(16, tasks);
    sim::Trace trace;
    kt::run::System system(scenario, trace, {});
    system.run();
    const kt::power::Transition& transition = system.suspend().phases.all().front();
    const auto ms = [&transition](std::string_view name) {
      return static_cast<double>(duration_of(transition, name)) / 1e6;
    };
    fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |\n", tasks, ms("user tasks"),
               ms("kernel threads"), ms("freeze_processes"), ms("thaw_processes"));
  }
}
