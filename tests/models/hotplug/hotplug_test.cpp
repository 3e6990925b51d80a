#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/cpuhp_text.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using support::lines_of;
using support::Run;
using support::run_keys;

std::vector<std::string> returns(const Run& run) {
  std::vector<std::string> texts;
  for (const auto* line : lines_of(run.trace, "return")) texts.push_back(line->payload);
  return texts;
}

using Strings = std::vector<std::string>;

// 130 on each of two CPUs that have 200 vectors each.
std::string too_many_irqs() {
  constexpr int kIrqs = 260;
  std::string irqs;
  for (int i = 0; i < kIrqs; ++i) {
    irqs += fmt::format(R"({}"i{}": {{"arrival": {{"at": []}}, "do": []}})", i == 0 ? "" : ", ", i);
  }
  return R"("irqs": {)" + irqs + "}";
}

}  // namespace

TEST_CASE("a CPU goes and comes, and asking twice changes nothing", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "events": [
    {"t": "1ms", "do": [{"cpu_down": 1}, {"cpu_down": 1}, {"cpu_up": 1}, {"cpu_up": 1}]}])");
  CHECK(run.message == "");
  CHECK(returns(run) == Strings{"cpu_down(cpu1) = 0", "cpu_down(cpu1) = 0", "cpu_up(cpu1) = 0",
                                "cpu_up(cpu1) = 0"});
  CHECK(support::violations(run) == "");
}

TEST_CASE("a softirq of the network runs for each CPU that has died", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 3},
    "softirqs": {"NET_TX": {"do": [{"mark": "net"}]}, "IRQ_POLL": {"do": [{"mark": "poll"}]}},
    "events": [{"t": "1ms", "do": [{"cpu_down": 1}, {"cpu_down": 2}]}])");
  std::vector<std::string> marks;
  for (const auto& mark : run.marks) marks.push_back(mark.second);
  CHECK(marks == Strings{"net", "poll", "net", "poll"});
  CHECK(support::violations(run) == "");
}

TEST_CASE("a CPU stays whose interrupts the others have no vectors for", "[hotplug][irq]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, )" + too_many_irqs() + R"(,
    "works": {"w": {"do": [{"mark": "work"}]}},
    "percpu_threads": {"p": {"should_run": "0", "do": [],
      "park": [{"mark": "parks"}], "unpark": [{"mark": "unparks"}]}},
    "events": [{"t": "1ms", "do": [{"cpu_down": 1}, {"queue_work": {"work": "w", "cpu": 1}},
      {"flush_work": "w"}, {"cpu_down": 1}]}])");
  const std::string refused = "cpu_down(cpu1) = -28";
  CHECK(std::ranges::count(returns(run), refused) == 2);
  std::vector<std::string> marks;
  for (const auto& mark : run.marks) marks.push_back(mark.second);
  CHECK(marks == Strings{"parks", "unparks", "work", "parks", "unparks"});
  for (const auto* line : lines_of(run.trace, "workqueue_execute_start")) {
    if (line->payload.ends_with(": function w")) CHECK(line->cpu == 1);
  }
  CHECK(support::violations(run) == "");
}

TEST_CASE("nor does a machine suspend to memory then", "[hotplug][irq][power]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, )" + too_many_irqs() + R"(,
    "tasks": {"shell": {"do": [{"wait_event_interruptible": {"waitqueue": "q", "until": "awake"}}, {"mark": "goes on"}]}},
    "waitqueues": ["q"], "variables": {"awake": 0},
    "events": [{"t": "1ms", "do": [{"suspend": {"state": "deep", "wake_after": "1s"}}, {"set": "awake = 1"},
      {"wake_up": "q"}]}])");
  const std::string refused = "suspend(system) = -28";
  CHECK(std::ranges::count(returns(run), refused) == 1);
  CHECK(run.marks.size() == 1);
  CHECK(support::violations(run) == "");
}

TEST_CASE("the last CPU stays", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "events": [
    {"t": "1ms", "do": [{"cpu_down": 0}, {"cpu_down": 1}, {"cpu_up": 0}]}])");
  CHECK(returns(run) ==
        Strings{"cpu_down(cpu0) = 0", "cpu_down(cpu1) = -16", "cpu_up(cpu0) = 0"});
}

TEST_CASE("a failing step brings the CPU back, without its own startup", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "hotplug_states": {
      "a": {"invoke": false, "startup": [{"mark": "a up"}], "teardown": [{"mark": "a down"}, {"return": -5}]},
      "b": {"invoke": false, "startup": [{"mark": "b up"}], "teardown": [{"mark": "b down"}]}},
    "events": [{"t": "1ms", "cpu_down": 1}])");
  REQUIRE(run.marks.size() == 3);
  CHECK(run.marks[0].second == "b down");
  CHECK(run.marks[1].second == "a down");
  CHECK(run.marks[2].second == "b up");
  CHECK(returns(run) == Strings{"cpu_down(cpu1) = -5"});
  CHECK(support::violations(run) == "");
}

TEST_CASE("a startup that fails takes the CPU down again", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "variables": {"bad": 0},
    "hotplug_states": {"a": {"startup": [{"if": "bad", "then": [{"return": -5}]}]}},
    "events": [{"t": "1ms", "do": [{"cpu_down": 1}, {"set": "bad = 1"}, {"cpu_up": 1},
      {"set": "bad = 0"}, {"cpu_up": 1}]}])");
  CHECK(returns(run) ==
        Strings{"cpu_down(cpu1) = 0", "cpu_up(cpu1) = -5", "cpu_up(cpu1) = 0"});
  CHECK(support::violations(run) == "");
}

TEST_CASE("a reader keeps CPUs from going", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 3}, "kthreads": {"reader": {"cpu": 2, "do": [
      "cpus_read_lock", {"mark": "locked"}, {"msleep": "100ms"}, {"mark": "unlocks"}, "cpus_read_unlock"]}},
    "events": [{"t": "10ms", "do": [{"cpu_down": 1}, {"mark": "gone"}]}])");
  CHECK(run.mark("locked") < run.mark("unlocks"));
  CHECK(run.mark("unlocks") < run.mark("gone"));
  const auto steps = lines_of(run.trace, "cpuhp_enter");
  REQUIRE_FALSE(steps.empty());
  CHECK(steps.front()->time > run.mark("unlocks"));
}

TEST_CASE("a thread that is merely bound loses its affinity for good", "[hotplug]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 2}, "kthreads": {"k": {"cpu": 1, "do": [
      {"loop": 300, "do": [{"run": "100us"}, {"usleep": "1ms"}]}]}},
    "events": [{"t": "10ms", "do": [{"cpu_down": 1}, {"cpu_up": 1}, {"mark": "back"}]}])");
  CHECK(support::unfinished(run) == "");
  CHECK(run.task("k").cpu == 0);
}

TEST_CASE("timers, tasklets and bottom halves of a dead CPU run elsewhere", "[hotplug]") {
  const Run run = run_keys(R"("duration": "2s", "machine": {"cpus": 2},
    "timers": {"t": {"pinned": true, "do": [{"mark": "timer"}]}},
    "hrtimers": {"h": {"pinned": true, "do": [{"mark": "hrtimer"}]}},
    "workqueues": {"w": {"flags": []}},
    "works": {"late": {"workqueue": "w", "delayed": true, "do": [{"mark": "late"}]}},
    "kthreads": {"k": {"cpu": 1, "do": [{"mod_timer": {"name": "t", "delay": "400ms"}},
      {"start_hrtimer": {"name": "h", "delay": "300ms"}},
      {"queue_delayed_work": {"work": "late", "delay": "350ms", "cpu": 1}}]}},
    "events": [{"t": "10ms", "do": [{"cpu_down": 1}, {"mark": "gone"}]}])");
  CHECK(run.mark("gone") < run.mark("hrtimer"));
  CHECK(run.mark("hrtimer") < run.mark("late"));
  CHECK(run.mark("late") < run.mark("timer"));
  CHECK(run.mark("timer") < 500'000'000);
}

TEST_CASE("a trace has no event of a CPU that is offline", "[hotplug]") {
  const Run run = run_keys(R"("duration": "500ms", "machine": {"cpus": 4}, "tasks": {
      "a": {"do": [{"run": "100ms"}]}, "b": {"do": [{"run": "100ms"}]}},
    "events": [{"t": "10ms", "do": [{"cpu_down": 2}, {"mark": "gone"}, {"msleep": "100ms"}, {"mark": "up"},
      {"cpu_up": 2}]}])");
  for (const support::TraceLine& line : run.trace.lines) {
    const bool gone = line.time > run.mark("gone") && line.time < run.mark("up");
    if (gone) REQUIRE(line.cpu != 2);
  }
}
