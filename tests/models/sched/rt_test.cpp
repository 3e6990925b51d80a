// Real-time tasks on a machine (kernel/sched/rt.c) and the fair server that keeps them from
// starving the fair class (kernel/sched/deadline.c).
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

}  // namespace

TEST_CASE("FIFO: equal priorities run in order, none preempts the other", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1}, "tasks": {
    "a": {"cpu": 0, "policy": "fifo:5", "do": [{"usleep": "5ms"}, {"run": "300ms"}, {"mark": "a"}]},
    "b": {"cpu": 0, "policy": "fifo:5", "do": [{"usleep": "6ms"}, {"run": "1ms"}, {"mark": "b"}]},
    "c": {"cpu": 0, "policy": "fifo:5", "do": [{"usleep": "7ms"}, {"run": "1ms"}, {"mark": "c"}]},
    "d": {"cpu": 0, "policy": "fifo:6", "do": [{"usleep": "8ms"}, {"run": "1ms"}, {"mark": "d"}]}})");
  CHECK(violations(run) == "");
  std::string order;
  for (const auto& [time, mark] : run.marks) order += mark;
  CHECK(order == "dabc");
  CHECK(run.mark("d") < 10 * kMs);
  CHECK(run.mark("b") > run.mark("a"));
}

TEST_CASE("RR: equal priorities take turns of 100 ms", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "900ms", "machine": {"cpus": 1}, "tasks": {
    "a": {"cpu": 0, "policy": "rr:5", "do": [{"run": "9s"}]},
    "b": {"cpu": 0, "policy": "rr:5", "do": [{"run": "9s"}]}})");
  CHECK(violations(run) == "");
  sim::Time last = 0;
  unsigned turns = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_switch")) {
    const bool turn =
        line->text_of("prev_comm").size() == 1 && line->text_of("next_comm").size() == 1;
    if (!turn || line->time < 50 * kMs) continue;
    if (last != 0) CHECK(line->time - last == 100 * kMs);
    last = line->time;
    ++turns;
  }
  CHECK(turns == 8);
}

TEST_CASE("a preempted real-time task stays first, a yielding one goes last", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1}, "tasks": {
    "a": {"cpu": 0, "policy": "fifo:5", "do": [{"usleep": "5ms"}, {"run": "10ms"}, {"mark": "a1"},
      "yield", {"mark": "a2"}]},
    "b": {"cpu": 0, "policy": "fifo:5", "do": [{"usleep": "6ms"}, {"mark": "b"}]},
    "d": {"cpu": 0, "policy": "fifo:6", "do": [{"usleep": "8ms"}, {"run": "1ms"}, {"mark": "d"}]}})");
  CHECK(violations(run) == "");
  std::string order;
  for (const auto& [time, mark] : run.marks) order += mark + " ";
  CHECK(order == "d a1 b a2 ");
}

TEST_CASE("becoming less important queues in front of the new equals", "[sched][rt]") {
  // "a" falls from 7 to 5 and goes on; "c" rises from 3 to 5 and waits for its turn.
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1}, "tasks": {
    "a": {"cpu": 0, "policy": "fifo:7", "do": [{"usleep": "5ms"}, {"run": "4ms"},
      {"sched_setscheduler": {"thread": "c", "policy": "fifo:5"}},
      {"sched_setscheduler": {"thread": "a", "policy": "fifo:5"}}, {"run": "1ms"}, {"mark": "a"}]},
    "b": {"cpu": 0, "policy": "fifo:5", "do": [{"usleep": "6ms"}, {"run": "1ms"}, {"mark": "b"}]},
    "c": {"cpu": 0, "policy": "fifo:3", "do": [{"usleep": "4ms"}, {"run": "9ms"}, {"mark": "c"}]}})");
  CHECK(violations(run) == "");
  std::string order;
  for (const auto& [time, mark] : run.marks) order += mark;
  CHECK(order == "abc");
}

TEST_CASE("a woken real-time task is pushed to a CPU with less important work", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "tasks": {
    "hog": {"cpu": 0, "policy": "fifo:9", "do": [{"usleep": "5ms"}, {"run": "50ms"}]},
    "fair": {"cpu": 1, "do": [{"run": "50ms"}]},
    "mover": {"cpus": "0-1", "policy": "fifo:4", "do": [
      {"usleep": "20ms"}, {"run": "2ms"}, {"mark": "first"}, {"usleep": "10ms"}, {"mark": "second"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("first") < 23 * kMs);
  CHECK(run.mark("second") < 33 * kMs);
  CHECK(run.task("mover").cpu == 1);
}

TEST_CASE("a CPU that runs out of real-time work pulls some", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "tasks": {
    "a": {"cpu": 0, "policy": "fifo:9", "do": [{"usleep": "5ms"}, {"run": "50ms"}]},
    "b": {"cpu": 1, "policy": "fifo:9", "do": [{"usleep": "5ms"}, {"run": "20ms"}, {"mark": "free"}]},
    "c": {"cpus": "0-1", "policy": "fifo:4", "do": [{"usleep": "8ms"}, {"mark": "c"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("c") > run.mark("free"));
  CHECK(run.mark("c") < run.mark("free") + kMs);
}

TEST_CASE("the fair server gives 50 ms in each second, first after 950 ms", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "3500ms", "machine": {"cpus": 1}, "tasks": {
    "hog": {"cpu": 0, "policy": "fifo:9", "do": [{"run": "9s"}]},
    "fair": {"cpu": 0, "do": [{"run": "9s"}]}})");
  CHECK(violations(run) == "");
  std::vector<std::pair<sim::Time, sim::Time>> slots;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_switch")) {
    if (line->time < 100 * kMs) continue;
    if (line->text_of("next_comm") == "fair") slots.emplace_back(line->time, 0);
    if (line->text_of("prev_comm") == "fair" && !slots.empty())
      slots.back().second = line->time - slots.back().first;
  }
  REQUIRE(slots.size() == 3);
  CHECK(slots[0].first > 945 * kMs);
  CHECK(slots[0].first < 960 * kMs);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    CAPTURE(i, slots[i].first);
    CHECK(slots[i].second > 45 * kMs);
    CHECK(slots[i].second < 55 * kMs);
    if (i != 0) CHECK(slots[i].first - slots[i - 1].first < 1060 * kMs);
  }
}

TEST_CASE("real-time tasks and stoppers are charged by sched_stat_runtime", "[sched][rt]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1}, "tasks": {
    "a": {"cpu": 0, "policy": "fifo:5", "do": [{"run": "10ms"}]}})");
  sim::Time charged = 0;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_stat_runtime", "comm", "a"))
    charged += line->number_of("runtime");
  CHECK(charged == run.task("a").runtime);
  CHECK(charged >= 10 * kMs);
}
