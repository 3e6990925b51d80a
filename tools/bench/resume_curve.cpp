// Prints results/resume-latency.md: how long a resume takes against the number of CPUs.
#include <fmt/format.h>

#include <cstdio>

#include "sim/error.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace {

using kt::power::Phase;
using kt::power::Transition;

/// What the phases of a name take together, in ms.
double all_of(const Transition& transition, std::string_view name) {
  sim::Time time = 0;
  for (const Phase& phase : transition.phases) {
    if (phase.name == name) time += phase.end - phase.start;
  }
  return static_cast<double>(time) / 1e6;
}

/// From the end of the last phase of a name to that of another, in ms.
double between(const Transition& transition, std::string_view from, std::string_view to) {
  sim::Time start = 0;
  sim::Time end = 0;
  for (const Phase& phase : transition.phases) {
    if (phase.name == from) start = phase.end;
    if (phase.name == to) end = phase.end;
  }
  return static_cast<double>(end - start) / 1e6;
}

Transition suspended(const std::string& file, int cpus, std::string_view state) {
  kt::scenario::LoadOptions options;
  options.overrides = {fmt::format("/machine/cpus={}", cpus),
                       fmt::format("/events/0/do/1/suspend/state={}", state)};
  const kt::scenario::Scenario scenario = kt::scenario::load_file(file, options);
  sim::Trace trace;
  kt::run::System system(scenario, trace, {});
  system.run();
  return system.suspend().phases.all().front();
}

constexpr std::string_view kHead = R"(# Time to resume against the number of CPUs

scenarios/suspend-resume-latency.json, default costs: three devices, one of which takes 8 ms to
resume beside the others, and one user task. A resume from memory lasts from the end of
machine_suspend to that of thaw_processes; bringing the CPUs back (CPU_ON, one after the other)
is what depends on their number. On the way in it is taking them offline (CPU_OFF). A resume
from idle finds them where they were. Of what a CPU takes to come back 0.65 ms are its kick and
its boot (costs cpu_kick, cpu_boot), 0.41 ms cacheinfo_cpu_online and mce_cpu_online, as recorded
under instruction counting: on real hardware they differ. In milliseconds of simulated time.

Made by `ninja ktsim-resume-curve` and
`ktsim-resume-curve scenarios/suspend-resume-latency.json > results/resume-latency.md`.

| CPUs | CPU_OFF | CPU_ON | each | devices | thaw | resume from memory | resume from idle |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
)";

void print_table(const std::string& file) {
  fmt::print("{}", kHead);
  for (const int cpus : {2, 4, 8, 16, 32, 64, 128, 256}) {
    const Transition deep = suspended(file, cpus, "deep");
    const Transition idle = suspended(file, cpus, "s2idle");
    fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |\n", cpus,
               all_of(deep, "CPU_OFF"), all_of(deep, "CPU_ON"), all_of(deep, "CPU_ON") / (cpus - 1),
               all_of(deep, "dpm_resume"), all_of(deep, "thaw_processes"),
               between(deep, "machine_suspend", "thaw_processes"),
               between(idle, "machine_suspend", "thaw_processes"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "ktsim-resume-curve: expected scenarios/suspend-resume-latency.json\n");
    return 2;
  }
  try {
    print_table(argv[1]);
  } catch (const sim::UserError& error) {
    fmt::print(stderr, "ktsim-resume-curve: {}\n", error.what());
    return 2;
  }
}
