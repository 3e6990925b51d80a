// The whole machine: two kthreads that wake each other through the scheduler, sleeping threads by
// the hundred thousand, an idle machine. Each runs a scenario, as ktsim does.
#include <fmt/format.h>
#include <malloc.h>

#include <memory>
#include <string>

#include "tools/bench/cases.hpp"
#include "tools/bench/scenario_rate.hpp"

namespace bench {

namespace {

// Each sets its state, wakes the other and sleeps: the shortest conversation of two threads.
std::string ping_pong(int cpus, const char* duration) {
  const auto thread = [cpus](int cpu, const char* other) {
    return fmt::format(R"({{"start": "create", "cpu": {}, "do": [{{"loop": null, "do": [
        {{"set_state": "TASK_INTERRUPTIBLE"}}, {{"wake": "{}"}}, "schedule"]}}]}})",
                       cpu % cpus, other);
  };
  return fmt::format(R"({{"name": "ping-pong", "version": 1, "duration": "{}",
      "machine": {{"cpus": {}}}, "kernel": {{"boot": "minimal"}},
      "kthreads": {{"ping": {}, "pong": {}}}, "events": [{{"t": "1ms", "wake": "ping"}}]}})",
                     duration, cpus, thread(0, "pong"), thread(1, "ping"));
}

std::uint64_t switches(kt::run::System& system) {
  std::uint64_t sum = 0;
  for (int cpu = 0; cpu < system.machine().nr_cpus(); ++cpu) {
    sum += system.scheduler().rq(cpu).nr_switches;
  }
  return sum;
}

double heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// Everything that a run holds for its threads, divided by their number; the scenario is loaded
// before. `sleep` is the statement that they sleep in.
double bytes_per_thread(const std::string& sleep) {
  constexpr int kThreads = 100'000;
  std::string text = R"({"name": "sleepers", "version": 1, "duration": "20s", "kthreads": {)";
  for (int i = 0; i < kThreads; ++i) {
    text += fmt::format(R"({}"t{}": {{"do": [{}]}})", i == 0 ? "" : ", ", i, sleep);
  }
  const kt::scenario::Scenario scenario = kt::scenario::load("sleepers", text + "}}");
  const double before = heap_bytes();
  sim::Trace trace;
  auto system = std::make_unique<kt::run::System>(scenario, trace, kt::run::SystemOptions{});
  system->run();
  return (heap_bytes() - before) / kThreads;
}

double idle_hour(int cpus) {
  const kt::scenario::Scenario scenario = kt::scenario::load(
      "idle", fmt::format(R"({{"name": "idle", "version": 1, "duration": "3600s",
                              "machine": {{"cpus": {}, "smt": 2}}}})",
                          cpus));
  sim::Trace trace;
  const Stopwatch watch;
  kt::run::System system(scenario, trace, {});
  system.run();
  return watch.seconds();
}

}  // namespace

std::vector<Benchmark> machine_cases() {
  const std::string one_cpu = ping_pong(1, "3s");
  const std::string two_cpus = ping_pong(2, "3s");
  const std::string traced = ping_pong(1, "500ms");
  return {
      {.name = "ping-pong of two kthreads on one CPU",
       .unit = "switches/s",
       .target = 2e6,
       .contestants = {{"ktsim", [one_cpu] { return rate(one_cpu, &switches); }}}},
      {.name = "ping-pong of two kthreads on two CPUs",
       .unit = "switches/s",
       .target = 2e6,
       .contestants = {{"ktsim", [two_cpus] { return rate(two_cpus, &switches); }}}},
      {.name = "ping-pong on one CPU with an ftrace text trace",
       .unit = "switches/s",
       .target = 7e5,
       .contestants = {{"ktsim", [traced] { return traced_rate(traced, &switches); }}}},
      {.name = "100,000 threads asleep in schedule()",
       .unit = "bytes/thread",
       .more_is_better = false,
       .target = 1024,
       .contestants = {{"ktsim",
                        [] {
                          return bytes_per_thread(
                              R"({"set_state": "TASK_INTERRUPTIBLE"}, "schedule")");
                        }}}},
      {.name = "100,000 threads asleep in usleep_range()",
       .unit = "bytes/thread",
       .more_is_better = false,
       .target = 1024,
       .contestants = {{"ktsim", [] { return bytes_per_thread(R"({"usleep": "100s"})"); }}}},
      {.name = "an hour of an idle machine with 1,024 CPUs",
       .unit = "s",
       .more_is_better = false,
       .target = 1,
       .contestants = {{"ktsim", [] { return idle_hour(1024); }}}},
  };
}

}  // namespace bench
