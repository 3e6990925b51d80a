// Load balancing (kernel/sched/fair.c): waiting tasks come to idle CPUs, if they may.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

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

TEST_CASE("a task that runs is pushed to an idle cache by the stopper", "[sched][balance]") {
  // Four hogs on the four CPUs of one cache, the other cache idle: nobody waits, so that nothing
  // can be pulled until passes have failed often enough.
  std::string tasks;
  std::string release;
  for (int i = 0; i < 4; ++i) {
    tasks += fmt::format(R"({}"hog{}": {{"cpu": {}, "do": [{{"run": "1s"}}]}})", i == 0 ? "" : ", ",
                         i, i);
    release += fmt::format(R"(, {{"set_cpus_allowed": {{"thread": "hog{}", "cpus": "0-7"}}}})", i);
  }
  const Run run = run_keys(fmt::format(R"("duration": "600ms",
      "machine": {{"cpus": 8, "llc": ["0-3", "4-7"]}}, "tasks": {{{}}},
      "events": [{{"t": "10ms", "do": [{{"mark": "go"}}{}]}}])",
                                       tasks, release));
  CHECK(violations(run) == "");
  const std::vector<int> cpus = places(run);
  CHECK(std::ranges::count_if(cpus, [](int cpu) { return cpu >= 4; }) == 2);
  int pushed = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_migrate_task")) {
    if (line->time < run.mark("go") || !line->text_of("comm").starts_with("hog")) continue;
    CHECK(line->comm.starts_with("migration/"));
    ++pushed;
  }
  CHECK(pushed == 2);
}

TEST_CASE("a CPU that finds its domain even looks half as often", "[sched][balance]") {
  // A domain of two CPUs: 2 ms, 16 times that if busy and a tick less, then twice as long.
  const Run run = run_keys(R"("duration": "500ms", "machine": {"cpus": 2}, "tasks": {
    "a": {"cpu": 0, "do": [{"run": "1s"}]}, "b": {"cpu": 1, "do": [{"run": "1s"}]}})");
  std::vector<sim::Time> gaps;
  sim::Time last = -1;
  for (const support::TraceLine* line : lines_of(run.trace, "softirq_entry")) {
    if (line->cpu != 1 || line->payload.find("SCHED") == std::string::npos) continue;
    if (last >= 0) gaps.push_back((line->time - last + kMs / 2) / kMs);
    last = line->time;
  }
  REQUIRE(gaps.size() >= 3);
  CHECK(gaps.back() == 60);
  CHECK(std::ranges::is_sorted(gaps));
}
