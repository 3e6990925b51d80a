// Where a task wakes up (kernel/sched/fair.c: select_task_rq_fair).
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

/// Where the task was put by its first wakeup behind a mark.
std::int64_t placed(const Run& run, std::string_view comm, std::string_view mark) {
  for (const support::TraceLine* line : lines_of(run.trace, "sched_wakeup", "comm", comm)) {
    if (line->time >= run.mark(mark)) return line->number_of("target_cpu");
  }
  return -1;
}

/// "sleeper" blocks on CPU `prev`; then CPUs `busy` get hogs; then "waker" on CPU 0 wakes it.
Run wake_with(std::string_view machine, int prev, const std::vector<int>& busy) {
  std::string hogs;
  for (int cpu : busy) {
    hogs += fmt::format(
        R"(, "hog{}": {{"cpu": {}, "do": [{{"usleep": "5ms"}}, {{"run": "20ms"}}]}})", cpu, cpu);
  }
  return run_keys(fmt::format(
      R"("duration": "idle", "machine": {}, "completions": ["c"], "tasks": {{
      "sleeper": {{"cpus": "{}-{}", "do": [{{"wait_for_completion": "c"}}, {{"run": "1ms"}}]}}{}}},
      "kthreads": {{"waker": {{"cpu": 0, "do": [{{"usleep": "3ms"}},
        {{"set_cpus_allowed": {{"thread": "sleeper", "cpus": "0-7"}}}},
        {{"usleep": "7ms"}}, {{"run": "10us"}}, {{"mark": "go"}}, {{"complete": "c"}}]}}}})",
      machine, prev, prev, hogs));
}

}  // namespace

TEST_CASE("an idle previous CPU is kept", "[sched][select]") {
  const Run run = wake_with(R"({"cpus": 8})", 3, {});
  CHECK(violations(run) == "");
  CHECK(placed(run, "sleeper", "go") == 3);
}

TEST_CASE("a busy previous CPU is left for an idle one of the same cache", "[sched][select]") {
  const Run run = wake_with(R"({"cpus": 8, "llc": ["0-3", "4-7"]})", 2, {2});
  CHECK(violations(run) == "");
  const std::int64_t cpu = placed(run, "sleeper", "go");
  CHECK((cpu == 1 || cpu == 3));
}

TEST_CASE("the search for an idle CPU does not leave the cache", "[sched][select]") {
  const Run run = wake_with(R"({"cpus": 8, "llc": ["0-3", "4-7"]})", 2, {1, 2, 3});
  CHECK(violations(run) == "");
  const std::int64_t cpu = placed(run, "sleeper", "go");
  CHECK(cpu >= 0);
  CHECK(cpu <= 3);
}

TEST_CASE("a core whose threads all idle comes first", "[sched][select]") {
  // Cores 0-1, 2-3, 4-5, 6-7. The previous CPU 2 is busy, and so are 1 and 4: 6-7 idle wholly.
  const Run run = wake_with(R"({"cpus": 8, "smt": 2})", 2, {1, 2, 4});
  CHECK(violations(run) == "");
  CHECK(placed(run, "sleeper", "go") == 6);
}

TEST_CASE("a bound kernel thread wakes its submitter in place", "[sched][select]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 4}, "completions": ["c", "d"],
    "tasks": {"submitter": {"cpus": "1-1", "do": [{"usleep": "1ms"},
      {"set_cpus_allowed": {"thread": "submitter", "cpus": "0-3"}},
      {"usleep": "1ms"}, {"complete": "c"}, {"wait_for_completion": "d"}, {"run": "1ms"}]}},
    "kthreads": {"worker": {"cpu": 1, "do": [{"wait_for_completion": "c"}, {"run": "100us"},
      {"mark": "go"}, {"complete": "d"}]}})");
  CHECK(violations(run) == "");
  CHECK(placed(run, "submitter", "go") == 1);
}

TEST_CASE("new threads spread over idle CPUs", "[sched][select]") {
  const Run run = run_keys(R"("duration": "50ms", "machine": {"cpus": 4}, "kthreads": {
    "a": {"do": [{"run": "1s"}]}, "b": {"do": [{"run": "1s"}]}, "c": {"do": [{"run": "1s"}]}})");
  CHECK(violations(run) == "");
  std::vector<int> cpus{run.task("a").cpu, run.task("b").cpu, run.task("c").cpu};
  std::sort(cpus.begin(), cpus.end());
  CHECK(std::unique(cpus.begin(), cpus.end()) == cpus.end());
  CHECK(lines_of(run.trace, "sched_wakeup_new", "comm", "a").size() == 1);
  for (const char* comm : {"a", "b", "c"}) CHECK(run.task(comm).runtime > 40 * kMs);
}
