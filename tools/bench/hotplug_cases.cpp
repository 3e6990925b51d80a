// CPU hotplug: CPUs of a busy machine go and come, one after the other.
#include <fmt/format.h>

#include <string>

#include "tools/bench/cases.hpp"
#include "tools/bench/scenario_rate.hpp"

namespace bench {

namespace {

// A task for each CPU that computes and sleeps, works on every CPU, and CPUs 1 to `last` that go
// and come one after the other, so many times each.
std::string cycles(int cpus, int last, int times) {
  std::string text = fmt::format(
      R"({{"name": "cycles", "version": 1, "duration": "idle", "machine": {{"cpus": {0}}},
      "variables": {{"over": 0}},
      "works": {{"w": {{"count": {0}, "do": [{{"run": "50us"}}]}}}}, "tasks": {{)",
      cpus);
  for (int i = 0; i < cpus; ++i) {
    text += fmt::format(R"({}"t{}": {{"do": [{{"while": "over == 0", "do": [{{"run": "500us"}},
        {{"queue_work": "w"}}, {{"usleep": "1500us"}}]}}]}})",
                        i == 0 ? "" : ", ", i);
  }
  text += fmt::format(R"(}}, "events": [{{"t": 0, "do": [{{"loop": {}, "do": [)", times);
  for (int cpu = 1; cpu <= last; ++cpu) {
    text += fmt::format(R"({0}{{"cpu_down": {1}}}, {{"cpu_up": {1}}})", cpu == 1 ? "" : ", ", cpu);
  }
  return text + R"(]}, {"set": "over = 1"}]}]})";
}

std::uint64_t completed(kt::run::System& system) {
  return system.hotplug().operations().size() / 2;
}

}  // namespace

std::vector<Benchmark> hotplug_cases() {
  return {{.name = "CPUs of a loaded machine with 64 CPUs go offline and online",
           .unit = "cycles/s",
           .contestants = {{"ktsim", [] { return rate(cycles(64, 50, 1), &completed); }}}},
          {.name = "10,000 times a CPU of a loaded machine with 64 CPUs goes offline and online",
           .unit = "cycles/s",
           .on_request = true,
           .contestants = {{"ktsim", [] { return rate(cycles(64, 50, 200), &completed); }}}}};
}

}  // namespace bench
