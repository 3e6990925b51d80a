// flush_workqueue: who waits for what, and more flushers than there are colours.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::Run;
using support::run_keys;
constexpr int kColors = 15;  // that can be waited for at a time: WORK_NR_COLORS less one

std::string list(int count, const std::function<std::string(int)>& item) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + item(i);
  return text;
}

/// Flusher i comes i ms after the start: it queues work w<i>, which takes so many ms, and flushes.
Run flushers(const std::vector<int>& durations) {
  const int count = static_cast<int>(durations.size());
  return run_keys(
      fmt::format(
          R"("duration": "idle", "machine": {{"cpus": 4}}, "workqueues": {{"q": {{}}}},
      "works": {{{}}}, "kthreads": {{{}}})",
          list(
              count,
              [&](int i) {
                return fmt::format(
                    R"("w{}": {{"workqueue": "q", "do": [{{"msleep": "{}ms"}}, {{"mark": "end {}"}}]}})",
                    i, durations[static_cast<std::size_t>(i)], i);
              }),
          list(
              count,
              [](int i) {
                return fmt::format(
                    R"("f{0}": {{"do": [{{"usleep": "{0}ms"}}, {{"queue_work": {{"work": "w{0}", "cpu": {1}}}}},
            {{"flush_workqueue": "q"}}, {{"mark": "flushed {0}"}}]}})",
                    i, i % 4);
              })),
      {.inspect_every = 1'000'003, .steals = false});
}

}  // namespace

// Invariants 35 and 41. With 15 flushes under way the next ones share a colour, and with it
// whatever has been queued until it becomes free.
TEST_CASE("more flushers than colours", "[workqueue][flush]") {
  constexpr int kFlushers = 24;
  std::vector<int> durations(kFlushers, 1);
  durations[0] = 100;
  durations[5] = 160;
  durations[20] = 240;
  const Run run = flushers(durations);
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  CHECK(run.state_violations.substr(0, 500) == "");
  const auto flushed = [&](int i) { return run.mark(fmt::format("flushed {}", i)); };
  const auto end = [&](int i) { return run.mark(fmt::format("end {}", i)); };
  for (int i = 0; i < kFlushers; ++i) {
    CAPTURE(i);
    for (int before = 0; before <= i; ++before) CHECK(flushed(i) >= end(before));
    if (i < 5) CHECK(flushed(i) < end(0) + kMs);
    if (i >= 5 && i < kColors) CHECK(flushed(i) < end(5) + kMs);
    if (i >= kColors) CHECK(flushed(i) >= end(20));
    if (i >= kColors) CHECK(flushed(i) < end(20) + kMs);
  }
}

TEST_CASE("overflow, again and again", "[workqueue][flush]") {
  constexpr int kFlushers = 70;
  std::vector<int> durations(kFlushers);
  for (int i = 0; i < kFlushers; ++i) durations[static_cast<std::size_t>(i)] = 1 + (i * 37) % 60;
  const Run run = flushers(durations);
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  CHECK(run.state_violations.substr(0, 500) == "");
  for (int i = 0; i < kFlushers; ++i) {
    CAPTURE(i);
    for (int before = 0; before <= i; ++before) {
      CHECK(run.mark(fmt::format("flushed {}", i)) >= run.mark(fmt::format("end {}", before)));
    }
  }
}

TEST_CASE("a flush waits neither for nothing nor for what comes later", "[workqueue][flush]") {
  const Run run = run_keys(
      R"("duration": "idle", "machine": {"cpus": 2}, "workqueues": {"q": {"max_active": 1}},
    "works": {"a": {"workqueue": "q", "count": 3, "do": [{"msleep": "20ms"}, {"mark": "end"}]},
      "late": {"workqueue": "q", "do": [{"msleep": "40ms"}, {"mark": "late end"}]},
      "timed": {"workqueue": "q", "delayed": true, "do": [{"mark": "timed"}]}},
    "kthreads": {
      "f": {"do": [{"mark": "empty"}, {"flush_workqueue": "q"}, {"mark": "empty flushed"},
        {"queue_delayed_work": {"work": "timed", "delay": "1s"}}, {"flush_workqueue": "q"}, {"mark": "timer flushed"},
        {"usleep": "1ms"}, {"loop": 3, "do": [{"queue_work": {"work": "a", "cpu": 1}}]},
        {"flush_workqueue": "q"}, {"mark": "flushed"}]},
      "g": {"do": [{"usleep": "20ms"}, {"queue_work": {"work": "late", "cpu": 1}}]}})");
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  CHECK(run.mark("empty flushed") - run.mark("empty") < kMs / 10);
  CHECK(run.mark("timer flushed") < kMs);
  CHECK(run.mark("timed") >= 1'000 * kMs);
  CHECK(run.mark("flushed") > 60 * kMs);  // those that max_active holds back count
  CHECK(run.mark("flushed") < run.mark("late end"));
}
