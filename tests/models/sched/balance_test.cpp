// Load balancing (kernel/sched/fair.c): waiting tasks come to idle CPUs, if they may.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using support::lines_of;
using support::Run;
using support::run_keys;

using sim::kMs;

/// Four hogs that start on CPU 0; at 10 ms they are allowed on `cpus`.
Run crowd(std::string_view cpus, std::string_view machine) {
  std::string tasks;
  std::string release;
  for (int i = 0; i < 4; ++i) {
    tasks += fmt::format(R"({}"hog{}": {{"cpus": "0-0", "do": [{{"run": "1s"}}]}})",
                         i == 0 ? "" : ", ", i);
    release +=
        fmt::format(R"(, {{"set_cpus_allowed": {{"thread": "hog{}", "cpus": "{}"}}}})", i, cpus);
  }
  return run_keys(fmt::format(R"("duration": "300ms", "machine": {}, "tasks": {{{}}},
      "events": [{{"t": "10ms", "do": [{{"mark": "go"}}{}]}}])",
                              machine, tasks, release));
}

std::vector<int> places(const Run& run) {
  std::vector<int> cpus;
  for (int i = 0; i < 4; ++i) cpus.push_back(run.task(fmt::format("hog{}", i)).cpu);
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

}  // namespace

TEST_CASE("idle CPUs pull from a crowded one", "[sched][balance]") {
  for (const char* machine : {R"({"cpus": 4})", R"({"cpus": 4, "smt": 2})",
                              R"({"cpus": 4, "nodes": [{"cpus": "0-1"}, {"cpus": "2-3"}]})"}) {
    CAPTURE(machine);
    const Run run = crowd("0-3", machine);
    CHECK(violations(run) == "");
    CHECK(places(run) == std::vector<int>{0, 1, 2, 3});
    for (const support::TraceLine* line : lines_of(run.trace, "sched_migrate_task")) {
      const bool hog = line->text_of("comm").starts_with("hog");
      if (hog && line->time > 150 * kMs) CHECK(line->text == "no migration when all is even");
    }
  }
}

TEST_CASE("pinned tasks are never pulled", "[sched][balance]") {
  const Run run = crowd("0-0", R"({"cpus": 4})");
  CHECK(violations(run) == "");
  CHECK(places(run) == std::vector<int>{0, 0, 0, 0});
}

TEST_CASE("a task that ran just now is too hot to be pulled by a busy machine",
          "[sched][balance]") {
  const Run run = crowd("0-1", R"({"cpus": 4})");
  CHECK(violations(run) == "");
  CHECK(places(run) == std::vector<int>{0, 0, 1, 1});
  for (const support::TraceLine* line : lines_of(run.trace, "sched_migrate_task")) {
    if (line->time < run.mark("go") || !line->text_of("comm").starts_with("hog")) continue;
    sim::Time last_ran = 0;
    for (const support::TraceLine& earlier : run.trace.lines) {
      if (earlier.number >= line->number) break;
      if (earlier.event == "sched_switch" && earlier.text_of("prev_comm") == line->text_of("comm"))
        last_ran = earlier.time;
    }
    CHECK(line->time - last_ran >= kMs / 2);
  }
}

TEST_CASE("a CPU whose last sleeper is delayed looks for work before it idles",
          "[sched][balance]") {
  // Both tasks of CPU 1 sleep in debt at times; CPU 0 always has one too many.
  const Run run = run_keys(R"("duration": "400ms", "machine": {"cpus": 2}, "tasks": {
    "a": {"cpu": 0, "do": [{"run": "1s"}]}, "b": {"cpu": 0, "do": [{"run": "1s"}]},
    "c": {"do": [{"run": "1s"}]},
    "d": {"cpu": 1, "do": [{"loop": 400, "do": [{"run": "700us"}, {"usleep": "300us"}]}]},
    "e": {"cpu": 1, "do": [{"loop": 400, "do": [{"run": "300us"}, {"usleep": "900us"}]}]}})");
  CHECK(violations(run) == "");
  const auto times = support::on_cpu_times(run.trace, run.end);
  CHECK(times.at("a") + times.at("b") + times.at("c") > 400 * kMs);
}
