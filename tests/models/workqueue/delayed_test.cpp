#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::Run;
using support::run_keys;

namespace {

constexpr sim::Time kMs = 1'000'000;

}  // namespace

TEST_CASE("a delayed work finds an idle CPU on which a timer was deleted before", "[workqueue]") {
  const Run run = run_keys(R"("duration": "100ms", "machine": {"cpus": 2},
    "works": {"w": {"delayed": true, "do": [{"mark": "ran"}]}},
    "kthreads": {
      "busy": {"cpu": 1, "do": [{"run": "2ms"}]},
      "a": {"cpu": 0, "do": [
        {"usleep": "1ms"},
        {"queue_delayed_work": {"work": "w", "delay": "8ms", "cpu": 1}},
        {"cancel_delayed_work": "w"},
        {"usleep": "5ms"},
        {"queue_delayed_work": {"work": "w", "delay": "12ms", "cpu": 1}}]}})");
  CHECK(run.mark("ran") < 30'000'000);
}

// Invariant 44: the timer is never early, and late by a granule of its level of the wheel and the
// way from the tick to the work at most.
TEST_CASE("a delayed work is queued when its delay has passed", "[workqueue][delayed]") {
  struct Case {
    sim::Time delay;
    sim::Time granule;  // at HZ=250
  };
  constexpr sim::Time kJiffy = 4 * kMs;
  constexpr sim::Time kLatency = kMs / 10;
  for (const Case& each : {Case{kMs, kJiffy}, Case{4 * kMs, kJiffy}, Case{10 * kMs, kJiffy},
                           Case{200 * kMs, kJiffy}, Case{400 * kMs, 8 * kJiffy},
                           Case{1'500 * kMs, 8 * kJiffy}, Case{9'000 * kMs, 64 * kJiffy}}) {
    for (const char* cpu : {"", R"(, "cpu": 0)", R"(, "cpu": 1)"}) {
      for (const sim::Time offset : {sim::Time{0}, sim::Time{1'300'000}, sim::Time{3'900'000}}) {
        CAPTURE(each.delay, cpu, offset);
        const Run run = run_keys(fmt::format(R"("duration": "12s", "machine": {{"cpus": 2}},
          "works": {{"w": {{"delayed": true, "do": [{{"mark": "ran"}}]}}}},
          "kthreads": {{"a": {{"cpu": 0, "do": [{{"usleep": "10ms"}}, {{"mark": "armed"}},
            {{"queue_delayed_work": {{"work": "w", "delay": "{}ns"{}}}}}]}}}})",
                                             each.delay, cpu),
                                 {.tick_offset = offset});
        const auto queued = support::lines_of(run.trace, "workqueue_queue_work");
        REQUIRE(queued.size() == 1);
        const sim::Time jiffies = (each.delay + kJiffy - 1) / kJiffy * kJiffy;
        const sim::Time waited = queued[0]->time - run.mark("armed");
        CHECK(waited >= jiffies - kLatency);
        CHECK(waited <= jiffies + kJiffy + each.granule + kLatency);
        CHECK(queued[0]->in_softirq());
        CHECK(support::violations(run) == "");
      }
    }
  }
}

TEST_CASE("without a delay a work is queued by the call", "[workqueue][delayed]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2},
    "works": {"w": {"delayed": true, "do": []}},
    "kthreads": {"a": {"cpu": 0, "do": [{"mark": "call"}, {"queue_delayed_work": {"work": "w", "delay": "0"}},
      {"mark": "returned"}]}})");
  const auto queued = support::lines_of(run.trace, "workqueue_queue_work");
  REQUIRE(queued.size() == 1);
  CHECK(queued[0]->comm == "a");
  CHECK(queued[0]->time >= run.mark("call"));
  CHECK(queued[0]->time <= run.mark("returned"));
  CHECK(support::lines_of(run.trace, "timer_start", "function", "delayed_work_timer_fn").empty());
}
