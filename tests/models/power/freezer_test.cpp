// The freezer: who freezes, where, and what a wakeup does meanwhile.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/run_scenario.hpp"

namespace {

using sim::kMs;
using support::lines_of;
using support::Run;
using support::run_keys;
using support::TraceLine;

/// One suspend to idle from 100 ms on, for 400 ms, with what `sections` declare.
Run suspended(const std::string& sections, const std::string& kernel = "") {
  return run_keys(R"("duration": "1s", "machine": {"cpus": 2}, )" + kernel + sections +
                  R"(, "events": [{"t": "100ms", "do": [{"mark": "suspend"},
                       {"suspend": {"state": "s2idle", "wake_after": "400ms"}}, {"mark": "resumed"}]}])");
}

/// When the system was frozen, and when it began to thaw.
std::pair<sim::Time, sim::Time> frozen(const Run& run) {
  std::pair<sim::Time, sim::Time> window{-1, -1};
  for (const TraceLine* line : lines_of(run.trace, "suspend_resume")) {
    if (line->payload == "freeze_processes[0] end") window.first = line->time;
    if (line->payload == "thaw_processes[0] begin") window.second = line->time;
  }
  return window;
}

std::size_t count_between(const Run& run, const char* event, const char* comm, sim::Time from,
                          sim::Time to) {
  std::size_t count = 0;
  for (const TraceLine* line : lines_of(run.trace, event, "comm", comm)) {
    if (line->time >= from && line->time <= to) ++count;
  }
  return count;
}

std::string returned(const Run& run) {
  std::string text;
  for (const TraceLine* line : lines_of(run.trace, "return")) text += line->payload + "\n";
  return text;
}

}  // namespace

TEST_CASE("a sleeper that is freezable is frozen as it sleeps, and goes on sleeping",
          "[power][freezer]") {
  const Run run = suspended(R"("variables": {"x": 0}, "waitqueues": ["q"],
    "kthreads": {"sleeper": {"freezable": true, "do":
      [{"wait_event_freezable": {"waitqueue": "q", "until": "x"}}]}})");
  CHECK(support::violations(run) == "");
  CHECK(returned(run) == "suspend(system) = 0\n");
  CHECK(count_between(run, "sched_waking", "sleeper", run.mark("suspend"), run.end) == 0);
  const auto state = run.task("sleeper").state;
  CHECK(state == (kt::sched::kTaskInterruptible | kt::sched::kTaskFreezable));
}

TEST_CASE("a wakeup of a frozen task shows at the thaw, once, by the task that thaws",
          "[power][freezer]") {
  const Run run = suspended(R"("variables": {"x": 0}, "waitqueues": ["q"],
    "kthreads": {
      "sleeper": {"freezable": true, "do": [{"wait_event_freezable": {"waitqueue": "q", "until": "x"}}, {"mark": "woken"}]},
      "waker": {"do": [{"msleep": "300ms"}, {"set": "x = 1"}, {"mark": "wakes"}, {"wake_up": "q"}, {"wake_up": "q"}]}})");
  CHECK(support::violations(run) == "");
  const auto [begin, thaw] = frozen(run);
  CHECK(run.mark("wakes") > begin);
  CHECK(run.mark("wakes") < thaw);
  CHECK(run.mark("woken") > thaw);
  CHECK(count_between(run, "sched_waking", "sleeper", run.mark("suspend"), thaw) == 0);
  const auto wakings = lines_of(run.trace, "sched_waking", "comm", "sleeper");
  REQUIRE_FALSE(wakings.empty());
  CHECK(wakings.back()->comm == "control");
  CHECK(count_between(run, "sched_waking", "sleeper", thaw, run.end) == 1);
}

TEST_CASE("a timer of a frozen sleeper runs out, and wakes it at the thaw", "[power][freezer]") {
  const Run run = suspended(R"("kthreads": {"sleeper": {"freezable": true, "do":
      [{"set_state": "TASK_INTERRUPTIBLE|TASK_FREEZABLE"}, {"schedule_timeout": "200ms"}, {"mark": "woken"}]}})");
  CHECK(support::violations(run) == "");
  CHECK(run.mark("woken") > frozen(run).second);
}

TEST_CASE("user tasks freeze wherever they are", "[power][freezer]") {
  const Run run = suspended(R"("variables": {"x": 0}, "waitqueues": ["q"], "tasks": {
      "user0": {"cpu": 0, "do": [{"run": "300ms"}, {"mark": "computed"}]},
      "user1": {"do": [{"loop": null, "do": [{"usleep": "3ms"}]}]},
      "user2": {"do": [{"wait_event_interruptible": {"waitqueue": "q", "until": "x"}}, {"mark": "saw x"}]},
      "user3": {"do": [{"loop": 30, "do": [{"msleep": "10ms"}]}, {"set": "x = 1"}, {"wake_up": "q"}]}})");
  CHECK(support::violations(run) == "");
  CHECK(returned(run) == "suspend(system) = 0\nwake_up(q) = 1\nwait_event_interruptible(q) = 0\n");
  // Its computation stood still: 100 ms before, and the rest after the thaw.
  CHECK(run.mark("computed") > frozen(run).second + 150 * kMs);
  CHECK(run.mark("saw x") > 600 * kMs);
}

TEST_CASE("a sleeper in D cannot freeze: the suspend fails when the time is up",
          "[power][freezer]") {
  const Run run = suspended(
      R"("completions": ["c"], "tasks": {"user0": {"do": [{"wait_for_completion": "c"}]}})",
      R"("kernel": {"boot": "minimal", "pm_freeze_timeout": "200ms"}, )");
  CHECK(support::violations(run) == "");
  CHECK(returned(run) == "suspend(system) = -16\n");
  const sim::Time took = run.mark("resumed") - run.mark("suspend");
  CHECK(took >= 200 * kMs);
  CHECK(took < 200 * kMs + 20 * kMs);
}

TEST_CASE("a kernel thread that is not freezable runs on", "[power][freezer]") {
  const Run run = suspended(R"j("variables": {"n": 0}, "kthreads": {
      "plain": {"do": [{"loop": null, "do": [{"msleep": "10ms"}, {"set": "n += 1"}, "try_to_freeze"]}]},
      "freezes": {"do": ["set_freezable", {"loop": null, "do": [{"msleep": "10ms"}, {"if": "freezing()", "then": [{"mark": "freezing"}]}, "try_to_freeze"]
}]
}
})j");
  CHECK(support::violations(run) == "");
  const auto [begin, thaw] = frozen(run);
  CHECK(count_between(run, "sched_waking", "plain", begin, thaw) > 20);
  CHECK(count_between(run, "sched_waking", "freezes", begin, thaw) == 0);
  CHECK(run.mark("freezing") > run.mark("suspend"));
}

TEST_CASE("kthread_stop of a frozen thread comes back after the thaw", "[power][freezer]") {
  const Run run = suspended(R"j("kthreads": {
      "k": {"freezable": true, "do": [{"while": "!should_stop()", "do": [{"msleep": "5ms"}, "try_to_freeze"]}, {"return": 3}]
}
, "stopper" : {
  "do" : [ {"msleep" : "250ms"}, {"kthread_stop" : "k"}, {"mark" : "stopped"} ]
}
})j");
  CHECK(support::violations(run) == "");
  CHECK(run.mark("stopped") > frozen(run).second);
  CHECK(returned(run) == "kthread_stop(k) = 3\nsuspend(system) = 0\n");
}

TEST_CASE("a freezable kthread worker freezes between works, a plain one does not",
          "[power][freezer]") {
  const Run run = suspended(R"("kthread_workers": {"cold": {"freezable": true}, "warm": {}},
    "kthread_works": {"c": {"worker": "cold", "do": [{"mark": "cold work"}]}, "w": {"worker": "warm", "do": [{"mark": "warm work"}]}},
    "kthreads": {"k": {"do": [{"msleep": "250ms"}, {"kthread_queue_work": "c"}, {"kthread_queue_work": "w"}]}})");
  CHECK(support::violations(run) == "");
  const auto [begin, thaw] = frozen(run);
  CHECK(run.mark("warm work") < thaw);
  CHECK(run.mark("cold work") > thaw);
}

TEST_CASE("works of a frozen queue wait as inactive, also of one made meanwhile",
          "[power][freezer]") {
  const Run run = suspended(
      R"("workqueues": {"fz": {"flags": ["WQ_FREEZABLE"]}, "fzu": {"flags": ["WQ_FREEZABLE", "WQ_UNBOUND"]},
      "fznew": {"flags": ["WQ_FREEZABLE"], "start": "none"}, "nf": {"flags": []}},
    "works": {"a": {"workqueue": "fz", "do": [{"mark": "a"}]}, "b": {"workqueue": "fzu", "do": [{"mark": "b"}]},
      "c": {"workqueue": "fznew", "do": [{"mark": "c"}]}, "d": {"workqueue": "nf", "do": [{"mark": "d"}]}},
    "kthreads": {"k": {"do": [{"msleep": "250ms"}, {"alloc_workqueue": "fznew"}, {"queue_work": "a"}, {"queue_work": "b"},
      {"queue_work": "c"}, {"queue_work": "d"}, {"flush_work": "a"}, {"mark": "flushed"}]}})");
  CHECK(support::violations(run) == "");
  const sim::Time thaw = frozen(run).second;
  CHECK(run.mark("d") < thaw);
  for (const char* name : {"a", "b", "c", "flushed"}) CHECK(run.mark(name) > thaw);
}

namespace {

// `hog` is killed at some 100 ms for what `late` wants, and sleeps in D until three seconds.
Run with_victim(const std::string& pm_freeze_timeout) {
  return run_keys(R"("duration": "30s", "kernel": {"boot": "minimal", "pm_freeze_timeout": ")" +
                  pm_freeze_timeout + R"("}, "completions": ["served"],
    "machine": {"cpus": 2, "nodes": [{"cpus": "0-1", "memory": "256M", "free": "128M", "cache": "1M"}]},
    "kthreads": {"server": {"do": [{"msleep": "3s"}, {"complete": "served"}]},
      "late": {"cpu": 0, "do": [{"msleep": "100ms"}, {"loop": 1024, "do": [{"alloc": {"bytes": "16K"}}]}]}},
    "tasks": {"hog": {"cpu": 1, "do": [{"loop": 30, "do": [{"alloc": {"bytes": "4M"}}]},
      {"wait_for_completion": "served"}]}},
    "events": [{"t": "500ms", "suspend": {"state": "s2idle", "wake_after": "25s"}}])");
}

}  // namespace

TEST_CASE("a suspend waits for the victims of the OOM killer", "[power][freezer][oom]") {
  const Run run = with_victim("20s");
  CHECK(support::violations(run) == "");
  CHECK_THAT(returned(run), Catch::EndsWith("suspend(system) = 0\n"));
  REQUIRE(lines_of(run.trace, "mark_victim").size() == 1);
  const auto exits = lines_of(run.trace, "sched_process_exit", "comm", "hog");
  REQUIRE(exits.size() == 1);
  CHECK(exits.front()->time < frozen(run).first);
}

TEST_CASE("a suspend fails if the victims of the OOM killer do not go", "[power][freezer][oom]") {
  const Run run = with_victim("1s");
  CHECK(support::violations(run) == "");
  CHECK_THAT(returned(run), Catch::Contains("suspend(system) = -16\n"));
  const auto exits = lines_of(run.trace, "sched_process_exit", "comm", "hog");
  REQUIRE(exits.size() == 1);
  CHECK(exits.front()->time > frozen(run).first);
}

TEST_CASE("nobody is killed while devices sleep", "[power][freezer][oom]") {
  const Run run = run_keys(R"("duration": "3s", "variables": {"result": 0},
    "machine": {"cpus": 2, "nodes": [{"cpus": "0-1", "memory": "256M", "free": "128M", "cache": "1M"}]},
    "tasks": {"hog": {"do": [{"loop": 25, "do": [{"alloc": {"bytes": "4M"}}]}, {"wait_event_interruptible": {"waitqueue": "q", "until": "result"}}]}},
    "waitqueues": ["q"], "kthreads": {"late": {"do": [{"msleep": "1s"},
      {"loop": 20, "do": [{"alloc": {"bytes": "4M", "result": "result"}}]}, {"mark": "late"}]}},
    "events": [{"t": "500ms", "suspend": {"state": "s2idle", "wake_after": "1s"}},
               {"t": "2s", "assert": "result == -12"}])");
  CHECK(run.message == "");
  CHECK(lines_of(run.trace, "mark_victim").empty());
  CHECK(run.mark("late") < frozen(run).second);
}
