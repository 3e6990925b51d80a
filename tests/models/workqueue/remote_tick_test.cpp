// kernel/sched/core.c: sched_tick_remote and its kin: the tick once a second of CPUs without one.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using sim::kSecond;
using support::lines_of;
using support::Run;
using support::run_keys;
using support::TraceLine;

Run without_tick(std::string_view cmdline, std::string_view keys) {
  return run_keys(fmt::format(R"("machine": {{"cpus": 4}}, "works": {{"unused": {{"do": []}}}},
      "kernel": {{"boot": "minimal", "cmdline": "{}"}}, {})",
                              cmdline, keys));
}

// Events of the works of remote ticks.
std::vector<const TraceLine*> ticks_from_afar(const Run& run, std::string_view event) {
  std::vector<const TraceLine*> lines;
  for (const TraceLine* line : lines_of(run.trace, event))
    if (line->payload.find("sched_tick_remote") != std::string::npos) lines.push_back(line);
  return lines;
}

constexpr std::string_view kBusy =
    R"("duration": "10500ms", "tasks": {"a": {"cpu": 3, "do": [{"run": "20s"}]}})";

}  // namespace

TEST_CASE("remote tick: a work a second for each CPU without a tick", "[sched][remote-tick]") {
  const Run run = without_tick("nohz_full=2-3", kBusy);
  CHECK(violations(run) == "");
  const auto queued = ticks_from_afar(run, "workqueue_queue_work");
  CHECK(queued.size() >= 18);  // a wheel timer is up to eight jiffies late
  CHECK(queued.size() <= 20);
  std::map<std::string, sim::Time> last;
  for (const TraceLine* line : queued) {
    CHECK(line->cpu < 2);  // the timers of housekeeping
    CHECK(line->text_of("workqueue") == "events_unbound");
    const auto [before, first] = last.emplace(std::string(line->text_of("struct")), 0);
    CHECK(line->time - before->second >= kSecond);
    CHECK(line->time - before->second < kSecond + 50 * kMs);
    before->second = line->time;
  }
  CHECK(last.size() == 2);
  const auto started = ticks_from_afar(run, "workqueue_execute_start");
  CHECK(started.size() == queued.size());
  for (const TraceLine* line : started) {
    CHECK(line->cpu < 2);
    CHECK(line->comm.starts_with("kworker/u"));
  }
}

TEST_CASE("remote tick: isolcpus=nohz has it, isolcpus=domain has not", "[sched][remote-tick]") {
  constexpr std::string_view kShort = R"("duration": "1500ms")";
  const auto count = [&](std::string_view cmdline) {
    return ticks_from_afar(without_tick(cmdline, kShort), "workqueue_execute_end").size();
  };
  CHECK(count("isolcpus=nohz,2-3") == 2);
  CHECK(count("isolcpus=domain,2-3") == 0);
  CHECK(count("") == 0);
  CHECK(count("nohz_full=0-3") == 3);  // CPU 0 is spared
  CHECK(count("nohz_full=0,3") == 1);  // and was online before it could get one
}

TEST_CASE("remote tick: time is accounted to the task that runs", "[sched][remote-tick]") {
  // The fair server would account a fair one's.
  constexpr std::string_view kAlone = R"("duration": "10500ms",
      "tasks": {"a": {"cpu": 3, "policy": "fifo:10", "do": [{"run": "20s"}]}})";
  const Run far = without_tick("nohz_full=3", kAlone);
  CHECK(ticks_from_afar(far, "workqueue_execute_end").size() == 10);
  CHECK(far.task("a").runtime > 9'400 * kMs);  // at the end nobody has looked for up to a second
  CHECK(far.task("a").runtime < 10'450 * kMs);
  const Run near = without_tick("", kAlone);
  CHECK(ticks_from_afar(near, "workqueue_execute_end").empty());
  CHECK(near.task("a").runtime > 10'490 * kMs);
  const Run never = run_keys(fmt::format(R"("machine": {{"cpus": 4}},
      "kernel": {{"boot": "minimal", "cmdline": "nohz_full=3"}}, {})",
                                         kAlone));
  CHECK(never.task("a").runtime < 100 * kMs);  // no kworkers, no ticks
}

TEST_CASE("remote tick: SCHED_RR counts it against its time slice", "[sched][remote-tick]") {
  // One alone has no tick of its own: its slice of 100 ms, 25 ticks, ends after 25 s. Who wakes
  // meanwhile waits for what is left of it. (`b` gets to its sleep when the first slice has ended.)
  const auto run = [](std::string_view alone) {
    return without_tick("nohz_full=3", fmt::format(R"("duration": "30s", "tasks": {{
        "a": {{"cpu": 3, "policy": "rr:10", "do": [{{"run": "60s"}}]}},
        "b": {{"cpu": 3, "policy": "rr:10", "do": [{{"usleep": "{}"}}, {{"mark": "begins"}}]}}}})",
                                                   alone));
  };
  const Run soon = run("500ms");
  CHECK(soon.mark("begins") > 690 * kMs);
  CHECK(soon.mark("begins") < 702 * kMs);
  const Run later = run("20s");  // some twenty remote ticks have passed, five are left
  CHECK(later.mark("begins") > 20'115 * kMs);
  CHECK(later.mark("begins") < 20'135 * kMs);
}

TEST_CASE("remote tick: a CPU whose tick runs, or that idles, is left alone",
          "[sched][remote-tick]") {
  // The works come, but find nothing to do: they take no time.
  const auto time_of = [](std::string_view tasks) {
    const Run run = without_tick("nohz_full=3", fmt::format(R"("duration": "1500ms", {})", tasks));
    const auto started = ticks_from_afar(run, "workqueue_execute_start");
    const auto ended = ticks_from_afar(run, "workqueue_execute_end");
    REQUIRE(started.size() == 1);
    REQUIRE(ended.size() == 1);
    return ended[0]->time - started[0]->time;
  };
  const sim::Time two = time_of(R"("tasks": {"a": {"cpu": 3, "do": [{"run": "9s"}]},
                                             "b": {"cpu": 3, "do": [{"run": "9s"}]}})");
  const sim::Time one = time_of(R"("tasks": {"a": {"cpu": 3, "do": [{"run": "9s"}]}})");
  CHECK(one > two);
}

TEST_CASE("remote tick: what goes on for ever keeps no run from its end", "[sched][remote-tick]") {
  const Run run = without_tick("nohz_full=3", R"("duration": "idle",
      "tasks": {"a": {"cpu": 3, "do": [{"run": "2500ms"}, {"mark": "done"}]}})");
  CHECK(run.end < 2'600 * kMs);
  CHECK(run.nothing_since >= run.mark("done"));
  CHECK(run.nothing_since < run.mark("done") + kMs);
}

TEST_CASE("remote tick: it ends with its CPU, and comes back with it", "[sched][remote-tick]") {
  const auto run = [](std::string_view cycle) {
    const Run cycled = run_keys(fmt::format(R"("duration": "10s", "machine": {{"cpus": 4}},
        "works": {{"unused": {{"do": []}}}},
        "kernel": {{"boot": "minimal", "cmdline": "nohz_full=3"}}, "events": [{}])",
                                            cycle));
    CHECK(cycled.message.empty());
    CHECK(violations(cycled) == "");
    return cycled;
  };
  SECTION("one more work finds that it has gone") {
    const Run down = run(R"({"t": "2500ms", "do": [{"cpu_down": 3}]})");
    CHECK(ticks_from_afar(down, "workqueue_execute_start").size() == 3);
  }
  SECTION("it starts anew") {
    const Run up = run(R"({"t": "2500ms", "do": [{"cpu_down": 3}]},
                          {"t": "6500ms", "do": [{"cpu_up": 3}, {"mark": "up"}]})");
    const auto queued = ticks_from_afar(up, "workqueue_queue_work");
    REQUIRE(queued.size() == 6);
    CHECK(queued[2]->time < 3'100 * kMs);
    CHECK(queued[3]->time > up.mark("up") + 900 * kMs);
    CHECK(queued[3]->time < up.mark("up") + 1'100 * kMs);
  }
  SECTION("or goes on if it has not noticed") {
    const Run quick = run(R"({"t": "2500ms", "do": [{"cpu_down": 3}, {"cpu_up": 3}]})");
    const auto queued = ticks_from_afar(quick, "workqueue_queue_work");
    CHECK(queued.size() == 9);
    for (std::size_t i = 1; i < queued.size(); ++i)
      CHECK(queued[i]->time - queued[i - 1]->time < kSecond + 50 * kMs);
  }
}

TEST_CASE("remote tick: that it does not come is a defect", "[sched][remote-tick]") {
  // Housekeeping is busy with a thread that does not reschedule: no kworker runs for four seconds.
  const Run run = without_tick("nohz_full=1-3", R"("duration": "10s",
      "tasks": {"a": {"cpu": 3, "policy": "fifo:10", "do": [{"run": "20s"}]}},
      "kthreads": {"busy": {"cpu": 0, "do": [{"usleep": "1500ms"}, {"run": "4s"}]}})");
  CHECK(run.ending == kt::run::Ending::kDefect);
  CHECK_THAT(run.message, Catch::Contains("sched_tick_remote(): nothing was accounted to a (pid") &&
                              Catch::Contains("on CPU 3, which has no tick, for"));
}
