// Work items: an interrupt queues a work, a kworker wakes, runs it and sleeps. Each run is a
// scenario, as ktsim runs it.
#include <fmt/format.h>

#include <array>
#include <string>

#include "sim/calendar.hpp"
#include "tools/bench/cases.hpp"
#include "tools/bench/scenario_rate.hpp"

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
  const auto untraced = [](std::string text) { return [text] { return rate(text, &executed); }; };
  return {
      {.name = "works queued by an interrupt, run by a kworker",
       .unit = "works/s",
       .target = 7e5,
       .contestants = {{"ktsim", untraced(load)}}},
      {.name = "the same against its events alone",
       .unit = "works/s",
       .target = 0.25,
       .contestants = {{"ktsim", untraced(load)},
                       {"ktsim calendar", [load] { return calendar_items_per_second(load); }}}},
      {.name = "the same with an ftrace text trace",
       .unit = "works/s",
       .target = 2.5e5,
       .contestants = {{"ktsim", [traced] { return traced_rate(traced, &executed); }}}},
      {.name = "the same, by CPUs of the machine",
       .unit = "works/s",
       .target = 0.9,
       .contestants = {{"1,024 CPUs", untraced(items(1024, 1, "1s"))},
                       {"8 CPUs", untraced(items(8, 1, "1s"))}}},
      {.name = "the same, by workqueues",
       .unit = "works/s",
       .target = 0.9,
       .contestants = {{"1,000 queues", untraced(items(8, 1000, "1s"))},
                       {"1 queue", untraced(items(8, 1, "1s"))}}},
  };
}

}  // namespace bench
