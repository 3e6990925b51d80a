// Sleeps, timers and the tick as they come out on a machine (kernel/time/).
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;
constexpr sim::Time kTick = 4 * kMs;
constexpr sim::Time kLatency = 20'000;  // interrupt, softirq, wakeup, switch

}  // namespace

TEST_CASE("msleep and schedule_timeout last n to n + 1 ticks", "[timers][sleep]") {
  for (const int ms : {1, 4, 5, 20, 100, 240}) {
    for (const char* verb : {R"({"msleep": "%"})",
                             R"({"set_state": "TASK_INTERRUPTIBLE"}, {"schedule_timeout": "%"})"}) {
      for (const sim::Time offset : {sim::Time{0}, sim::Time{1'500'000}, sim::Time{3'999'000}}) {
        std::string statement = verb;
        statement.replace(statement.find('%'), 1, fmt::format("{}ms", ms));
        CAPTURE(statement, offset);
        const Run run = run_keys(fmt::format(R"("duration": "idle", "machine": {{"cpus": 1}},
            "tasks": {{"a": {{"do": [{{"run": "300us"}}, {{"mark": "from"}}, {}, {{"mark": "to"}}]}}}})",
                                             statement),
                                 {.tick_offset = offset});
        CHECK(violations(run) == "");
        const sim::Time slept = run.mark("to") - run.mark("from");
        const sim::Time ticks = (ms + 3) / 4;
        CHECK(slept > ticks * kTick);
        CHECK(slept <= (ticks + 1) * kTick + kLatency);
      }
    }
  }
}

TEST_CASE("usleep lasts as long as asked for and the wakeup", "[timers][sleep]") {
  for (const char* time : {"50us", "1ms", "7ms"}) {
    CAPTURE(time);
    const Run run = run_keys(fmt::format(R"("duration": "idle", "machine": {{"cpus": 1}},
        "tasks": {{"a": {{"do": [{{"mark": "from"}}, {{"usleep": "{}"}}, {{"mark": "to"}}]}}}})",
                                         time));
    CHECK(violations(run) == "");
    const sim::Time slept = run.mark("to") - run.mark("from");
    CHECK(slept > *sim::parse_time(time));
    CHECK(slept < *sim::parse_time(time) + kLatency);
  }
}

TEST_CASE("a busy CPU ticks on the grid, an idle one does not", "[timers][tick]") {
  const sim::Time offset = 1'700'000;
  const Run run = run_keys(R"("duration": "400ms", "machine": {"cpus": 2, "idle": "hlt"},
      "tasks": {"hog": {"cpu": 1, "do": [{"run": "1s"}]}})",
                           {.tick_offset = offset});
  CHECK(violations(run) == "");
  unsigned busy = 0;
  unsigned idle = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
    if (line->text_of("function") != "tick_nohz_handler" || line->time < 10 * kMs) continue;
    ++(line->cpu == 1 ? busy : idle);
    CHECK((line->time + offset) % kTick < 2'000);
  }
  CHECK(busy >= 97);
  CHECK(busy <= 98);
  CHECK(idle == 0);
}

// Without a cpuidle driver it does not know how long it will sleep: kernel/sched/idle.c, do_idle.
TEST_CASE("a CPU that goes idle keeps its tick until it has come once", "[timers][tick]") {
  const Run run = run_keys(R"("duration": "400ms", "machine": {"cpus": 2, "idle": "hlt"},
      "tasks": {"short": {"cpu": 0, "do": [{"loop": 60, "do": [{"run": "100us"}, {"usleep": "2ms"}]}]},
                "long": {"cpu": 1, "do": [{"loop": 4, "do": [{"run": "100us"}, {"usleep": "40ms"}]}]}})");
  CHECK(violations(run) == "");
  int ticks[2] = {0, 0};
  for (const support::TraceLine* line : lines_of(run.trace, "hrtimer_expire_entry")) {
    if (line->text_of("function") == "tick_nohz_handler" && line->time < 120 * kMs)
      ++ticks[line->cpu];
  }
  CHECK(ticks[0] == 29);  // every one, though it idles for most of the time
  CHECK(ticks[1] == 3);   // one for each sleep
}

TEST_CASE("pinned timers expire on their CPU, others within two ticks somewhere", "[timers]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 4},
    "timers": {"pinned": {"pinned": true, "do": [{"mark": "pinned"}]},
               "global": {"do": [{"mark": "global"}]}},
    "kthreads": {"setter": {"cpu": 2, "do": [{"mark": "set"},
        {"mod_timer": {"name": "pinned", "delay": "40ms"}},
        {"mod_timer": {"name": "global", "delay": "40ms"}}]},
      "hog": {"cpu": 1, "do": [{"run": "100ms"}]}})");
  CHECK(violations(run) == "");
  const auto pinned = lines_of(run.trace, "timer_expire_entry", "function", "pinned");
  const auto global = lines_of(run.trace, "timer_expire_entry", "function", "global");
  REQUIRE(pinned.size() == 1);
  REQUIRE(global.size() == 1);
  CHECK(pinned[0]->cpu == 2);
  CHECK(global[0]->cpu == 1);  // the only CPU that ticks serves those that idle
  for (const char* name : {"pinned", "global"}) {
    CHECK(run.mark(name) - run.mark("set") > 40 * kMs);
    CHECK(run.mark(name) - run.mark("set") < 48 * kMs + 100'000);
  }
}

TEST_CASE("a global timer of a machine that idles wakes one CPU", "[timers]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 4},
    "timers": {"global": {"do": [{"mark": "global"}]}},
    "kthreads": {"setter": {"cpu": 2, "do": [{"usleep": "30ms"}, {"mark": "set"},
        {"mod_timer": {"name": "global", "delay": "40ms"}}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("global") - run.mark("set") > 40 * kMs);
  CHECK(run.mark("global") - run.mark("set") < 44 * kMs + 100'000);
  CHECK(lines_of(run.trace, "timer_expire_entry", "function", "global").size() == 1);
}

TEST_CASE("a timer's callback runs in the TIMER softirq", "[timers][softirq]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1},
    "timers": {"t": {"do": [{"mark": "t"}, {"run": "20us"}]}},
    "hrtimers": {"h": {"do": [{"mark": "h"}, {"run": "5us"}]}},
    "kthreads": {"setter": {"cpu": 0, "do": [{"mod_timer": {"name": "t", "delay": "8ms"}},
      {"start_hrtimer": {"name": "h", "delay": "3ms"}}, {"run": "20ms"}]}})");
  CHECK(violations(run) == "");
  for (const support::TraceLine* line : lines_of(run.trace, "mark")) {
    CHECK((line->payload == "t" ? line->in_softirq() : line->in_hardirq()));
  }
}

TEST_CASE("a deferrable timer waits for its CPU to wake for another reason", "[timers]") {
  const char* const set = R"({"mark": "set"}, {"mod_timer": {"name": "lazy", "delay": "20ms"}})";
  const auto run_with = [set](const char* then) {
    return run_keys(fmt::format(R"("duration": "300ms", "machine": {{"cpus": 2, "idle": "hlt"}},
      "timers": {{"lazy": {{"deferrable": true, "do": [{{"mark": "lazy"}}]}}}},
      "kthreads": {{"setter": {{"cpu": 1, "do": [{}, {}, {{"mark": "up"}}]}},
        "hog": {{"cpu": 0, "do": [{{"run": "200ms"}}]}}}})",
                                set, then));
  };
  SECTION("it does not wake an idle CPU, and no other serves it") {
    const Run run = run_with(R"({"msleep": "100ms"}, {"run": "10ms"})");
    CHECK(violations(run) == "");
    CHECK(run.mark("lazy") - run.mark("set") > 100 * kMs);
    CHECK(run.mark("lazy") < run.mark("up") + kTick);
    CHECK(lines_of(run.trace, "timer_expire_entry", "function", "lazy").at(0)->cpu == 1);
  }
  SECTION("on a busy CPU it is as any other") {
    const Run run = run_with(R"({"run": "100ms"})");
    CHECK(violations(run) == "");
    CHECK(run.mark("lazy") - run.mark("set") > 20 * kMs);
    CHECK(run.mark("lazy") - run.mark("set") < 24 * kMs + kLatency);
  }
}
