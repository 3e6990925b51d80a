// isolcpus= and nohz_full= (kernel/sched/isolation.c): CPUs that nothing comes to of itself.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

Run isolated(std::string_view cmdline, std::string_view keys) {
  return run_keys(fmt::format(R"("duration": "200ms", "machine": {{"cpus": 4}},
      "kernel": {{"boot": "minimal", "cmdline": "{}"}}, {})",
                              cmdline, keys));
}

/// The comms that were switched in on a CPU, but for its own threads.
std::vector<std::string> guests(const Run& run, int cpu) {
  std::vector<std::string> comms;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_switch")) {
    const std::string comm(line->text_of("next_comm"));
    if (static_cast<int>(line->cpu) != cpu || comm.starts_with("swapper/") ||
        comm.ends_with(fmt::format("/{}", cpu)))
      continue;
    if (std::ranges::find(comms, comm) == comms.end()) comms.push_back(comm);
  }
  return comms;
}

constexpr std::string_view kHogs = R"("tasks": {
    "a": {"do": [{"run": "1s"}]}, "b": {"do": [{"run": "1s"}]}, "c": {"do": [{"run": "1s"}]},
    "d": {"do": [{"loop": 100, "do": [{"run": "1ms"}, {"usleep": "500us"}]}]},
    "wide": {"cpus": "0-3", "do": [{"run": "1s"}]},
    "own": {"cpu": 3, "do": [{"loop": 100, "do": [{"run": "1ms"}, {"usleep": "500us"}]}]}},
    "kthreads": {"k": {"do": [{"loop": 100, "do": [{"run": "1ms"}, {"usleep": "300us"}]}]}})";

}  // namespace

TEST_CASE("only who is bound to an isolated CPU runs there", "[sched][isolation]") {
  for (const char* cmdline :
       {"isolcpus=2-3", "isolcpus=domain,managed_irq,2-3", "isolcpus=domain,2-3 nohz_full=2-3"}) {
    CAPTURE(cmdline);
    const Run run = isolated(cmdline, kHogs);
    CHECK(violations(run) == "");
    CHECK(guests(run, 2).empty());  // though five threads share two CPUs and all could balance
    CHECK(guests(run, 3) == std::vector<std::string>{"own"});
  }
}

TEST_CASE("isolcpus without domain leaves CPUs in their domains", "[sched][isolation]") {
  const Run run = isolated("isolcpus=managed_irq,2-3", kHogs);
  CHECK_FALSE(guests(run, 2).empty());
  CHECK(guests(run, 3).size() > 1);
}

TEST_CASE("of all CPUs the boot CPU stays", "[sched][isolation]") {
  const Run run = isolated("isolcpus=0-3", R"("tasks": {"a": {"do": [{"run": "5ms"}]},
      "b": {"do": [{"run": "5ms"}]}})");
  for (int cpu = 1; cpu < 4; ++cpu) CHECK(guests(run, cpu).empty());
}

TEST_CASE("an isolated CPU neither balances nor is balanced to", "[sched][isolation]") {
  // Two share CPU 3 for ever, while CPU 2 idles.
  const Run run = isolated("isolcpus=2-3", R"("tasks": {
      "a": {"cpus": "2-3", "do": [{"set_cpus_allowed": {"thread": "a", "cpus": "3"}},
            {"set_cpus_allowed": {"thread": "a", "cpus": "2-3"}}, {"run": "1s"}]},
      "b": {"cpus": "2-3", "do": [{"set_cpus_allowed": {"thread": "b", "cpus": "3"}},
            {"set_cpus_allowed": {"thread": "b", "cpus": "2-3"}}, {"run": "1s"}]}})");
  CHECK(run.task("a").cpu == 3);
  CHECK(run.task("b").cpu == 3);
  CHECK(run.task("a").runtime + run.task("b").runtime < 200 * kMs);
  for (const support::TraceLine* line : lines_of(run.trace, "softirq_entry"))
    if (line->cpu >= 2) CHECK(line->payload.find("SCHED") == std::string::npos);
}

TEST_CASE("real-time threads are not pushed to isolated CPUs", "[sched][isolation]") {
  const Run run = isolated("isolcpus=2-3", R"("tasks": {
      "a": {"policy": "fifo:10", "cpus": "0-3", "do": [{"run": "20ms"}]},
      "b": {"policy": "fifo:20", "cpus": "0-3", "do": [{"run": "20ms"}]},
      "c": {"policy": "fifo:30", "cpus": "0-3", "do": [{"run": "20ms"}]}})");
  CHECK(violations(run) == "");
  CHECK(guests(run, 2).empty());
  CHECK(guests(run, 3).empty());
}

TEST_CASE("unbound works stay off isolated CPUs", "[sched][isolation][workqueue]") {
  for (const char* cmdline : {"isolcpus=2-3", "nohz_full=2-3"}) {
    CAPTURE(cmdline);
    const Run run = isolated(cmdline, R"("workqueues": {"u": {"flags": ["WQ_UNBOUND"]}},
        "works": {"w": {"workqueue": "u", "count": 4, "do": [{"run": "2ms"}]}},
        "tasks": {"q": {"cpu": 3, "do": [{"queue_work": "w/0"}, {"queue_work": "w/1"},
          {"queue_work": "w/2"}, {"queue_work": "w/3"}]}})");
    CHECK(violations(run) == "");
    CHECK(guests(run, 2).empty());
    CHECK(guests(run, 3) == std::vector<std::string>{"q"});
    CHECK(lines_of(run.trace, "workqueue_execute_start").size() >= 4);
  }
}

TEST_CASE("nohz_full keeps kernel threads and timers away", "[sched][isolation]") {
  // A timer goes where something runs, unless it would be the first to expire there.
  const Run run = isolated("nohz_full=2-3", R"("kthreads": {
      "k": {"do": [{"loop": 20, "do": [{"run": "1ms"}, {"usleep": "1ms"}]}]},
      "l": {"do": [{"loop": 20, "do": [{"run": "1ms"}, {"usleep": "1ms"}]}]},
      "m": {"do": [{"loop": 20, "do": [{"run": "1ms"}, {"usleep": "1ms"}]}]}},
      "tasks": {"a": {"cpu": 0, "do": [{"run": "1s"}]}, "b": {"cpu": 1, "do": [{"run": "1s"}]},
                "own": {"cpu": 3, "do": [{"loop": 10, "do": [{"usleep": "10ms"}]}]}})");
  CHECK(violations(run) == "");
  CHECK(guests(run, 2).empty());
  CHECK(guests(run, 3) == std::vector<std::string>{"own"});
  int sleeps = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
    if (line->text_of("function") != "hrtimer_wakeup") continue;
    ++sleeps;
    CHECK(line->cpu < 2);
  }
  CHECK(sleeps == 70);
}

TEST_CASE("lockup watchdogs and statistics leave CPUs of nohz_full alone", "[sched][isolation]") {
  for (const char* cmdline : {"nohz_full=1", "isolcpus=1"}) {
    CAPTURE(cmdline);
    const Run run = support::run_scenario(fmt::format(R"({{"name": "t", "version": 1,
        "duration": "9s", "machine": {{"cpus": 2}},
        "kernel": {{"background": "server", "cmdline": "{}"}},
        "kthreads": {{"fz": {{"cpu": 1, "do": [{{"loop": null, "do": [{{"msleep": "100ms"}}]}}]}}}}}})",
                                                      cmdline));
    CHECK(violations(run) == "");
    int watchdogs = 0;
    for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
      if (line->text_of("function") == "watchdog_timer_fn" && line->cpu == 1) ++watchdogs;
    }
    CHECK(watchdogs == (std::string_view(cmdline) == "nohz_full=1" ? 0 : 2));
    for (const support::TraceLine* line : lines_of(run.trace, "workqueue_execute_start")) {
      if (line->cpu == 1) CHECK(line->payload.find("vmstat_update") == std::string::npos);
    }
  }
}

TEST_CASE("a dying CPU hands its hrtimers to one outside of nohz_full", "[sched][isolation]") {
  const Run run = isolated("nohz_full=0-1", R"("kthreads": {
      "k": {"cpu": 3, "do": [{"usleep": "150ms"}, {"mark": "awake"}]}},
      "events": [{"t": "10ms", "cpu_down": 3}])");
  CHECK(violations(run) == "");
  CHECK(run.mark("awake") > 150 * kMs);
  for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
    const bool wakes = line->text_of("function") == "hrtimer_wakeup";
    if (wakes && line->time > 140 * kMs) CHECK(line->cpu == 2);
  }
}

namespace {

/// Times at which a CPU's tick came, between two moments.
std::vector<sim::Time> ticks(const Run& run, int cpu, sim::Time from, sim::Time until) {
  std::vector<sim::Time> times;
  for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
    if (static_cast<int>(line->cpu) == cpu && line->text_of("function") == "tick_nohz_handler" &&
        line->time >= from && line->time < until)
      times.push_back(line->time);
  }
  return times;
}

constexpr std::size_t kTicks = 25;  // in 100 ms

}  // namespace

TEST_CASE("a CPU with one task has no tick if it may", "[sched][isolation]") {
  constexpr std::string_view kOne = R"("tasks": {"a": {"cpu": 3, "do": [{"run": "1s"}]}})";
  CHECK(ticks(isolated("", kOne), 3, 50 * kMs, 150 * kMs).size() == kTicks);
  CHECK(ticks(isolated("nohz_full=3", kOne), 3, 50 * kMs, 150 * kMs).empty());
  CHECK(ticks(isolated("isolcpus=nohz,3", kOne), 3, 50 * kMs, 150 * kMs).empty());
  CHECK(ticks(isolated("isolcpus=domain,3", kOne), 3, 50 * kMs, 150 * kMs).size() == kTicks);
}

TEST_CASE("the tick comes back with a second task, and goes with it", "[sched][isolation]") {
  const Run run = isolated("nohz_full=3", R"("tasks": {"a": {"cpu": 3, "do": [{"run": "1s"}]},
      "b": {"cpu": 3, "do": [{"usleep": "50ms"}, {"mark": "two"}, {"run": "30ms"},
                             {"mark": "one"}]}})");
  CHECK(violations(run) == "");
  const sim::Time two = run.mark("two");
  const sim::Time one = run.mark("one");
  CHECK(one - two > 50 * kMs);  // they take turns
  CHECK(one - two < 70 * kMs);
  CHECK(ticks(run, 3, two, one).size() + 1 >= static_cast<std::size_t>((one - two) / (4 * kMs)));
  CHECK(ticks(run, 3, one + 5 * kMs, 200 * kMs).empty());
  bool scheduler = false;
  for (const support::TraceLine* line : lines_of(run.trace, "tick_stop"))
    scheduler |= line->payload.find("success=0 dependency=SCHED") != std::string::npos;
  CHECK(scheduler);
}

TEST_CASE("SCHED_RR needs a tick for two, SCHED_FIFO for none", "[sched][isolation]") {
  const auto run = [](const std::string& policy) {
    return isolated("nohz_full=3", fmt::format(R"("tasks": {{
        "a": {{"cpu": 3, "policy": "{0}:10", "do": [{{"run": "1s"}}]}},
        "b": {{"cpu": 3, "policy": "{0}:10", "do": [{{"run": "1s"}}]}}}})", policy));
  };
  CHECK(ticks(run("rr"), 3, 50 * kMs, 150 * kMs).size() == kTicks);
  CHECK(ticks(run("fifo"), 3, 50 * kMs, 150 * kMs).empty());
}

TEST_CASE("a timer of a CPU without a tick expires in its jiffy", "[sched][isolation]") {
  for (const char* cmdline : {"nohz_full=3", ""}) {
    CAPTURE(cmdline);
    const Run run = isolated(cmdline, R"("timers": {"t": {"pinned": true, "do": [{"mark": "fired"}]}},
        "tasks": {"a": {"cpu": 3, "do": [{"run": "50ms"},
          {"mod_timer": {"name": "t", "delay": "20ms"}}, {"mark": "armed"}, {"run": "100ms"}]}})");
    CHECK(violations(run) == "");
    CHECK(run.mark("fired") - run.mark("armed") > 20 * kMs);
    CHECK(run.mark("fired") - run.mark("armed") < 24 * kMs + kMs / 10);
  }
}

TEST_CASE("a grace period does not wait for ever for a CPU without a tick",
          "[sched][isolation][rcu]") {
  const auto down = [](const std::string& threads) {
    const Run run = run_keys(R"("duration": "5s", "machine": {"cpus": 4},
        "kernel": {"boot": "minimal", "preempt": "full", "cmdline": "nohz_full=3"}, )" + threads +
        R"(, "events": [{"t": "100ms", "do": [{"cpu_down": 2}, {"mark": "offline"}]}])");
    CHECK(violations(run) == "");
    return run.mark("offline");
  };
  // User mode counts as quiescent; a thread of the kernel gets a tick after 300 ms.
  CHECK(down(R"("tasks": {"user": {"cpu": 3, "do": [{"run": "4s"}]}})") < 300 * kMs);
  const sim::Time kernel = down(R"("kthreads": {"k": {"cpu": 3, "do": [{"run": "4s"}]}})");
  CHECK(kernel > 400 * kMs);
  CHECK(kernel < 2'000 * kMs);
}
