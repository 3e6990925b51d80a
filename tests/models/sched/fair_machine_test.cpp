// The fair class on a machine: shares, slices and wakeup preemption as they come out.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;
constexpr sim::Time kTick = 4 * kMs;
constexpr sim::Time kSlack = 10'000;

Run two_hogs(int nice_a, int nice_b, int cpus) {
  return run_keys(fmt::format(R"("duration": "4s", "machine": {{"cpus": {}}}, "tasks": {{
    "a": {{"cpu": 0, "nice": {}, "do": [{{"run": "9s"}}]}},
    "b": {{"cpu": 0, "nice": {}, "do": [{{"run": "9s"}}]}}}})",
                              cpus, nice_a, nice_b));
}

}  // namespace

TEST_CASE("two hogs share by weight", "[sched][fair]") {
  struct Case {
    int nice_a, nice_b;
    double share_a;
  };
  for (const Case& c : {Case{0, 0, 0.5}, Case{0, 5, 0.7535}, Case{0, 19, 0.9856},
                        Case{-20, 0, 0.9886}, Case{-5, 5, 0.903}}) {
    CAPTURE(c.nice_a, c.nice_b);
    const Run run = two_hogs(c.nice_a, c.nice_b, 1);
    CHECK(violations(run) == "");
    const auto times = support::on_cpu_times(run.trace, run.end);
    const auto a = static_cast<double>(times.at("a"));
    const auto b = static_cast<double>(times.at("b"));
    CHECK(a / (a + b) == Approx(c.share_a).margin(0.004));
  }
}

TEST_CASE("slices end at the tick", "[sched][fair]") {
  for (const int cpus : {1, 2, 8}) {
    CAPTURE(cpus);
    const Run run = two_hogs(0, 0, cpus);
    sim::Time last = 0;
    for (const support::TraceLine* line : lines_of(run.trace, "sched_switch", "prev_comm", "a")) {
      if (line->time < 100 * kMs || line->text_of("next_comm") != "b") continue;
      CHECK(line->text_of("prev_state") == "R");
      // 0.7 … 2.8 ms are used up at the next tick. What softirqs take is charged to who is hit by
      // them, so that the other may go on for one tick more.
      const sim::Time since = line->time - last;
      if (last != 0) {
        CHECK(since > 8 * kMs - kSlack);
        CHECK(since < 16 * kMs + kSlack);
        CHECK((since + kSlack) % kTick < 2 * kSlack);
      }
      last = line->time;
    }
    CHECK(last > 3900 * kMs);
  }
}

TEST_CASE("a slice that a task asks for sets how long it runs at a time, not its share",
          "[sched][fair]") {
  const Run run = run_keys(R"("duration": "4s", "machine": {"cpus": 1}, "tasks": {
      "a": {"do": [{"run": "9s"}]}, "b": {"do": [{"run": "9s"}]}},
    "events": [{"t": "1ms", "do": [
      {"sched_setscheduler": {"thread": "a", "policy": "normal", "runtime": "30ms"}},
      {"sched_setscheduler": {"thread": "b", "policy": "normal", "runtime": "30ms"}}]}])");
  CHECK(violations(run) == "");
  sim::Time last = 0;
  unsigned stints = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_switch", "next_comm", "b")) {
    if (line->time < 500 * kMs || line->text_of("prev_comm") != "a") continue;
    if (last != 0) {
      CHECK(line->time - last > 2 * 30 * kMs - kSlack);
      CHECK(line->time - last < 2 * (30 * kMs + 2 * kTick));
    }
    last = line->time;
    ++stints;
  }
  CHECK(stints > 40);
  const auto times = support::on_cpu_times(run.trace, run.end);
  const auto a = static_cast<double>(times.at("a"));
  CHECK(a / (a + static_cast<double>(times.at("b"))) == Approx(0.5).margin(0.01));
}

TEST_CASE("who has slept with credit preempts at once", "[sched][fair]") {
  // 50 us of work each 10 ms: it never uses up its share.
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 8}, "tasks": {
    "hog": {"cpu": 0, "do": [{"run": "9s"}]},
    "light": {"cpu": 0, "do": [{"loop": 60, "do": [{"usleep": "10ms"}, {"run": "50us"}]}]}})");
  CHECK(violations(run) == "");
  const support::TaskEnd& light = run.task("light");
  REQUIRE(light.nr_wakeups >= 60);
  unsigned late = 0;
  sim::Time woken = 0;
  for (const support::TraceLine& line : run.trace.lines) {
    if (line.event == "sched_wakeup" && line.text_of("comm") == "light") woken = line.time;
    if (line.event != "sched_switch" || line.text_of("next_comm") != "light") continue;
    if (line.time - woken > 10'000) ++late;
  }
  CHECK(late <= 3);
}

TEST_CASE("a nice -20 wakee displaces a hog that is alone for long", "[sched][fair]") {
  const Run run = run_keys(R"("duration": "1s", "machine": {"cpus": 8}, "tasks": {
    "hog": {"cpu": 0, "do": [{"run": "9s"}]},
    "first": {"cpu": 0, "nice": -20, "do": [{"usleep": "50ms"}, {"mark": "first"}]},
    "last": {"cpu": 0, "nice": 19, "do": [{"usleep": "150ms"}, {"mark": "last"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("first") < 50 * kMs + kMs);
  CHECK(run.mark("last") < 150 * kMs + 9 * kMs);
}

TEST_CASE("a yield gives way to an equal", "[sched][fair]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1}, "tasks": {
    "a": {"cpu": 0, "do": [{"loop": 50, "do": [{"run": "100us"}, "yield"]}]},
    "b": {"cpu": 0, "do": [{"loop": 50, "do": [{"run": "100us"}, "yield"]}]}})");
  CHECK(violations(run) == "");
  // Far more switches between the two than ticks.
  CHECK(lines_of(run.trace, "sched_switch", "prev_comm", "a").size() > 25);
}

namespace {

/// How often "wakee" was switched in within 10 us of its wakeups, and how often it was woken.
std::pair<unsigned, unsigned> prompt_wakeups(const Run& run) {
  unsigned prompt = 0;
  unsigned woken = 0;
  sim::Time since = -1;
  for (const support::TraceLine& line : run.trace.lines) {
    if (line.event == "sched_wakeup" && line.text_of("comm") == "wakee") {
      since = line.time;
      ++woken;
    }
    if (line.event != "sched_switch" || line.text_of("next_comm") != "wakee" || since < 0) continue;
    prompt += line.time - since < 10'000 ? 1 : 0;
    since = -1;
  }
  return {prompt, woken};
}

Run wake_under(const char* hog_policy, const char* wakee_policy) {
  return run_keys(fmt::format(R"("duration": "2s", "machine": {{"cpus": 1}}, "tasks": {{
    "hog": {{"policy": "{}", "do": [{{"run": "9s"}}]}},
    "wakee": {{"policy": "{}", "do": [{{"loop": 100, "do": [{{"usleep": "5ms"}}, {{"run": "1ms"}}]}}]}}}})",
                              hog_policy, wakee_policy));
}

}  // namespace

TEST_CASE("a wakee preempts a SCHED_IDLE task at once, whatever their lags", "[sched][fair]") {
  for (const char* policy : {"normal", "batch"}) {
    CAPTURE(policy);
    const Run run = wake_under("idle", policy);
    CHECK(violations(run) == "");
    const auto [prompt, woken] = prompt_wakeups(run);
    CHECK(woken >= 100);
    CHECK(prompt >= woken - 1);  // the first may come before the hog
  }
}

TEST_CASE("a SCHED_IDLE or SCHED_BATCH task preempts nobody when it wakes", "[sched][fair]") {
  for (const char* policy : {"idle", "batch"}) {
    CAPTURE(policy);
    const Run run = wake_under("normal", policy);
    CHECK(violations(run) == "");
    const auto [prompt, woken] = prompt_wakeups(run);
    CHECK(woken >= 5);
    // A tick may happen to come right behind a wakeup.
    CHECK(prompt <= woken / 10 + 1);
  }
}
