// kernel/sched/core.c: try_to_wake_up: what a wakeup leaves in the trace and when it does nothing.
#include <catch2/catch.hpp>

#include "tests/support/run_scenario.hpp"

namespace {

using support::lines_of;
using support::Run;
using support::run_keys;
using support::TraceLine;

const char* const kRemoteWake = R"("duration": "idle", "machine": {"cpus": 2},
  "kthreads": {
    "sleeper": {"cpu": 1, "do": [{"set_state": "TASK_INTERRUPTIBLE"}, "schedule", {"mark": "up"}]},
    "waker": {"cpu": 0, "do": [{"usleep": "10ms"}, {"mark": "go"}, {"wake": "sleeper"}]}})";

/// The first line of an event behind a time.
const TraceLine& first_after(const Run& run, sim::Time time, std::string_view event,
                             std::string_view key = {}, std::string_view value = {}) {
  for (const TraceLine* line : lines_of(run.trace, event, key, value)) {
    if (line->time >= time) return *line;
  }
  FAIL("no " << event << " after " << time);
  throw std::runtime_error("unreachable");
}

}  // namespace

TEST_CASE("a remote wakeup of an idle CPU that polls needs no interrupt", "[sched][wakeup]") {
  const Run run = run_keys(kRemoteWake);
  CHECK(violations(run) == "");
  const sim::Time go = run.mark("go");
  const TraceLine& waking = first_after(run, go, "sched_waking", "comm", "sleeper");
  const TraceLine& poked = first_after(run, go, "sched_wake_idle_without_ipi", "cpu", "1");
  const TraceLine& wakeup = first_after(run, go, "sched_wakeup", "comm", "sleeper");
  const TraceLine& in = first_after(run, go, "sched_switch", "next_comm", "sleeper");
  CHECK(waking.number < poked.number);
  CHECK(poked.number < wakeup.number);
  CHECK(wakeup.number < in.number);
  CHECK(waking.cpu == 0);
  CHECK(wakeup.cpu == 1);  // off the wake list
  CHECK(wakeup.in_task());
  CHECK(in.time - waking.time < 10'000);
}

TEST_CASE("a remote wakeup of a halted CPU takes a call-function interrupt", "[sched][wakeup]") {
  const Run run = run_keys(kRemoteWake, {.mwait_idle = false});
  CHECK(violations(run) == "");
  const sim::Time go = run.mark("go");
  const TraceLine& sent = first_after(run, go, "ipi_send_cpu", "cpu", "1");
  CHECK(sent.text_of("callback") == "generic_smp_call_function_single_interrupt");
  const TraceLine& wakeup = first_after(run, go, "sched_wakeup", "comm", "sleeper");
  CHECK(wakeup.cpu == 1);
  CHECK(wakeup.in_hardirq());
  CHECK(lines_of(run.trace, "sched_wake_idle_without_ipi").empty());
}

TEST_CASE("a wakeup on the own CPU is queued by the waker", "[sched][wakeup]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 1}, "kthreads": {
    "sleeper": {"cpu": 0, "do": [{"set_state": "TASK_IDLE"}, "schedule", {"mark": "up"}]},
    "waker": {"cpu": 0, "do": [{"usleep": "10ms"}, {"mark": "go"}, {"wake": "sleeper"}]}})");
  CHECK(violations(run) == "");
  const TraceLine& wakeup = first_after(run, run.mark("go"), "sched_wakeup", "comm", "sleeper");
  CHECK(wakeup.comm == "waker");
  CHECK(lines_of(run.trace, "ipi_send_cpu").empty());
  const TraceLine& out = *lines_of(run.trace, "sched_switch", "prev_comm", "sleeper").at(1);
  CHECK(out.text_of("prev_state") == "I");
}

TEST_CASE("a wakeup does nothing to who runs, is parked or is dead", "[sched][wakeup]") {
  const Run run = run_keys(R"JSON("duration": "idle", "machine": {"cpus": 3}, "kthreads": {
    "runs": {"cpu": 1, "do": [{"run": "20ms"}]},
    "parked": {"cpu": 2, "do": [{"while": "!should_stop()", "do": [
      {"if": "should_park()", "then": ["parkme"]},
      {"set_state": "TASK_INTERRUPTIBLE"},
      {"if": "!should_park() && !should_stop()", "then": ["schedule"]},
      {"set_state": "TASK_RUNNING"}]}]},
    "waker": {"cpu": 0, "do": [
      {"usleep": "5ms"}, {"mark": "a"}, {"wake": "runs"},
      {"kthread_park": "parked"}, {"mark": "b"}, {"wake": "parked"}, {"mark": "c"},
      {"kthread_unpark": "parked"}, {"kthread_stop": "parked"},
      {"usleep": "30ms"}, {"mark": "d"}, {"wake": "runs"}, {"mark": "e"}]}})JSON");
  CHECK(violations(run) == "");
  std::vector<std::string> returns;
  for (const TraceLine* line : lines_of(run.trace, "return")) {
    if (line->payload.starts_with("wake(")) returns.push_back(line->payload);
  }
  CHECK(returns ==
        std::vector<std::string>{"wake(runs) = 0", "wake(parked) = 0", "wake(runs) = 0"});
  for (const TraceLine* line : lines_of(run.trace, "sched_waking", "comm", "runs")) {
    CHECK(line->time < run.mark("a"));
  }
  for (const TraceLine* line : lines_of(run.trace, "sched_waking", "comm", "parked")) {
    CHECK_FALSE((line->time >= run.mark("b") && line->time < run.mark("c")));
  }
}

TEST_CASE("a sleeper that is woken before it blocks does not block", "[sched][wakeup]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "kthreads": {
    "sleeper": {"cpu": 1, "do": [{"usleep": "5ms"}, {"set_state": "TASK_UNINTERRUPTIBLE"},
      {"mark": "stored"}, {"run": "2ms"}, "schedule", {"mark": "past"}]},
    "waker": {"cpu": 0, "do": [{"usleep": "6ms"}, {"mark": "go"}, {"wake": "sleeper"}]}})");
  CHECK(violations(run) == "");
  const sim::Time go = run.mark("go");
  REQUIRE(go > run.mark("stored"));
  const TraceLine& wakeup = first_after(run, go, "sched_wakeup", "comm", "sleeper");
  CHECK(wakeup.cpu == 0);
  CHECK(wakeup.time < run.mark("past"));
  const TraceLine& out = first_after(run, go, "sched_switch", "prev_comm", "sleeper");
  CHECK(out.text_of("prev_state") == "X");
}

TEST_CASE("a wakeup before the state is stored is lost", "[sched][wakeup]") {
  const Run run = run_keys(R"("duration": "idle", "machine": {"cpus": 2}, "kthreads": {
    "sleeper": {"cpu": 1, "do": [{"usleep": "5ms"}, {"run": "2ms"},
      {"set_state": "TASK_UNINTERRUPTIBLE"}, "schedule", {"mark": "past"}]},
    "waker": {"cpu": 0, "do": [{"usleep": "6ms"}, {"wake": "sleeper"}]}})");
  CHECK(violations(run) == "");
  CHECK(run.marks.empty());
  CHECK(run.task("sleeper").state == kt::sched::kTaskUninterruptible);
}
