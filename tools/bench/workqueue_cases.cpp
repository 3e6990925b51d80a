// Work items: an interrupt queues a work, a kworker wakes, runs it and sleeps. Each run is a
// scenario, as ktsim runs it.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string>

#include "models/trace/ftrace_sink.hpp"
#include "models/trace/selection.hpp"
#include "sim/calendar.hpp"
#include "tools/bench/cases.hpp"
#include "tools/bench/load.hpp"
#include "tools/run/system.hpp"
#include "tools/scenario/load.hpp"

namespace bench {

namespace {

// One interrupt source on CPU 0, ten thousand nanoseconds apart, and so many queues, of which each
// interrupt uses the next.
std::string items(int cpus, int queues, const char* duration) {
  std::string text = fmt::format(R"({{"name": "items", "version": 1, "duration": "{}",
      "machine": {{"cpus": {}}}, "variables": {{"next": 0}}, "workqueues": {{)",
                                 duration, cpus);
  for (int i = 0; i < queues; ++i) text += fmt::format(R"({}"q{}": {{}})", i == 0 ? "" : ", ", i);
  text += R"(}, "works": {)";
  for (int i = 0; i < queues; ++i) {
    text += fmt::format(R"({}"w{}": {{"workqueue": "q{}", "do": [{{"run": "1us"}}]}})",
                        i == 0 ? "" : ", ", i, i);
  }
  return text + fmt::format(R"(}}, "irqs": {{"nic": {{"cpu": 0, "arrival": {{"periodic": "10us"}},
      "do": [{{"queue_work": "w{}"}}]}}}}}})",
                            queues / 2);
}

std::uint64_t executed(kt::run::System& system) {
  std::uint64_t sum = 0;
  for (const auto& wq : system.workqueues().workqueues()) {
    for (const auto& pwq : wq->pwqs) sum += pwq->stats[kt::workqueue::kCompleted];
  }
  return sum;
}

double items_per_second(const std::string& text) {
  const kt::scenario::Scenario scenario = kt::scenario::load("items", text);
  sim::Trace trace;
  kt::run::System system(scenario, trace, {});
  const Stopwatch watch;
  system.run();
  return static_cast<double>(executed(system)) / watch.seconds();
}

double traced_items_per_second(const std::string& text) {
  const kt::scenario::Scenario scenario = kt::scenario::load("items", text);
  const std::string file = std::filesystem::temp_directory_path() / "ktsim-bench.trace";
  sim::Trace trace;
  kt::trace::FtraceSink sink(file);
  trace.add_sink(sink);
  const auto events = kt::trace::default_events();
  for (std::size_t event = 0; event < events.size(); ++event) {
    trace.enable(static_cast<std::uint16_t>(event), events.test(event));
  }
  kt::run::System system(scenario, trace, {});
  const Stopwatch watch;
  system.run();
  sink.close(scenario.machine.cpus);
  const double rate = static_cast<double>(executed(system)) / watch.seconds();
  std::filesystem::remove(file);
  return rate;
}

struct Chain {
  sim::Calendar* calendar;
  std::uint64_t left;
};

void step(void* chain, std::uint64_t) {
  Chain& self = *static_cast<Chain*>(chain);
  if (self.left-- == 0) return;
  self.calendar->at(self.calendar->now() + 100, &step, &self);
}

// The same number of events through the calendar alone, two at a time as in an irq and a worker.
double calendar_items_per_second(const std::string& text) {
  const kt::scenario::Scenario scenario = kt::scenario::load("items", text);
  sim::Trace trace;
  kt::run::System system(scenario, trace, {});
  system.run();
  const auto count = static_cast<double>(executed(system));
  sim::Calendar calendar;
  std::array<Chain, 2> chains;
  chains.fill({&calendar, system.calendar().dispatched() / 2});
  const Stopwatch watch;
  for (Chain& chain : chains) step(&chain, 0);
  calendar.run_until(sim::kNever);
  return count / watch.seconds();
}

}  // namespace

std::vector<Benchmark> workqueue_cases() {
  const std::string load = items(2, 1, "3s");
  const std::string traced = items(2, 1, "500ms");
  const auto rate = [](std::string text) { return [text] { return items_per_second(text); }; };
  return {
      {.name = "works queued by an interrupt, run by a kworker",
       .unit = "works/s",
       .target = 7e5,
       .contestants = {{"ktsim", rate(load)}}},
      {.name = "the same against its events alone",
       .unit = "works/s",
       .target = 0.25,
       .contestants = {{"ktsim", rate(load)},
                       {"ktsim calendar", [load] { return calendar_items_per_second(load); }}}},
      {.name = "the same with an ftrace text trace",
       .unit = "works/s",
       .target = 2.5e5,
       .contestants = {{"ktsim", [traced] { return traced_items_per_second(traced); }}}},
      {.name = "the same, by CPUs of the machine",
       .unit = "works/s",
       .target = 0.9,
       .contestants = {{"1,024 CPUs", rate(items(1024, 1, "1s"))},
                       {"8 CPUs", rate(items(8, 1, "1s"))}}},
      {.name = "the same, by workqueues",
       .unit = "works/s",
       .target = 0.9,
       .contestants = {{"1,000 queues", rate(items(8, 1000, "1s"))},
                       {"1 queue", rate(items(8, 1, "1s"))}}},
  };
}

}  // namespace bench
