#include "tools/run/stuck.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>

#include "tests/run/simulate.hpp"
#include "tools/run/report_text.hpp"

using Catch::Contains;
using Catch::StartsWith;
using kt::run::Ending;
using kt::run::Report;
using kt::run::Sleeper;
using support::simulate;

namespace {

const Sleeper& sleeper(const Report& report, const std::string& name) {
  for (const Sleeper& candidate : report.stuck.sleepers) {
    if (candidate.name == name) return candidate;
  }
  FAIL("no sleeper " << name);
  return report.stuck.sleepers.front();
}

// The wake hits between the waiter's test and its sleep.
const std::string kLostWakeup = R"("variables": {"flag": 0}, "kthreads": {
  "waiter": {"cpu": 1, "do": [{"usleep": "1ms"}, {"if": "flag == 0", "then": [
     {"stall": "200us"}, {"set_state": "TASK_INTERRUPTIBLE"}, "schedule"]}]},
  "waker": {"cpu": 2, "do": [{"usleep": "1ms"}, {"stall": "100us"}, {"set": "flag = 1"}, {"wake": "waiter"}]}})";

}  // namespace

TEST_CASE("a lost wakeup is named with the wake that found the thread awake", "[stuck]") {
  const std::string duration = GENERATE("idle", "10ms");
  const Report report = simulate(duration, kLostWakeup);
  CHECK(report.defect);
  CHECK(report.nothing_since != sim::kNever);
  const Sleeper& waiter = sleeper(report, "waiter");
  CHECK(waiter.state == 'S');
  REQUIRE(waiter.lost);
  CHECK(waiter.lost->waker == "waker");
  CHECK(waiter.lost->time <= waiter.since);
  CHECK_THAT(waiter.where, Contains("/kthreads/waiter/do/1/then/2"));
  REQUIRE(waiter.wakers.size() == 1);
  CHECK(waiter.wakers[0].statement == "wake");
  CHECK(waiter.wakers[0].who == "waker");
  CHECK(waiter.wakers[0].fate == "has exited");
  CHECK_THAT(waiter.wakers[0].where, Contains("/kthreads/waker/do/3"));
  CHECK_THAT(report_text(report), Contains("found it awake"));
}

// Woken while awake, it tests again before it sleeps: nothing is lost.
TEST_CASE("a wakeup before the last test is not lost", "[stuck]") {
  const Report report = simulate("10ms", R"("variables": {"flag": 0}, "kthreads": {
    "server": {"cpu": 0, "do": [{"loop": null, "do": [
       {"set_state": "TASK_INTERRUPTIBLE"},
       {"if": "flag == 0", "then": ["schedule"]},
       {"__set_state": "TASK_RUNNING"}, {"set": "flag = 0"}, {"stall": "200us"}]}]},
    "client": {"cpu": 1, "do": [{"loop": 2, "do": [
       {"set": "flag = 1"}, {"wake": "server"}, {"stall": "100us"}]}]}})");
  REQUIRE(report.nothing_since != sim::kNever);
  CHECK_FALSE(sleeper(report, "server").lost);
  CHECK_FALSE(report.defect);
}

TEST_CASE("mutexes taken in opposite order are a cycle", "[stuck]") {
  const Report report = simulate("idle", R"("mutexes": ["a", "b"], "kthreads": {
    "left": {"cpu": 1, "do": [{"usleep": "1ms"}, {"lock": "a"}, {"usleep": "1ms"}, {"lock": "b"}]},
    "right": {"cpu": 2, "do": [{"usleep": "1ms"}, {"lock": "b"}, {"usleep": "2ms"}, {"lock": "a"}]}})");
  CHECK(report.defect);
  REQUIRE(report.stuck.cycles.size() == 1);
  CHECK(report.stuck.cycles[0].size() == 2);
  CHECK(sleeper(report, "left").state == 'D');
  CHECK_THAT(sleeper(report, "left").waits_for, StartsWith("mutex b, held by right"));
  REQUIRE(sleeper(report, "left").wakers.empty());  // right does not unlock b
  CHECK_THAT(report_text(report), Contains("deadlock:"));
}

// It spins: the owner runs, since it is the owner.
TEST_CASE("a mutex taken twice is a cycle of one", "[stuck]") {
  const Report report = simulate(
      "idle", R"("mutexes": ["m"], "kthreads": {"k": {"do": [{"lock": "m"}, {"lock": "m"}]}})");
  REQUIRE(report.stuck.cycles.size() == 1);
  CHECK(report.stuck.cycles[0].size() == 1);
}

TEST_CASE("stopping a thread while holding what it waits for is a cycle", "[stuck]") {
  const Report report = simulate("idle", R"("mutexes": ["m"], "kthreads": {
    "victim": {"cpu": 0, "do": [{"usleep": "1ms"}, {"lock": "m"}]},
    "stopper": {"cpu": 1, "do": [{"lock": "m"}, {"stall": "3ms"}, {"kthread_stop": "victim"}]}})");
  REQUIRE(report.stuck.cycles.size() == 1);
  CHECK(report.stuck.cycles[0].size() == 2);
  CHECK_THAT(sleeper(report, "stopper").waits_for, StartsWith("the exit of victim"));
}

TEST_CASE("spinlocks taken in opposite order are found before a watchdog is", "[stuck]") {
  const Report report = simulate("10ms", R"("spinlocks": ["a", "b"], "kthreads": {
    "left": {"cpu": 1, "do": [{"usleep": "1ms"}, {"spin_lock": "a"}, {"stall": "1ms"}, {"spin_lock": "b"}]},
    "right": {"cpu": 2, "do": [{"usleep": "1ms"}, {"spin_lock": "b"}, {"stall": "1ms"}, {"spin_lock": "a"}]}})");
  CHECK(report.ending == Ending::kDone);
  CHECK(report.defect);
  CHECK(report.stuck.cycles.size() == 1);
  REQUIRE(report.stuck.busy.size() == 2);
  CHECK_THAT(report.stuck.busy[0].spins_for, StartsWith("spinlock b, held by right"));
}

TEST_CASE("a mutex whose owner has exited is a defect", "[stuck]") {
  const Report report = simulate("idle", R"("mutexes": ["m"], "kthreads": {
    "leaver": {"cpu": 0, "do": [{"lock": "m"}]},
    "waiter": {"cpu": 1, "do": [{"usleep": "1ms"}, {"lock": "m"}]}})");
  CHECK(report.stuck.dead_owner);
  CHECK_THAT(sleeper(report, "waiter").waits_for, Contains("which has exited"));
}

TEST_CASE("who sleeps in S at the end is no defect of a run with a duration", "[stuck]") {
  const std::string sections = R"("waitqueues": ["q"], "variables": {"x": 0}, "kthreads": {
    "k": {"do": [{"wait_event_interruptible": {"waitqueue": "q", "until": "x != 0"}}]}})";
  const Report fixed = simulate("10ms", sections);
  CHECK_FALSE(fixed.defect);
  CHECK(fixed.stuck.sleepers.size() == 1);
  CHECK_THAT(report_text(fixed), Contains("asleep at the end: k (S, wait queue q)"));
  const Report idle = simulate("idle", sections);
  CHECK(idle.defect);
  CHECK_THAT(report_text(idle), Contains("no statement of the scenario wakes it"));
}

TEST_CASE("who sleeps in D for ever is a defect", "[stuck]") {
  const Report report = simulate("10ms", R"("completions": ["c"], "kthreads": {
    "k": {"do": [{"wait_for_completion": "c"}]},
    "late": {"start": "none", "do": [{"complete": "c"}]}})");
  CHECK(report.defect);
  const Sleeper& k = sleeper(report, "k");
  CHECK(k.waits_for == "completion c");
  REQUIRE(k.wakers.size() == 1);
  CHECK(k.wakers[0].fate == "does not exist");
}

TEST_CASE("the control task is named if it is stuck in an event", "[stuck]") {
  const Report report = simulate("idle", R"("completions": ["c"],
    "events": [{"t": "1ms", "wait_for_completion": "c"}])");
  CHECK(report.defect);
  REQUIRE(report.stuck.sleepers.size() == 1);
  CHECK_THAT(report.stuck.sleepers[0].where, Contains("/events/0"));
}

TEST_CASE("parked threads and idle workers are where they belong", "[stuck]") {
  const Report report = simulate("idle", R"("kthread_workers": {"w": {}}, "kthreads": {
    "k": {"do": [{"while": "!should_stop", "do": ["parkme"]}]}},
    "events": [{"t": "1ms", "kthread_park": "k"}], "expect": [{"always": "terminates"}])");
  CHECK_FALSE(report.defect);
  CHECK(sleeper(report, "k").parked);
  CHECK(sleeper(report, "k").state == 'P');
  CHECK(report.expectations[0].passed);
}

TEST_CASE("what is forbidden ends the run with its place", "[stuck]") {
  const Report report = simulate("idle", R"("variables": {"x": 0}, "kthreads": {
    "k": {"do": [{"usleep": "1ms"}, {"assert": "x == 1"}]}})");
  CHECK(report.ending == Ending::kDefect);
  CHECK(report.defect);
  CHECK_THAT(report.message, Contains("assertion failed: x == 1"));
  CHECK_THAT(report_text(report), Contains("DEFECT at t="));
}

TEST_CASE("watchdogs end a run that goes on elsewhere", "[stuck]") {
  const std::string clock = R"("clock": {"do": [{"loop": null, "do": [{"usleep": "1s"}]}]})";
  SECTION("a hung task") {
    const Report report = simulate("300s", R"("completions": ["c"], "kthreads": {
      "hung": {"do": [{"wait_for_completion": "c"}]}, )" +
                                               clock +
                                               R"(}, "expect": [{"never": "hung_task"},
                                                               {"never": "soft_lockup"}])");
    CHECK(report.ending == Ending::kWatchdog);
    CHECK(report.defect);
    CHECK_THAT(report.message, Contains("INFO: task hung:"));
    CHECK_FALSE(report.expectations[0].passed);
    CHECK(report.expectations[1].passed);
  }
  SECTION("a soft lockup") {
    const Report report =
        simulate("300s", R"("kthreads": {
      "hog": {"cpu": 1, "do": ["preempt_disable", {"run": "100s"}]}, )" +
                             clock + R"(}, "expect": [{"never": "soft_lockup"}])");
    CHECK(report.ending == Ending::kWatchdog);
    CHECK_FALSE(report.expectations[0].passed);
    REQUIRE_FALSE(report.stuck.busy.empty());
    CHECK(report.stuck.busy[0].name == "hog");
  }
  SECTION("an RCU stall: with interrupts off the soft lockup watchdog's timer cannot run") {
    const Report report =
        simulate("300s", R"("kthreads": {
      "hog": {"cpu": 1, "do": ["local_irq_disable", {"run": "100s"}]}, )" +
                             clock + R"(}, "expect": [{"never": "soft_lockup"}])");
    CHECK(report.ending == Ending::kWatchdog);
    CHECK(report.defect);
    CHECK_THAT(report.message, Contains("rcu_preempt detected stalls") && Contains("[hog:"));
    CHECK(report.expectations[0].passed);
  }
  SECTION("cond_resched where preemption is off is none") {
    const Report report = simulate("300s", R"("kthreads": {
      "hog": {"cpu": 1, "do": ["preempt_disable", {"loop": null, "do": [{"run": "1s"}, "cond_resched"]}]}})");
    CHECK(report.ending == Ending::kWatchdog);
    CHECK_THAT(report.message, Contains("soft lockup"));
  }
}

namespace {

std::string numbered(int count, const std::function<std::string(int)>& item) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + item(i);
  return text;
}

}  // namespace

// Reports of large hangs stay small, and their cost grows with what waits, not with its square.
TEST_CASE("many flushers of a queue that never ends", "[stuck][workqueue]") {
  constexpr int kFlushers = 400;
  const Report report = simulate(
      "2s",
      fmt::format(
          R"("machine": {{"cpus": 4}}, "completions": ["c"], "workqueues": {{"q": {{}}}},
      "works": {{"w": {{"workqueue": "q", "count": 200, "do": [{{"wait_for_completion": "c"}}]}},
        "idle": {{"do": [{}]}}}},
      "kthreads": {{"a": {{"do": [{{"loop": 200, "do": [{{"queue_work": "w"}}]}}]}}, {}}})",
          numbered(50, [](int) { return R"({"complete": "c"})"; }), numbered(kFlushers, [](int i) {
            return fmt::format(
                R"("f{}": {{"do": [{{"usleep": "20ms"}}, {{"flush_workqueue": "q"}}]}})", i);
          })));
  CHECK(report.defect);
  CHECK(report.stuck.cycles.empty());
  CHECK(report.stuck.sleepers.size() == kFlushers + 200);
  CHECK(sleeper(report, "f7").waits_for == "the end of q");
  CHECK_THAT(report_text(report), Contains("and 568 more: see --metrics"));
  CHECK(report_text(report).size() < 100'000);
}

TEST_CASE("a long circle of works that flush each other", "[stuck][workqueue]") {
  constexpr int kWorks = 300;
  const auto circle = [](int works, bool closed) {
    return simulate(
        "idle",
        fmt::format(
            R"("machine": {{"cpus": 4}}, "workqueues": {{"q": {{"flags": ["WQ_UNBOUND"], "max_active": 512}}}},
      "works": {{{}}}, "kthreads": {{"t": {{"do": [{}]}}}})",
            numbered(works,
                     [works, closed](int i) {
                       const bool last = i == works - 1;
                       return fmt::format(
                           R"("w{}": {{"workqueue": "q", "do": [{{"msleep": "100ms"}}, {}]}})", i,
                           !last    ? fmt::format(R"({{"flush_work": "w{}"}})", i + 1)
                           : closed ? R"({"msleep": "300ms"}, {"flush_work": "w0"})"
                                    : R"({"msleep": "300ms"})");
                     }),
            numbered(works, [](int i) { return fmt::format(R"({{"queue_work": "w{}"}})", i); })));
  };
  CHECK_FALSE(circle(kWorks, false).defect);
  const Report report = circle(kWorks, true);
  CHECK(report.ending == Ending::kDefect);
  CHECK_THAT(report.message,
             Contains("circular flush") && Contains("(runs w299 of q) waits for work w0") &&
                 Contains("(runs w298 of q) waits for work w299") && Contains(" more; "));
  CHECK(report.message.size() < 4'000);
}

TEST_CASE("a circle of queues that flush each other", "[stuck][workqueue]") {
  constexpr int kQueues = 40;
  const Report report = simulate(
      "idle",
      fmt::format(
          R"("machine": {{"cpus": 2}}, "workqueues": {{{}}}, "works": {{{}}}, "kthreads": {{"t": {{"do": [{}]}}}})",
          numbered(kQueues, [](int i) { return fmt::format(R"("q{}": {{"max_active": 1}})", i); }),
          numbered(
              kQueues,
              [](int i) {
                return fmt::format(
                    R"("w{0}": {{"workqueue": "q{0}", "count": 20, "do": [{{"msleep": "50ms"}}, {{"flush_workqueue": "q{1}"}}]}})",
                    i, (i + 1) % kQueues);
              }),
          numbered(kQueues, [](int i) {
            return fmt::format(R"({{"loop": 20, "do": [{{"queue_work": "w{}"}}]}})", i);
          })));
  CHECK(report.ending == Ending::kDefect);
  CHECK_THAT(report.message, Contains("circular flush") && Contains("waits for all works of q0"));
  CHECK(report.message.size() < 4'000);
}

// Found at the end of the run: each waits for the next by name.
TEST_CASE("a long chain of threads is walked once", "[stuck]") {
  constexpr int kThreads = 2'000;
  const Report report = simulate(
      "1s",
      fmt::format(
          R"("mutexes": [{}], "kthreads": {{{}}})",
          numbered(kThreads, [](int i) { return fmt::format(R"("m{}")", i); }),
          numbered(kThreads, [](int i) {
            return fmt::format(
                R"("k{0}": {{"do": [{{"lock": "m{0}"}}, {{"msleep": "400ms"}}, {{"lock": "m{1}"}}]}})",
                i, (i + 1) % kThreads);
          })));
  CHECK(report.defect);
  REQUIRE(report.stuck.cycles.size() == 1);
  CHECK(report.stuck.cycles[0].size() == kThreads);
}
