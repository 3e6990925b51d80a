// Changing affinity, policy and nice value of tasks that run, wait or sleep (kernel/sched/core.c:
// affine_move_task; kernel/sched/syscalls.c).
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;

/// The migrations of a task behind a time.
std::vector<const support::TraceLine*> migrations(const Run& run, std::string_view comm,
                                                  sim::Time since) {
  std::vector<const support::TraceLine*> lines;
  for (const support::TraceLine* line : lines_of(run.trace, "sched_migrate_task", "comm", comm)) {
    if (line->time >= since) lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("a running task is moved by the stopper of its CPU", "[sched][affinity]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 3}, "tasks": {
      "mover": {"cpus": "1-1", "do": [{"run": "30ms"}]}}, "kthreads": {
      "setter": {"cpu": 0, "do": [{"usleep": "10ms"}, {"mark": "go"},
        {"set_cpus_allowed": {"thread": "mover", "cpus": "2-2"}}, {"mark": "done"}]}})");
  CHECK(violations(run) == "");
  const sim::Time go = run.mark("go");
  const auto moved = migrations(run, "mover", go);
  REQUIRE(moved.size() == 1);
  CHECK(moved[0]->comm == "migration/1");
  CHECK(moved[0]->cpu == 1);
  CHECK(moved[0]->number_of("dest_cpu") == 2);
  CHECK(moved[0]->time < run.mark("done"));
  CHECK(run.mark("done") - go < 50'000);
  CHECK(run.task("mover").cpu == 2);
}

TEST_CASE("a queued task is moved by the caller, a sleeping one at its wakeup",
          "[sched][affinity]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 3}, "tasks": {
      "hog": {"cpus": "1-1", "policy": "fifo:1", "do": [{"run": "30ms"}]},
      "queued": {"cpus": "1-1", "policy": "batch", "do": [{"usleep": "1ms"}, {"run": "20ms"}]}},
      "kthreads": {
      "sleeper": {"cpus": "0-0", "do": [{"msleep": "140ms"}, {"mark": "up"}]},
      "setter": {"cpu": 0, "do": [{"usleep": "10ms"}, {"mark": "go"},
        {"set_cpus_allowed": {"thread": "queued", "cpus": "2-2"}},
        {"set_cpus_allowed": {"thread": "sleeper", "cpus": "1-2"}}, {"mark": "done"}]}})");
  CHECK(violations(run) == "");
  const sim::Time go = run.mark("go");
  const auto moved = migrations(run, "queued", go);
  REQUIRE(moved.size() == 1);
  CHECK(moved[0]->comm == "setter");
  CHECK(moved[0]->time < run.mark("done"));
  const auto slept = migrations(run, "sleeper", go);
  REQUIRE(slept.size() == 1);
  CHECK(slept[0]->time > 140 * kMs);  // when the FIFO task no longer counts against CPU 1
  CHECK(slept[0]->time < run.mark("up"));
  CHECK(lines_of(run.trace, "sched_switch", "next_comm", "migration/1").empty());
}

TEST_CASE("a task that moves itself goes on elsewhere", "[sched][affinity]") {
  for (const char* preempt : {"none", "full"}) {
    CAPTURE(preempt);
    const Run run =
        run_keys(std::string(R"("kernel": {"boot": "minimal", "preempt": ")") + preempt +
                 R"("}, "duration": "idle", "machine": {"cpus": 2}, "tasks": {
      "self": {"cpus": "0-0", "do": [{"run": "5ms"},
        {"set_cpus_allowed": {"thread": "self", "cpus": "1-1"}}, {"mark": "moved"}, {"run": "1ms"}]}})");
    CHECK(violations(run) == "");
    CHECK(run.mark("moved") < 6 * kMs);
    CHECK(run.task("self").cpu == 1);
  }
}

TEST_CASE("a queued task that becomes real-time preempts", "[sched][policy]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "tasks": {
      "hog": {"cpu": 1, "policy": "fifo:1", "do": [{"run": "30ms"}]},
      "fair": {"cpu": 1, "do": [{"run": "1ms"}, {"mark": "fair"}]}}, "kthreads": {
      "setter": {"cpu": 0, "do": [{"usleep": "10ms"}, {"mark": "go"},
        {"sched_setscheduler": {"thread": "fair", "policy": "fifo:2"}}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("fair") > run.mark("go") + kMs);
  CHECK(run.mark("fair") < run.mark("go") + kMs + kMs / 10);
}

TEST_CASE("a running real-time task that becomes fair gives way", "[sched][policy]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "tasks": {
      "a": {"cpu": 1, "policy": "fifo:3", "do": [{"run": "30ms"}, {"mark": "a"}]},
      "b": {"cpu": 1, "policy": "fifo:2", "do": [{"run": "1ms"}, {"mark": "b"}]}}, "kthreads": {
      "setter": {"cpu": 0, "do": [{"usleep": "10ms"}, {"mark": "go"},
        {"sched_setscheduler": {"thread": "a", "policy": "normal"}}]}})");
  CHECK(violations(run) == "");
  CHECK(run.mark("b") < run.mark("go") + 2 * kMs);
  CHECK(run.mark("b") < run.mark("a"));
}

TEST_CASE("a nice change takes effect on the running, the queued and the sleeping",
          "[sched][policy]") {
  const Run run = run_keys(R"("duration": "3s", "machine": {"cpus": 2}, "tasks": {
      "a": {"cpu": 1, "do": [{"run": "9s"}]},
      "b": {"cpu": 1, "do": [{"msleep": "20ms"}, {"run": "9s"}]}}, "kthreads": {
      "setter": {"cpu": 0, "do": [{"usleep": "5ms"}, {"set_user_nice": {"thread": "b", "nice": -5}},
        {"usleep": "50ms"}, {"set_user_nice": {"thread": "a", "nice": 5}},
        {"set_user_nice": {"thread": "b", "nice": 0}}]}})");
  CHECK(violations(run) == "");
  const auto times = support::on_cpu_times(run.trace, run.end);
  const auto a = static_cast<double>(times.at("a"));
  const auto b = static_cast<double>(times.at("b"));
  CHECK(b / (a + b) == Approx(0.7535).margin(0.02));
  CHECK(lines_of(run.trace, "sched_wakeup", "comm", "b").back()->text_of("prio") == "115");
}
