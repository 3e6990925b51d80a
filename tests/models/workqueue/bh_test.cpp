#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

using support::Run;
using support::run_keys;

// The queueing and the wakeup share one interrupt, or the flag of a CPU that polls.
TEST_CASE("a BH work for an idle CPU is not lost to a wakeup on its way there", "[workqueue]") {
  for (int delay = 0; delay <= 2'000; delay += 20) {
    CAPTURE(delay);
    const Run run = run_keys(fmt::format(R"("duration": "20ms", "machine": {{"cpus": 2}},
      "workqueues": {{"bh": {{"flags": ["WQ_BH"]}}}},
      "works": {{"w": {{"workqueue": "bh", "do": [{{"mark": "ran"}}]}}}},
      "kthreads": {{
        "sleeper": {{"cpu": 1, "do": [{{"set_state": "TASK_UNINTERRUPTIBLE"}}, "schedule"]}},
        "a": {{"cpu": 0, "do": [{{"usleep": "2ms"}}, {{"wake": "sleeper"}}, {{"run": "{}ns"}},
          {{"queue_work": {{"work": "w", "cpu": 1}}}}]}}}})",
                                         delay));
    REQUIRE(run.marks.size() == 1);
    CHECK(support::violations(run) == "");
  }
}

TEST_CASE("at most ten BH works run in one softirq, one after the other", "[workqueue]") {
  std::string queueing;
  for (int i = 0; i < 25; ++i) queueing += fmt::format(R"(, {{"queue_work": "w/{}"}})", i);
  const Run run = run_keys(fmt::format(R"("duration": "20ms", "machine": {{"cpus": 1}},
    "workqueues": {{"bh": {{"flags": ["WQ_BH"]}}}},
    "works": {{"w": {{"workqueue": "bh", "count": 25, "do": [{{"run": "1us"}}]}}}},
    "kthreads": {{"a": {{"cpu": 0, "do": [{{"run": "1us"}}{}]}}}})",
                                       queueing));
  std::vector<int> runs;
  for (const support::TraceLine& line : run.trace.lines) {
    if (line.event == "softirq_entry" && line.number_of("vec") == 6) runs.push_back(0);
    if (line.event == "workqueue_execute_start") ++runs.back();
  }
  CHECK(runs == std::vector<int>{10, 10, 5});
  CHECK(support::violations(run) == "");
}
